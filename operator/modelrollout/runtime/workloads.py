"""Workloads: what a Deployment, its pods and its Services say, as values and in words.

Kubernetes tells why a pod is not ready in half a dozen places. Here they become one of two sentences: ``failure``,
when the version cannot come up by itself, in the fetcher's or the server's own words (``pods.blamed``); or ``waiting``,
when there is hope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modelrollout.api.printable import printable, shortened
from modelrollout.api.route import EVERYBODY
from modelrollout.core.observation import Workload
from modelrollout.manifests.kept import applied_replicas, made_from_mark, pinned_digest, place_of, settings_hash
from modelrollout.manifests.meta import SPLIT_LABEL, VERSION_LABEL
from modelrollout.runtime.loads import load_seconds, loading_since
from modelrollout.runtime.pods import (
    at_work_since,
    blamed,
    conditions,
    digest,
    ended_by_node,
    has_served,
    how_it_ended,
    is_ready,
    of_every_try,
    waits_for,
)

Object = Mapping[str, Any]

LONGEST = 2000  # characters of what a version waits for: a registry's words may be anything, and go into the status

BEING_CREATED = "its pods are being created"
"""When there is no pod that could say more."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The objects of a version could not be written. ``by_api_server``: it does not take them as they are, by its own
    rules or somebody's policy, a quota, a right that is missing; otherwise it is unwell, or away."""

    words: str
    by_api_server: bool


def corrected(known: Workload, refused: Refused) -> Workload:
    """What runs of a version whose newest objects were refused: its pods, if there are any, are still the old ones. The
    objects are tried again: what a cluster does not take says nothing of a model, and somebody may mend it."""
    return replace(known, waiting=refused.words, refused=refused.by_api_server)


def workloads(deployments: Iterable[Object], pods: Iterable[Object], services: Iterable[Object]) -> dict[str, Workload]:
    """What runs of each version, by version."""
    pods_of, services_of = _by_version(pods), _by_version(services)
    return {
        _version(item): workload(item, pods_of.get(_version(item), []), services_of.get(_version(item), []))
        for item in deployments
        if _version(item)  # a comparer is of no version
    }


def _by_version(items: Iterable[Object]) -> dict[str, list[Object]]:
    by_version: dict[str, list[Object]] = {}
    for item in items:
        by_version.setdefault(_version(item), []).append(item)
    return by_version


def workload(deployment: Object, pods: Iterable[Object], services: Iterable[Object]) -> Workload:
    """One version. What is being deleted, pods that their node has ended, and those of an older template do not speak
    for it any more."""
    status = deployment.get("status", {})
    present = _staying(pods)
    living = [pod for pod in present if not ended_by_node(pod)]
    ended = [pod for pod in present if ended_by_node(pod)]
    desired = deployment["spec"].get("replicas", 1)
    ready = min(status.get("readyReplicas", 0), desired)
    newest = [pod for pod in living if _is_newest(pod, deployment)]
    digests = sorted({found for pod in newest if (found := digest(pod))})
    unready = [pod for pod in newest if not is_ready(pod)]
    outdated = len(newest) < len(living)
    end = blamed(unready)
    failure = end.words if end is not None else _beyond_deadline(unready)
    return Workload(
        version=_version(deployment),
        desired=desired,
        ready=ready,
        digests=tuple(digests),
        uri=place_of(deployment),
        failure=failure,
        of_model=end is not None and end.of_model,
        unfetched=end is not None and end.is_fetcher,
        store_away=end is not None and end.store_away,
        waiting=None if failure or (ready >= desired and not outdated) else _told(_waiting(deployment, newest, ended)),
        displaced=ready == 0 and failure is None and not any(map(has_served, living)),
        at_work_since=at_work_since(unready or newest),
        loading_since=loading_since(unready),
        load_seconds=load_seconds(pod for pod in newest if is_ready(pod)),
        applied=applied_replicas(deployment),
        outdated=outdated,
        settings=settings_hash(deployment),
        pinned=pinned_digest(deployment),
        created_at=_created_at(deployment),
        services={_split(service): _created_at(service) for service in _staying(services)},
    )


def _is_newest(pod: Object, deployment: Object) -> bool:
    """Whether it is of the Deployment's present template; those before it answer on, and say nothing of that one."""
    return made_from_mark(pod) == made_from_mark(deployment["spec"].get("template", {}))


def _staying(items: Iterable[Object]) -> list[Object]:
    return [item for item in items if "deletionTimestamp" not in item["metadata"]]


def _split(service: Object) -> str:
    """Whose requests come by a Service. One that does not say is for everybody's, as all were up to version 0.1."""
    return str((service["metadata"].get("labels") or {}).get(SPLIT_LABEL, EVERYBODY))


def _created_at(item: Object) -> float:
    """Seconds since the epoch, by the API server's clock and in its whole seconds; 0.0 when it does not say."""
    text = item["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def ready_pods(pods: Iterable[Object], version: str) -> list[Object]:
    """The pods of a version that can answer."""
    return [pod for pod in pods if _version(pod) == version and is_ready(pod) and pod["status"].get("podIP")]


def addresses(pods: Iterable[Object], version: str) -> tuple[str, ...]:
    """Of the pods of a version that can answer."""
    return tuple(sorted(pod["status"]["podIP"] for pod in ready_pods(pods, version)))


def unready_pod(pods: Iterable[Object], version: str) -> Object | None:
    """The first pod of a version that is waited for."""
    own = (pod for pod in _staying(pods) if _version(pod) == version)
    return next((pod for pod in own if not ended_by_node(pod) and not is_ready(pod)), None)


def _version(item: Object) -> str:
    return str((item["metadata"].get("labels") or {}).get(VERSION_LABEL, ""))


def _beyond_deadline(pods: Iterable[Object]) -> str | None:
    """Pods that a deadline of the template ended: the node would have been no reason."""
    return next((how_it_ended(pod) for pod in pods if pod.get("status", {}).get("phase") == "Failed"), None)


def _told(words: str) -> str:
    """As much as a status can hold several times, fit to be shown."""
    return shortened(printable(of_every_try(words)), LONGEST)


def _waiting(deployment: Object, living: Sequence[Object], ended: Iterable[Object]) -> str:
    """Why a version is not ready yet, the nearest cause first."""
    for condition in conditions(deployment):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"its pods cannot be created: {condition.get('message')}"
    for pod in living:
        if not is_ready(pod):
            return waits_for(pod)
    for pod in ended:
        return f"{BEING_CREATED}; {how_it_ended(pod)}"
    if living and len(living) >= deployment["spec"].get("replicas", 1):
        return "its pods are ready, which Kubernetes is about to count"
    return BEING_CREATED
