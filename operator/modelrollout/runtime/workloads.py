"""Workloads: what a Deployment, its pods and its Services say, as values and in words.

Kubernetes tells why a pod is not ready in half a dozen places. Here they become one of two sentences: ``failure``,
when a container ended with an error and so the version cannot come up by itself, in the fetcher's or the server's own
words; or ``waiting``, when there is hope.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modelrollout.api.route import EVERYBODY
from modelrollout.core.observation import Workload
from modelrollout.manifests.meta import SPLIT_LABEL, VERSION_LABEL
from modelrollout.manifests.serving import FETCH_CONTAINER, SERVER_CONTAINER, URI_ANNOTATION, pinned_digest

Object = Mapping[str, Any]

_WORDS_LIMIT = 600  # characters of a server's last words that go into a status
_ERROR = re.compile(r"(?i)\b(failed to|error|exception|fatal|cannot|could not|killed)\b")
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})


@dataclass(frozen=True, slots=True)
class Refused:
    """The API server does not take the objects of a version. ``final`` when trying again cannot help."""

    words: str
    final: bool


def corrected(known: Workload, refused: Refused) -> Workload:
    """What runs of a version whose newest objects were refused: its pods, if there are any, are still the old ones."""
    return replace(known, failure=refused.words) if refused.final else replace(known, waiting=refused.words)


def workloads(deployments: Iterable[Object], pods: Iterable[Object], services: Iterable[Object]) -> dict[str, Workload]:
    """What runs of each version, by version."""
    pods_of, services_of = _by_version(pods), _by_version(services)
    return {
        _version(item): workload(item, pods_of.get(_version(item), []), services_of.get(_version(item), []))
        for item in deployments
    }


def _by_version(items: Iterable[Object]) -> dict[str, list[Object]]:
    by_version: dict[str, list[Object]] = {}
    for item in items:
        by_version.setdefault(_version(item), []).append(item)
    return by_version


def workload(deployment: Object, pods: Iterable[Object], services: Iterable[Object]) -> Workload:
    """One version. What is being deleted, and pods that their node has ended, do not speak for it any more."""
    described, status = deployment["metadata"], deployment.get("status", {})
    present = _staying(pods)
    living = [pod for pod in present if not _ended_by_node(pod)]
    ended = [pod for pod in present if _ended_by_node(pod)]
    desired = deployment["spec"].get("replicas", 1)
    ready = min(status.get("readyReplicas", 0), desired)
    digests = sorted({digest for pod in living if (digest := _digest(pod))})
    unready = [pod for pod in living if not _is_ready(pod)]
    failure = next((words for pod in unready if (words := _failure(pod))), None)
    return Workload(
        version=_version(deployment),
        desired=desired,
        ready=ready,
        digests=tuple(digests),
        uri=(described.get("annotations") or {}).get(URI_ANNOTATION),
        failure=failure,
        unfetched=failure is not None and any(_fetch_failed(pod) for pod in unready),
        waiting=None if ready >= desired or failure else _waiting(deployment, living, ended),
        displaced=ready == 0 and failure is None and not any(map(_has_served, living)),
        pinned=pinned_digest(deployment),
        created_at=_created_at(deployment),
        services={_split(service): _created_at(service) for service in _staying(services)},
    )


def _staying(items: Iterable[Object]) -> list[Object]:
    return [item for item in items if "deletionTimestamp" not in item["metadata"]]


def _split(service: Object) -> str:
    """Whose requests come by a Service. One that does not say is for everybody's, as all were up to version 0.1."""
    return str((service["metadata"].get("labels") or {}).get(SPLIT_LABEL, EVERYBODY))


def _created_at(item: Object) -> float:
    """Seconds since the epoch, by the API server's clock and in its whole seconds; 0.0 when it does not say."""
    text = item["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _ended_by_node(pod: Object) -> bool:
    """Evicted, preempted, turned away by the node, or ended by its shutdown: such a pod stays as an object for long.

    The containers of a Deployment's pod are started again for ever, so that whatever ends the whole pod is the node's
    doing; all but a deadline that the template itself sets.
    """
    status = pod.get("status", {})
    return status.get("phase") == "Failed" and status.get("reason") not in (None, "", "DeadlineExceeded")


def ready_pods(pods: Iterable[Object], version: str) -> list[Object]:
    """The pods of a version that can answer."""
    return [pod for pod in pods if _version(pod) == version and _is_ready(pod) and pod["status"].get("podIP")]


def _version(item: Object) -> str:
    return str((item["metadata"].get("labels") or {}).get(VERSION_LABEL, ""))


def _is_ready(pod: Object) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in _conditions(pod))


def _has_served(pod: Object) -> bool:
    """Whether its server was ever started. A pod that is new has only been placed, or is fetching."""
    servers = [item for item in _containers(pod) if item["name"] == SERVER_CONTAINER]
    return any(item.get("restartCount") or item.get("state", {}).keys() & {"running", "terminated"} for item in servers)


def _conditions(item: Object) -> list[Object]:
    return list(item.get("status", {}).get("conditions") or [])


def _containers(pod: Object) -> Iterator[Object]:
    """The states of all containers, in the order in which they start."""
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []


def _digest(pod: Object) -> str | None:
    """What the fetcher of this pod measured."""
    for container in _containers(pod):
        ended = container.get("state", {}).get("terminated")
        if container["name"] == FETCH_CONTAINER and ended and ended.get("exitCode") == 0:
            digest = _outcome(ended).get("digest")
            return str(digest) if digest else None
    return None


def _outcome(ended: Object) -> Mapping[str, Any]:
    """The fetcher's termination message."""
    try:
        outcome = json.loads(ended.get("message") or "{}")
    except ValueError:
        return {}
    return outcome if isinstance(outcome, Mapping) else {}


def _fetch_failed(pod: Object) -> bool:
    """Whether the fetcher of this pod ended with an error."""
    fetchers = [container for container in _containers(pod) if container["name"] == FETCH_CONTAINER]
    states = [state for item in fetchers for state in (item.get("state", {}), item.get("lastState", {}))]
    return any(state.get("terminated", {}).get("exitCode", 0) != 0 for state in states)


def _failure(pod: Object) -> str | None:
    """The words of the first container that ended with an error, now or before its present try."""
    for container in _containers(pod):
        for state in (container.get("state", {}), container.get("lastState", {})):
            ended = state.get("terminated")
            if ended and ended.get("exitCode", 0) != 0 and not container.get("ready"):
                return _last_words(container["name"], ended)
    return _how_it_ended(pod) if pod.get("status", {}).get("phase") == "Failed" else None


def _how_it_ended(pod: Object) -> str:
    return f"pod {pod['metadata']['name']}: {pod['status'].get('reason')}: {pod['status'].get('message')}"


def _last_words(name: str, ended: Object) -> str:
    error = _outcome(ended).get("error") if name == FETCH_CONTAINER else None
    if error:
        return str(error)
    words = last_error(ended.get("message") or "")
    if ended.get("reason") == "OOMKilled":
        words = f"out of memory; raise its memory limit. {words}".strip()
    return f"container {name} ended with exit code {ended.get('exitCode')}: {words or ended.get('reason', 'no words')}"


def last_error(log: str) -> str:
    """The end of a log from its last line that speaks of an error, in one line of at most 600 characters.

    A line that is set in continues the one before it.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    speaking = [index for index, line in enumerate(lines) if _ERROR.search(line) and not line[0].isspace()]
    words = " ".join(line.strip() for line in (lines[speaking[-1] :] if speaking else lines[-3:]))
    return words if len(words) <= _WORDS_LIMIT else words[:_WORDS_LIMIT] + "..."


def _waiting(deployment: Object, living: Sequence[Object], ended: Iterable[Object]) -> str:
    """Why a version is not ready yet, the nearest cause first."""
    for condition in _conditions(deployment):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f"its pods cannot be created: {condition.get('message')}"
    for pod in living:
        if not _is_ready(pod):
            return _what_a_pod_waits_for(pod)
    for pod in ended:
        return f"its pods are being created; {_how_it_ended(pod)}"
    if living and len(living) >= deployment["spec"].get("replicas", 1):
        return "its pods are ready, which Kubernetes is about to count"
    return "its pods are being created"


def _what_a_pod_waits_for(pod: Object) -> str:
    for condition in _conditions(pod):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"no node for it: {condition.get('message')}"
    for container in _containers(pod):
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in _STARTING:
            return f"container {container['name']}: {waiting.get('reason')}: {waiting.get('message', '')}".rstrip(": ")
        if container["name"] == FETCH_CONTAINER and "running" in container.get("state", {}):
            return "the model is being fetched"
    if any("running" in container.get("state", {}) for container in _containers(pod)):
        return "the model is being loaded"
    return "its pods are starting"
