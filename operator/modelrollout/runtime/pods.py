"""One pod: what its containers say, and whose doing it is that they do not run.

A version is blamed for what its own server or fetcher says of its model, and for what its server does twice. A server
that ended once may have been on a node that was started again; a side car, an init container of the user's own, a
volume or an image say nothing of the model at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelrollout.adapters.storage.failure import STORE_AWAY
from modelrollout.api.printable import printable, shortened
from modelrollout.core.accept.references import UNPULLED
from modelrollout.core.observation import FETCHING
from modelrollout.manifests.kept import FETCH_CONTAINER
from modelrollout.manifests.serving import SERVER_CONTAINER

Object = Mapping[str, Any]

TWICE = 2
ONE_MOMENT = 5.0  # seconds; servers that end together ended once, by whatever they share
_WORDS_LIMIT = 600  # characters of a server's last words that go into a status
_ERROR = re.compile(r"(?i)\b(failed to|error|exception|fatal|cannot|could not|killed)\b")
_LOAD_ERROR = re.compile(r"servable\(s\) did not become available|Failed to start server|(?i:failed to load)")
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_TRIED = frozenset({"ErrImagePull", "ImagePullBackOff"})
_UNPULLED = _TRIED | {"ErrImageNeverPull", "InvalidImageName", "ImageInspectError", "RegistryUnavailable"}
_BETWEEN_TRIES = re.compile(r'^Back-off pulling image "[^"]*"(: ErrImagePull: )?|rpc error: code = \w+ desc = ')
_OWN_PORT = re.compile(r"(?<=[\d\]]):\d{1,5}(?=->)")  # of who asks: "read udp 10.0.0.5:47788->10.0.0.10:53"
_BY_THE_NODE = frozenset({"Unknown", "ContainerStatusUnknown"})  # nobody saw how it ended: its node went down


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended: in words, and when (seconds since the epoch, None when nobody says).

    ``times`` is how often it has ended so far; ``of_model``: it said itself that its model is at fault;
    ``store_away``: that only the model's store was.
    """

    container: str
    words: str
    times: int
    at: float | None = None
    of_model: bool = False
    store_away: bool = False

    @property
    def is_fetcher(self) -> bool:
        """Whether it was the one that fetches the model."""
        return self.container == FETCH_CONTAINER


def blamed(pods: Iterable[Object]) -> Ended | None:
    """Why a version cannot come up by itself, if that is what its unready pods show."""
    ends = [end for pod in pods if (end := own_end(pod)) is not None]
    if (said := next((end for end in ends if end.of_model), None)) is not None:
        return said
    if len(_moments(ends)) >= TWICE:
        return ends[-1]
    return next((end for end in ends if end.times >= TWICE), None)


def _moments(ends: Iterable[Ended]) -> list[float]:
    """The times at which any of them ended; those at one moment once."""
    found: list[float] = []
    for at in sorted(end.at for end in ends if end.at is not None):
        if not found or at - found[-1] > ONE_MOMENT:
            found.append(at)
    return found


def own_end(pod: Object) -> Ended | None:
    """How the server or the fetcher of an unready pod ended last, by its own doing."""
    for container in containers(pod):
        if container["name"] in (FETCH_CONTAINER, SERVER_CONTAINER) and not container.get("ready"):
            ended = _last_end(container)
            if ended is not None and ended.get("reason") not in _BY_THE_NODE:
                return _told(container, ended)
    return None


def _last_end(container: Object) -> Object | None:
    """The newest end with an error: of now, or before its present try."""
    for state in (container.get("state", {}), container.get("lastState", {})):
        ended: Object | None = state.get("terminated")
        if ended and ended.get("exitCode", 0) != 0:
            return ended
    return None


def _told(container: Object, ended: Object) -> Ended:
    name, words = container["name"], last_words(container["name"], ended)
    now = 1 if "terminated" in container.get("state", {}) else 0  # not among the restarts yet
    said = _outcome(ended).get("error") if name == FETCH_CONTAINER else _LOAD_ERROR.search(ended.get("message") or "")
    times = int(container.get("restartCount", 0)) + now
    away = name == FETCH_CONTAINER and _outcome(ended).get("cause") == STORE_AWAY
    return Ended(name, words, times, seconds_of(ended.get("finishedAt")), bool(said), away)


def last_words(name: str, ended: Object) -> str:
    """What a container said last, or how it ended."""
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
    words = printable(" ".join(line.strip() for line in (lines[speaking[-1] :] if speaking else lines[-3:])))
    return shortened(words, _WORDS_LIMIT)


def at_work_since(pods: Iterable[Object]) -> float | None:
    """Since when fetchers and servers are all that stands between these pods and readiness; None while there is
    anything else: no pod, no node, no image, no volume, a side car."""
    begun = [_begun(pod) for pod in pods]
    known = [at for at in begun if at is not None]
    return max(known) if known and len(known) == len(begun) else None


def _begun(pod: Object) -> float | None:
    """When its fetcher began; None while something else than the fetcher and the server is in the way."""
    own = [item for item in containers(pod) if item["name"] in (FETCH_CONTAINER, SERVER_CONTAINER)]
    others = [item for item in containers(pod) if item not in own and not item.get("ready")]
    if is_unplaced(pod) or any(_last_end(item) is not None for item in others):
        return None
    turn = next((item for item in own if not _is_done(item)), None)
    if turn is None or _started(turn) is None:
        return None
    return min(at for item in own if (at := _started(item)) is not None)


def _is_done(container: Object) -> bool:
    return bool(container.get("state", {}).get("terminated", {}).get("exitCode") == 0)


def _started(container: Object) -> float | None:
    """When a container was started last; None if it never was."""
    state = container.get("state", {})
    for part in (state.get("running"), state.get("terminated"), container.get("lastState", {}).get("terminated")):
        if part is not None:
            return seconds_of(part.get("startedAt")) or 0.0
    return None


def seconds_of(moment: str | None) -> float | None:
    """Since the epoch."""
    return datetime.fromisoformat(moment).timestamp() if moment else None


def is_unplaced(pod: Object) -> str | None:
    """Why no node has room for it."""
    for condition in conditions(pod):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"no node for it: {once(str(condition.get('message')))}"
    return None


def once(message: str) -> str:
    """Without the word that Kubernetes' scheduler appends though it stands there already ("not found. not found")."""
    return message.removesuffix(". not found") if message.endswith("not found. not found") else message


def of_every_try(words: str) -> str:
    """Without the port that is another one each time: the status must not change for it, nor people read it as news."""
    return _OWN_PORT.sub("", words)


def waits_for(pod: Object) -> str:
    """What an unready pod waits for, the nearest cause first."""
    if (unplaced := is_unplaced(pod)) is not None:
        return unplaced
    for container in containers(pod):
        waiting, ended = container.get("state", {}).get("waiting"), _last_end(container)
        if ended is not None and not container.get("ready"):
            return f"{last_words(container['name'], ended)}; it is started again"
        if waiting and waiting.get("reason") in _UNPULLED:
            return _without_image(container, waiting)
        if waiting and waiting.get("reason") not in _STARTING:
            return f"container {container['name']}: {waiting.get('reason')}: {waiting.get('message', '')}".rstrip(": ")
        if container["name"] == FETCH_CONTAINER and "running" in container.get("state", {}):
            return FETCHING
    if any("running" in container.get("state", {}) for container in containers(pod)):
        return LOADING
    return STARTING


def _without_image(container: Object, waiting: Object) -> str:
    """One sentence for an image, while it is asked for and between two tries."""
    reason, message = waiting["reason"], str(waiting.get("message") or "")
    words = _BETWEEN_TRIES.sub("", message).strip() if reason in _TRIED else f"{reason}: {message}"
    unpulled = UNPULLED.format(container.get("image", ""))
    return f"{unpulled}: {once(words)}" if words else unpulled


LOADING, STARTING = "the model is being loaded", "its pods are starting"
"""When the pod itself does not say what it waits for."""


def ended_by_node(pod: Object) -> bool:
    """Evicted, preempted, turned away by the node, or ended by its shutdown: such a pod stays as an object for long.

    The containers of a Deployment's pod are started again for ever, so that whatever ends the whole pod is the node's
    doing; all but a deadline that the template itself sets.
    """
    status = pod.get("status", {})
    if any(item["type"] == "DisruptionTarget" and item["status"] == "True" for item in conditions(pod)):
        return True
    return bool(status.get("phase") == "Failed" and status.get("reason") != "DeadlineExceeded")


def how_it_ended(pod: Object) -> str:
    """A whole pod that ended, in words."""
    status = pod.get("status", {})
    told = next((item for item in conditions(pod) if item["type"] == "DisruptionTarget"), {})
    reason, words = (status.get(name) or told.get(name) for name in ("reason", "message"))
    return f"pod {pod['metadata']['name']}: {reason}: {words}"


def is_ready(pod: Object) -> bool:
    """Whether it can answer."""
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions(pod))


def has_served(pod: Object) -> bool:
    """Whether its server was ever started. A pod that is new has only been placed, or is fetching."""
    servers = [item for item in containers(pod) if item["name"] == SERVER_CONTAINER]
    return any(item.get("restartCount") or item.get("state", {}).keys() & {"running", "terminated"} for item in servers)


def conditions(item: Object) -> list[Object]:
    """The conditions of an object."""
    return list(item.get("status", {}).get("conditions") or [])


def containers(pod: Object) -> Iterator[Object]:
    """The states of all containers, in the order in which they start."""
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or []
    yield from status.get("containerStatuses") or []


def digest(pod: Object) -> str | None:
    """What the fetcher of this pod measured."""
    return _fetched(pod, "digest")


def brought(pod: Object) -> str | None:
    """The requests that the fetcher of this pod found in the model (``adapters/storage/shown``)."""
    return _fetched(pod, "samples")


def _fetched(pod: Object, name: str) -> str | None:
    for container in containers(pod):
        ended = container.get("state", {}).get("terminated")
        if container["name"] == FETCH_CONTAINER and ended and ended.get("exitCode") == 0:
            found = _outcome(ended).get(name)
            return str(found) if found else None
    return None


def _outcome(ended: Object) -> Mapping[str, Any]:
    """The fetcher's termination message."""
    try:
        outcome = json.loads(ended.get("message") or "{}")
    except ValueError:
        return {}
    return outcome if isinstance(outcome, Mapping) else {}
