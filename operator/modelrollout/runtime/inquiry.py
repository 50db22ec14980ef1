"""Whether a spec can be accepted, asked once for each rollout and generation, however many passes want to know.

The answer may take longer than a pass can wait: users' own queries are slow, a webhook hangs. So a question goes on
between passes, and while an arm has requests no pass waits long for it: its safety comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from modelrollout.adapters.cluster import ApiError
from modelrollout.adapters.prometheus import PrometheusAway
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.accepting import Acceptance
from modelrollout.runtime.world import Key

LIMIT = 15.0  # seconds for all questions; longer than queries and trials may take, so that each alone may hang
PATIENCE = 1.0  # seconds that a pass waits while an arm has requests
STANDS_FOR = 5.0  # seconds that a refusal stands before the cluster is asked again


@dataclass(slots=True)
class _Question:
    asked_of: tuple[str, int]  # uid and generation
    task: asyncio.Task[Refusal | None]
    stands: Refusal | None  # the last refusal in answer to it, this time or before; until there is another answer
    ended_at: float | None = None


class Inquiries:
    """The questions under way. ``clock`` gives seconds, only differences count."""

    def __init__(self, acceptance: Acceptance, clock: Callable[[], float]) -> None:
        self._acceptance = acceptance
        self._clock = clock
        self._questions: dict[Key, _Question] = {}

    async def refusal(self, rollout: ModelRollout, spec: Spec) -> Refusal | None:
        """Why not; None when all is well. What could not be checked is refused for now: nothing
        unchecked is applied, and an arm that has requests is judged by the last accepted spec meanwhile."""
        key = (rollout.namespace, rollout.name)
        question = self._question(key, rollout, spec)
        at_stake = any(arm.weight > 0 for arm in rollout.status.arms)
        done, _ = await asyncio.wait({question.task}, timeout=PATIENCE if at_stake else None)
        if not done:
            return question.stands or not_checked("no answer yet")
        return self._answer(key, question)

    def forget(self, key: Key) -> None:
        """The rollout is gone."""
        question = self._questions.pop(key, None)
        if question is not None:
            question.task.cancel()

    def _question(self, key: Key, rollout: ModelRollout, spec: Spec) -> _Question:
        """The one under way or just answered; otherwise a new one."""
        wanted, known = (rollout.uid, rollout.generation), self._questions.get(key)
        if known is not None and known.asked_of != wanted:
            self.forget(key)
            known = None
        if known is not None and not self._is_old(known):
            return known
        stands = known.stands if known is not None else None
        question = _Question(wanted, asyncio.create_task(self._ask(rollout, spec)), stands)
        self._questions[key] = question
        return question

    def _is_old(self, question: _Question) -> bool:
        return question.ended_at is not None and self._clock() >= question.ended_at + STANDS_FOR

    async def _ask(self, rollout: ModelRollout, spec: Spec) -> Refusal | None:
        async with asyncio.timeout(LIMIT):
            return await self._acceptance.refusal(rollout, spec)

    def _answer(self, key: Key, question: _Question) -> Refusal | None:
        try:
            refusal = question.task.result()
        except (ApiError, aiohttp.ClientError, PrometheusAway, TimeoutError) as error:
            if question.stands is None:
                self.forget(key)
                return not_checked(str(error) or "no answer in time")
            refusal = question.stands
        except BaseException:
            self.forget(key)
            raise
        if refusal is None:
            self.forget(key)
            return None
        question.stands = refusal
        if question.ended_at is None:
            question.ended_at = self._clock()
        return refusal


def not_checked(why: str) -> Refusal:
    """For now, because the cluster could not be asked."""
    return Refusal(Reason.NOT_CHECKED, f"the spec could not be checked, trying again: {why}")
