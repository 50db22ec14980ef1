"""One reward: is it to be counted? The checks in the order of what they cost and of what people can do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelrollout.api.base import format_duration
from modelrollout.rewards.counts import Counts
from modelrollout.rewards.decision import Decision, parse_reward, shown
from modelrollout.rewards.known import Known
from modelrollout.rewards.memory import Memory
from modelrollout.rewards.refusal import Reason, Refusal

EARLY = 300.0  # seconds that the mesh's clocks may be ahead of ours


@dataclass(frozen=True, slots=True)
class Intake:
    """Counts rewards. ``known`` gives the operator's list as it was read last, ``clock`` the time of day."""

    known: Callable[[], Known]
    memory: Memory
    counts: Counts
    window: float
    max_reward: float
    clock: Callable[[], float]

    def take(self, item: Any) -> Refusal | None:
        """Count a reward, or say why not. Nothing is remembered of one that is refused: it may come again."""
        try:
            reward = parse_reward(item)
            decision, now = reward.decision, self.clock()
            self.known().check(decision, now)
            self._check_time(decision, now)
            self._check_first(decision)
        except Refusal as refusal:
            return refusal
        value = min(max(reward.value, 0.0), self.max_reward)
        self.counts.add(decision, value, max(0.0, now - decision.at), value != reward.value)
        return None

    def _check_time(self, decision: Decision, now: float) -> None:
        age = now - decision.at
        if age > self.window:
            window = format_duration(self.window)
            raise Refusal(Reason.LATE, f"the decision is {_spoken(age)} old, and rewards count for {window} (--window)")
        if age < -EARLY:
            raise Refusal(Reason.EARLY, f"the decision is {_spoken(-age)} in the future; set the proxies' clocks")

    def _check_first(self, decision: Decision) -> None:
        if not self.memory.add(decision.namespace, decision.rollout, decision.epoch, decision.request):
            raise Refusal(Reason.DUPLICATE, f"request {shown(decision.request)} has been rewarded already")


def _spoken(seconds: float) -> str:
    """Whole seconds are enough."""
    return format_duration(round(seconds))
