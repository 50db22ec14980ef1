"""Deployment and Service of a trial's comparer (``modelrollout compare``), and the copies that a rule sends to it.

It has no rights in the cluster and keeps nothing. No side car: what it asks of model servers would be counted as
requests of users. Another trial, other arms or settings are other arguments, so another pod, which counts from 0.
"""

from __future__ import annotations

import hashlib
import json

from modelrollout.api.base import to_json
from modelrollout.core.plan import DesiredComparer
from modelrollout.manifests.meta import NAME_LIMIT, OWNER_LABEL, Object, child_name, marked, metadata, owner_reference
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT, USER, confined, service_port
from modelrollout.resource.rollout import GROUP, ModelRollout
from modelrollout.resource.spec import Spec

COMPONENT_LABEL = f"{GROUP}/component"
COMPARER = "comparer"
METRICS_PORT = 8080
_SUFFIX = "-shadow"
_GRACE_SECONDS = 30  # it shows its counters once more after it was told to end
# Large requests of users wait for one that hangs until it is known not to be ready (``runtime/apply``).
_PROBED = {"periodSeconds": 1, "failureThreshold": 2}


def comparer_name(rollout: str) -> str:
    """``fraud-shadow``: no version ends so. A digest stands for what would make it too long."""
    plain = f"{rollout}{_SUFFIX}"
    if len(plain) <= NAME_LIMIT:
        return plain
    return f"{rollout[: NAME_LIMIT - 18]}-{hashlib.sha256(rollout.encode()).hexdigest()[:10]}{_SUFFIX}"


def comparer_service(rollout: ModelRollout, spec: Spec) -> Object:
    """It has the ports of a model server, because copies go to the port that the request went to."""
    return marked(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(rollout, spec),
            "spec": {
                "selector": _selector(rollout),
                "ports": [service_port("http", REST_PORT), service_port("grpc", GRPC_PORT)],
            },
        }
    )


def comparer_deployment(rollout: ModelRollout, spec: Spec, wanted: DesiredComparer, platform: Platform) -> Object:
    """One pod: two would have two samples of the requests, and counters that begin at different times."""
    return marked(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _metadata(rollout, spec),
            "spec": {
                "replicas": 1,
                "revisionHistoryLimit": 1,
                "selector": {"matchLabels": _selector(rollout)},
                "strategy": {"type": "Recreate"},
                "template": {
                    "metadata": {
                        "labels": {**_selector(rollout), "sidecar.istio.io/inject": "false"},
                        "annotations": {
                            "prometheus.io/scrape": "true",
                            "prometheus.io/port": str(METRICS_PORT),
                            "prometheus.io/path": "/metrics",
                            "sidecar.istio.io/inject": "false",
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
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [_container(rollout, wanted, platform)],
                        **_secrets(spec),
                    },
                },
            },
        }
    )


def _container(rollout: ModelRollout, wanted: DesiredComparer, platform: Platform) -> Object:
    versions = [("--control", wanted.control), *(("--arm", arm) for arm in wanted.arms)]
    return {
        "name": COMPARER,
        "image": platform.fetch_image,
        "imagePullPolicy": platform.fetch_image_pull_policy,
        "command": ["modelrollout", "compare"],
        "args": [
            f"--namespace={rollout.namespace}",
            f"--rollout={rollout.name}",
            f"--trial={wanted.trial}",
            *(f"{option}={version}={child_name(rollout.name, version)}" for option, version in versions),
        ],
        "env": [{"name": "MODELROLLOUT_SHADOW", "value": _settings(wanted)}],
        "ports": [
            {"name": "http", "containerPort": REST_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": METRICS_PORT}, **_PROBED},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": METRICS_PORT}, "periodSeconds": 5},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {**confined(), "readOnlyRootFilesystem": True},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _secrets(spec: Spec) -> Object:
    """It is the image that fetches models, so it is pulled with the secrets of their pods."""
    pod = (spec.serving.template or {}).get("spec")
    given = pod.get("imagePullSecrets") if isinstance(pod, dict) else None
    return {"imagePullSecrets": given} if given else {}


def _settings(wanted: DesiredComparer) -> str:
    return json.dumps(to_json(wanted.settings), sort_keys=True)


def _selector(rollout: ModelRollout) -> dict[str, str]:
    return {OWNER_LABEL: rollout.name, COMPONENT_LABEL: COMPARER}


def _metadata(rollout: ModelRollout, spec: Spec) -> Object:
    """It goes with its rollout, whatever becomes of what serves."""
    described = metadata(rollout, spec, comparer_name(rollout.name), None)
    labels = described["labels"] | {COMPONENT_LABEL: COMPARER}
    return {**described, "labels": labels, "ownerReferences": [owner_reference(rollout)]}


def copies(rollout: ModelRollout, wanted: DesiredComparer, port: int) -> Object:
    """What sends a part of the requests of a rule to the comparer besides, whose answers go to nobody.

    https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPMirrorPolicy
    """
    host = f"{comparer_name(rollout.name)}.{rollout.namespace}.svc.{rollout.cluster_domain}"
    destination = {"host": host, "port": {"number": port}}
    return {"mirrors": [{"destination": destination, "percentage": {"value": float(wanted.settings.percent)}}]}
