"""The comparer of a trial, as it is seen: whether it can take copies, and what it has counted.

Prometheus is asked between passes, so that none waits for it: a pass may have to take traffic away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from modelrollout.adapters.cluster import DEPLOYMENTS, PODS, SERVICES, Object
from modelrollout.adapters.shadowed import NotSeen
from modelrollout.core.observation import SETTLE_SECONDS
from modelrollout.core.validate.shadowed import Shadowed
from modelrollout.manifests.comparer import COMPARER, COMPONENT_LABEL, comparer_name
from modelrollout.runtime.pods import LOADING, is_ready, waits_for
from modelrollout.runtime.pods import STARTING as NO_WORDS
from modelrollout.runtime.world import Key, Snapshot

AGAIN = 2.0
"""Seconds between two questions; a scrape takes longer."""

PATIENCE = 0.5
"""Seconds that a pass waits for the first answer."""

STARTING, UNREADY = "its comparer is being started", "its comparer runs, and is not ready"

log = logging.getLogger(__name__)

Place = tuple[str, str, str]
"""Namespace, rollout and trial."""

Ask = Callable[[Place, str, Collection[str]], Awaitable[Mapping[str, Shadowed]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which comparer, and of whom."""

    place: Place
    control: str
    arms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a comparer: of each arm what was counted, or why that is not known; and whether it is there."""

    of: Mapping[str, Shadowed] = field(default_factory=dict)
    trouble: str | None = None
    mirrors: bool = False


@dataclass(slots=True)
class _Question:
    asked: Asked
    task: asyncio.Task[Seen]
    stands: Seen | None = None
    ended_at: float | None = None


class Comparisons:
    """What comparers have counted, by rollout. ``clock`` gives seconds, only differences count."""

    def __init__(self, clock: Callable[[], float], ask: Ask) -> None:
        self._clock = clock
        self._ask = ask
        self._questions: dict[Key, _Question] = {}

    async def of(self, key: Key, asked: Asked) -> Seen:
        """The newest answer."""
        question = self._questions.get(key)
        if question is None or question.asked != asked or self._is_old(question):
            stands = question.stands if question is not None and question.asked == asked else None
            self.forget(key)
            question = self._questions[key] = _Question(asked, asyncio.create_task(self._answer(asked)), stands)
        if question.stands is None:
            await asyncio.wait({question.task}, timeout=PATIENCE)
        if question.task.done() and question.ended_at is None:
            question.stands, question.ended_at = question.task.result(), self._clock()
        return question.stands or Seen(trouble="Prometheus has not said yet what its comparer has counted")

    def forget(self, key: Key) -> None:
        """Nothing is compared any more."""
        if (question := self._questions.pop(key, None)) is not None:
            question.task.cancel()

    def _is_old(self, question: _Question) -> bool:
        return question.ended_at is not None and self._clock() >= question.ended_at + AGAIN

    async def _answer(self, asked: Asked) -> Seen:
        """Whatever goes wrong with asking is no word about a model."""
        try:
            return Seen(await self._ask(asked.place, asked.control, asked.arms))
        except NotSeen as error:
            return Seen(trouble=str(error))
        except Exception as error:
            log.exception("%s: the comparer could not be read", "/".join(asked.place))
            return Seen(trouble=f"its comparer could not be read: {str(error) or type(error).__name__}")


def absence(snapshot: Snapshot, rollout: str, now: float) -> str | None:
    """Why the comparer cannot take copies, in words; None when it can."""
    name = comparer_name(rollout)
    deployment, service = snapshot.of(DEPLOYMENTS).get(name), snapshot.of(SERVICES).get(name)
    if deployment is None:
        return STARTING
    pods = [pod for pod in snapshot.of(PODS).values() if _is_comparer(pod)]
    status = deployment.get("status", {})
    is_newest = status.get("observedGeneration") == deployment["metadata"].get("generation")
    if not is_newest or not status.get("updatedReplicas") or not any(map(is_ready, pods)):
        waits = (waits_for(pod) for pod in pods if not is_ready(pod))
        told = next((words for words in waits if words not in (LOADING, NO_WORDS)), None)
        if told is not None:
            return f"{STARTING}: {told}"
        return UNREADY if is_newest and is_unready(snapshot) else STARTING
    if service is None:
        return STARTING
    made = datetime.fromisoformat(service["metadata"]["creationTimestamp"]).timestamp()
    return "the mesh learns of its comparer" if now - made < SETTLE_SECONDS else None


def is_unready(snapshot: Snapshot) -> bool:
    """Whether the comparer runs and does not say that it can take copies: it has just begun, or hangs."""
    pods = [pod for pod in snapshot.of(PODS).values() if _is_comparer(pod)]
    return not any(map(is_ready, pods)) and any(waits_for(pod) == LOADING for pod in pods)


def _is_comparer(pod: Object) -> bool:
    described = pod["metadata"]
    return (described.get("labels") or {}).get(COMPONENT_LABEL) == COMPARER and "deletionTimestamp" not in described
