"""Asking the servers of an arm and of the control before any traffic: between passes, once for each arm and question.

A server may take long to answer, or never do. So a question goes on while passes come and go, and no pass waits long
for it: it may have to take traffic away for another reason. What could not be found out is asked again after a while;
until there is another answer, the last one stands, so that the status does not flicker.

Nothing of it is kept on disk. A question is safe to ask twice, so an operator that is started anew just asks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from modelrollout.adapters.samples import Mesh
from modelrollout.api.samples import Samples
from modelrollout.core.validate.probed import Probed
from modelrollout.runtime.memory_limits import Measured
from modelrollout.runtime.world import Key

PATIENCE = 0.5  # seconds that a pass waits for an answer
AGAIN = 5.0  # seconds until what could not be found out is asked again

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """A version and where it can be asked: the addresses of its ready pods. ``brought``: the requests that its model
    brings, as a pod of it tells them; None where none does."""

    version: str
    pods: tuple[str, ...] = ()
    brought: str | None = None


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is to be found out. ``settings`` names what is asked for (``gate.digest_of``), of which ``samples`` are a
    part; ``control`` None: nothing has to be asked of the version that serves. ``against`` names another rollout, whose
    version it is then. ``memory``: what is to be measured, None: nothing. ``mesh``: the way that the samples take, and
    nothing else is to be found out then; None: straight to a pod."""

    namespace: str
    model: str
    settings: str
    arm: Server
    control: Server | None
    samples: Samples | None = None
    against: str | None = None
    memory: Measured | None = None
    mesh: Mesh | None = None


@dataclass(slots=True)
class _Question:
    asked: Inquiry
    task: asyncio.Task[Probed]
    stands: Probed | None = None  # the last answer, while it is asked again
    ended_at: float | None = None


class Validations:
    """The questions under way, by rollout and version. ``clock`` gives seconds, only differences count."""

    def __init__(self, clock: Callable[[], float], ask: Callable[[Inquiry], Awaitable[Probed]]) -> None:
        self._clock = clock
        self._ask = ask
        self._questions: dict[tuple[Key, str], _Question] = {}

    async def of(self, key: Key, asked: Inquiry) -> Probed | None:
        """What was found out; None while nothing is known yet."""
        question = self._question(key, asked)
        await asyncio.wait({question.task}, timeout=PATIENCE)
        if not question.task.done():
            return question.stands
        if question.ended_at is None:
            question.ended_at = self._clock()
        return question.task.result()

    def keep_only(self, key: Key, versions: Collection[str]) -> None:
        """What is not asked any more is forgotten."""
        for place in [place for place in self._questions if place[0] == key and place[1] not in versions]:
            self._questions.pop(place).task.cancel()

    def _question(self, key: Key, asked: Inquiry) -> _Question:
        """The one under way or just answered; otherwise a new one."""
        place = key, asked.arm.version
        known = self._questions.get(place)
        if known is not None and known.asked == asked and not self._is_old(known):
            return known
        stands = None
        if known is not None:
            known.task.cancel()
            if known.asked.settings == asked.settings:
                stands = known.task.result() if known.ended_at is not None else known.stands
        question = self._questions[place] = _Question(asked, asyncio.create_task(self._probed(asked)), stands)
        return question

    def _is_old(self, question: _Question) -> bool:
        if question.ended_at is None or question.task.result().is_complete:
            return False
        return self._clock() >= question.ended_at + AGAIN

    async def _probed(self, asked: Inquiry) -> Probed:
        """Whatever goes wrong with asking is no word about a model."""
        try:
            return await self._ask(asked)
        except Exception as error:
            log.exception("%s: the model servers could not be asked", asked.arm.version)
            words = f"the operator could not ask: {str(error) or type(error).__name__}"
            return Probed(
                unread=words,
                unsent=words if asked.samples is not None else None,
                control_unknown=words if asked.against is not None else None,
            )
