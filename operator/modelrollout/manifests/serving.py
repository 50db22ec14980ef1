"""Deployment and Services of one model version.

One version, one Deployment: TensorFlow Serving puts no version on its request metrics, unloads and loads in one
process at the cost of the other versions' latency, and its labels cannot be moved atomically. So each version has
pods of its own, and a promotion restarts none of them.

How a pod comes up: the init container fetches the model into an emptyDir, checks its digest and renames it into
place; only then the server starts, finds exactly one version, and opens its ports once that is loaded. A load that
fails ends the server at once (no retries), and its last words are the container's termination message. Once they are
up, pods stay as they were made (``kept.py``).

How it goes: the server ignores SIGTERM (as process 1 without a handler), so it serves on until the grace period ends;
the wait in preStop covers the time until every proxy has heard that the pod is going.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelrollout.api.route import EVERYBODY
from modelrollout.api.version import ModelVersion
from modelrollout.core.plan import DesiredVersion
from modelrollout.core.recipe import made_from, settings_of
from modelrollout.manifests import samples, store_secret
from modelrollout.manifests.kept import (
    DIGEST_FLAG,
    FETCH_CONTAINER,
    MADE_FROM_ANNOTATION,
    REPLICAS_ANNOTATION,
    SETTINGS_ANNOTATION,
    TEMPLATE_ANNOTATION,
    URI_ANNOTATION,
    kept_settings,
    kept_template,
    place_of,
)
from modelrollout.manifests.merge import merge
from modelrollout.manifests.meta import Object, child_name, labels, marked, metadata, selector_labels
from modelrollout.manifests.platform import FILE_SCHEME, PLATFORM_ANNOTATION, Platform, below
from modelrollout.manifests.store_secret import is_remote
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

GRPC_PORT = 8500
REST_PORT = 8501
SERVER_CONTAINER = "serving"
METRICS_PATH = "/monitoring/prometheus/metrics"

_MODELS = "/models"
_SOURCE = "/source"
_MONITORING_CONFIG = f"{_MODELS}/monitoring.config"
USER = 65532  # neither container needs more than this; namespaces with restricted pod security accept it
_PRE_STOP_SECONDS = 5  # endpoints reach the proxies within a second or two
_PATIENCE = 0.9  # of loadTimeout, for a store that is away: then the fetcher still has the time to say so,
_LAST_WORDS_SECONDS = 5.0  # that long at least, and half of loadTimeout at most
_GRACE_SECONDS = 35  # preStop and a whole REST timeout (30 s) for what is still under way


def deployment(
    rollout: ModelRollout,
    spec: Spec,
    version: DesiredVersion,
    platform: Platform,
    live: Mapping[str, Any] | None = None,
) -> Object:
    """The Deployment of one version, marked with the hash of itself; ``live`` is the one that there is.

    One that is gone is made anew as it was, and not as the spec would have the next version.
    """
    made_by = spec if version.serving is None else spec.model_copy(update={"serving": version.serving})
    name, settings = child_name(rollout.name, version.version), settings_of(made_by.serving)
    fresh = _template(rollout, made_by, version, platform)
    kept = None if _needs_user(live, version, platform) else kept_template(live, version, fresh, settings)
    if kept is not None and live is not None and place_of(live) == version.uri:
        platform = Platform.of(live) or platform
    template = kept or fresh
    described = metadata(rollout, spec, name, version.version)
    described["annotations"] = {
        **({} if version.elastic else {REPLICAS_ANNOTATION: str(version.replicas)}),
        URI_ANNOTATION: version.uri,
        PLATFORM_ANNOTATION: platform.to_annotation(),
        SETTINGS_ANNOTATION: kept_settings(live, version, settings),
        TEMPLATE_ANNOTATION: json.dumps(template, sort_keys=True, separators=(",", ":")),
    }
    desired = marked(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": described,
            "spec": {
                **({} if version.elastic else {"replicas": version.replicas}),
                "revisionHistoryLimit": 1,
                "selector": {"matchLabels": selector_labels(rollout.name, version.version)},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
                "template": template,
            },
        }
    )
    return _as_scaled(desired, version, live) if version.elastic else desired


def _needs_user(live: Mapping[str, Any] | None, version: DesiredVersion, platform: Platform) -> bool:
    """Whether the pods of a version wait for a network that their fetcher's user will never have."""
    known = Platform.of(live) if live is not None else None
    waits = live is not None and not version.settled and is_remote(version.uri)
    return waits and platform.fetch_user is not None and (known is None or known.fetch_user is None)


def _as_scaled(desired: Object, version: DesiredVersion, live: Mapping[str, Any] | None) -> Object:
    """With the number of pods that it has, which others decide: a server-side apply that leaves out a field that it
    once set takes it away, and the Deployment falls to one pod. The mark knows nothing of that number, and the write is
    refused when somebody has scaled meanwhile.
    https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership"""
    replicas = version.replicas if live is None else live["spec"].get("replicas", version.replicas)
    scaled = {**desired, "spec": {**desired["spec"], "replicas": replicas}}
    if live is None:
        return scaled
    return {**scaled, "metadata": {**desired["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}}


def service(rollout: ModelRollout, spec: Spec, version: DesiredVersion, split: str = EVERYBODY) -> Object:
    """The Service of one version in one split; all of a version lead to the same pods. The ports' names tell Istio the
    protocols."""
    name = child_name(rollout.name, version.version, split)
    return marked(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(rollout, spec, name, version.version, split),
            "spec": {
                "selector": selector_labels(rollout.name, version.version),
                "ports": [service_port("http", REST_PORT), service_port("grpc", GRPC_PORT)],
            },
        }
    )


def service_port(name: str, port: int) -> Object:
    return {"name": name, "port": port, "targetPort": port, "protocol": "TCP", "appProtocol": name}


def _template(rollout: ModelRollout, spec: Spec, version: DesiredVersion, platform: Platform) -> Any:
    """The pod template: ours, the user's over it, and the labels that hold everything together over both."""
    own = {
        "metadata": {
            "labels": labels(rollout.name, version.version),
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(REST_PORT),
                "prometheus.io/path": METRICS_PATH,
                "kubectl.kubernetes.io/default-container": SERVER_CONTAINER,
                MADE_FROM_ANNOTATION: _mark(spec, version, platform),
            },
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": _GRACE_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [_fetch(spec, version, platform)],
            "containers": [_server(spec)],
            "volumes": [*_volumes(version, platform), *store_secret.volumes(spec, version.uri), *samples.volumes(spec)],
        },
    }
    wanted = merge(own, spec.serving.template or {})
    return merge(wanted, {"metadata": {"labels": labels(rollout.name, version.version)}})


def _fetch(spec: Spec, version: DesiredVersion, platform: Platform) -> Object:
    mounts: list[Object] = [{"name": "models", "mountPath": _MODELS}]
    if _volume_source(version.uri, platform) is not None:
        mounts.append({"name": "source", "mountPath": _SOURCE, "readOnly": True})
    mounts += [*store_secret.mounts(spec, version.uri), *samples.mounts(spec)]
    given = samples.environment(spec)
    user = _user(version, platform)
    return {
        "name": FETCH_CONTAINER,
        "image": platform.fetch_image,
        "imagePullPolicy": platform.fetch_image_pull_policy,
        "command": ["modelrollout", "fetch"],
        "args": [*_fetch_flags(spec, version, platform), *samples.fetch_flags(spec)],
        **({"env": given} if given else {}),
        "volumeMounts": mounts,
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            **({"limits": {"memory": platform.fetch_memory}} if platform.fetch_memory else {}),
        },
        "securityContext": {**confined(), "readOnlyRootFilesystem": True, **({"runAsUser": user} if user else {})},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _fetch_flags(spec: Spec, version: DesiredVersion, platform: Platform) -> list[str]:
    flags = [
        f"--uri={version.uri}",
        f"--to={_MODELS}/{spec.model.name}",
        f"--number={ModelVersion.parse(version.version).serving_number}",
        f"--monitoring-config={_MONITORING_CONFIG}",
        f"--max-bytes={platform.fetch_max_bytes}",
        f"--timeout={platform.fetch_timeout:g}",
    ]
    if is_remote(version.uri):
        flags.append(f"--retry-for={_patience(spec.serving.load_timeout):g}")
    flags += store_secret.fetch_flags(spec, version.uri)
    if _volume_source(version.uri, platform) is not None:
        flags.append(f"--source={_SOURCE}/{_path_in_source(version.uri, platform)}")
    if version.digest is not None:
        flags.append(f"{DIGEST_FLAG}{version.digest}")
    return flags


def _user(version: DesiredVersion, platform: Platform) -> int | None:
    """Who fetches over a network that the pods' own user has not yet; None for that one."""
    return platform.fetch_user if is_remote(version.uri) else None


def _mark(spec: Spec, version: DesiredVersion, platform: Platform) -> str:
    """Of all that a pod is made from. What one without a network says last is not said of those in its place."""
    mark, user = made_from(settings_of(spec.serving), version.uri, version.digest), _user(version, platform)
    return mark if user is None else f"{mark}-{user}"


def _patience(load_timeout: float) -> float:
    return max(load_timeout / 2, min(_PATIENCE * load_timeout, load_timeout - _LAST_WORDS_SECONDS))


def _path_in_source(uri: str, platform: Platform) -> str:
    """The model's folder below the mounted volume."""
    if uri.startswith(FILE_SCHEME):
        return below(uri.removeprefix(FILE_SCHEME), platform.file_root or "/") or ""
    return uri.removeprefix("pvc://").partition("/")[2]


def _server(spec: Spec) -> Object:
    container: Object = {
        "name": SERVER_CONTAINER,
        "image": spec.serving.image,
        "imagePullPolicy": spec.serving.image_pull_policy,
        "command": ["/usr/bin/tensorflow_model_server"],
        "args": [*_server_flags(spec.model.name), *spec.serving.args],
        "ports": [
            {"name": "http", "containerPort": REST_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
        ],
        # Open only once the model is loaded. A probe by HTTP would be counted as a request to the model.
        "readinessProbe": {"tcpSocket": {"port": GRPC_PORT}, "periodSeconds": 2, "failureThreshold": 3},
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sleep", str(_PRE_STOP_SECONDS)]}}},
        "volumeMounts": [{"name": "models", "mountPath": _MODELS, "readOnly": True}],
        "securityContext": confined(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if spec.serving.resources:
        container["resources"] = spec.serving.resources
    return container


def _server_flags(model: str) -> list[str]:
    return [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_name={model}",
        f"--model_base_path={_MODELS}/{model}",
        # A model that cannot be loaded is known at once, and not after five tries a minute apart.
        "--max_num_load_retries=0",
        "--load_retry_interval_micros=0",
        f"--monitoring_config_file={_MONITORING_CONFIG}",
        "--enable_profiler=false",
    ]


def confined() -> Object:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _volumes(version: DesiredVersion, platform: Platform) -> list[Object]:
    source = _volume_source(version.uri, platform)
    volumes: list[Object] = [{"name": "models", "emptyDir": {}}]
    return volumes if source is None else [*volumes, {"name": "source", **source}]


def _volume_source(uri: str, platform: Platform) -> Object | None:
    """What is mounted to read the model from; None for what comes over the network."""
    if uri.startswith("pvc://"):
        claim = uri.removeprefix("pvc://").partition("/")[0]
        return {"persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
    if uri.startswith(FILE_SCHEME):
        # The allowed root and not the model's own folder: a runtime would make a missing one, empty.
        return {"hostPath": {"path": platform.file_root or "", "type": "Directory"}}
    return None
