"""What the operator said last of what is on trial, and what that says of a decision.

A list that is older than a decision cannot say that there is no such trial: it may have begun since. Then the list is
read again, and where it cannot be, the reward is to be sent again instead of being lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.api.live import LiveTrial, LiveTrials
from modelrollout.rewards.decision import Decision, shown
from modelrollout.rewards.refusal import Reason, Refusal

SETTLED = 2.0  # seconds: the mesh has a new route a moment before the operator has written that it has


@dataclass(frozen=True, slots=True)
class Known:
    """The list and when it was asked for, by the time of day."""

    at: float
    trials: dict[tuple[str, str], LiveTrial]

    @classmethod
    def of(cls, listed: LiveTrials, at: float) -> Known:
        """As the operator answered."""
        return cls(at, {trial.key: trial for trial in listed.trials})

    def check(self, decision: Decision, now: float) -> None:
        """Raises Refusal where the decision is of nothing that is on trial."""
        trial = self.trials.get((decision.namespace, decision.rollout))
        words = _unknown(trial, decision)
        if words is None:
            return
        past = trial is not None and decision.epoch < trial.first_epoch
        if past or min(decision.at, now) <= self.at - SETTLED:
            raise Refusal(Reason.UNKNOWN, words)
        raise Refusal(Reason.UNAVAILABLE, f"{words}, as of {max(0.0, now - self.at):.0f} s ago; send it again")


def _unknown(trial: LiveTrial | None, decision: Decision) -> str | None:
    """What of the decision there is not; None when it is on trial."""
    name = shown(f"{decision.namespace}/{decision.rollout}")
    if trial is None:
        return f"nothing is on trial in rollout {name}"
    if not trial.first_epoch <= decision.epoch <= trial.epoch:
        return f"the trial of {name} has the epochs {trial.first_epoch} to {trial.epoch}, not {decision.epoch}"
    if decision.version not in trial.versions:
        return f"version {shown(decision.version)} of {name} is not on trial; {', '.join(trial.versions)} are"
    if decision.segment not in trial.segments:
        return f"{name} has no segment {shown(decision.segment)}; it has {', '.join(trial.segments)}"
    return None
