"""Belief: what is known of one arm's rate of successes, when rates do not stay as they are.

Two real numbers, enough to go on from after a restart. Successes and trials are multiplied by g = 2^(-dt / half life),
so that what was seen a half life ago counts half (discounted Thompson sampling: V. Raj, S. Kalyani, "Taming
non-stationary bandits", 2017). Where rewards come late, trials are the requests that these are due to (``waiting``):
what is still out counts from when it matures, as its rewards do.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from modelrollout.core.evidence.thompson import Posterior


@dataclass(frozen=True, slots=True)
class Belief:
    """Of one arm: ``successes`` of ``trials``. Real numbers, discounted where there is a half life. Raises ValueError
    for one that is negative or not a number."""

    successes: float = 0.0
    trials: float = 0.0

    def __post_init__(self) -> None:
        _counts(successes=self.successes, trials=self.trials)

    def after(self, trials: float, successes: float, seconds: float, *, half_life: float | None = None) -> Belief:
        """After a tick of so many ``seconds`` > 0 with so many new requests (``trials``) and ``successes``.
        ``half_life`` in seconds; None: nothing is forgotten. What is new is not discounted yet. Raises ValueError for
        counts and times that cannot be.
        """
        _counts(trials=trials, successes=successes)
        _above_zero("seconds", seconds)
        kept = discount(seconds, half_life)
        return Belief(kept * self.successes + successes, kept * self.trials + trials)

    @property
    def posterior(self) -> Posterior:
        """From the prior Beta(1, 1). More successes than trials, which late rewards may bring about, count as no
        failure."""
        return Posterior(1.0 + self.successes, 1.0 + max(0.0, self.trials - self.successes))


def discount(seconds: float, half_life: float | None) -> float:
    """What is left of 1 after so many seconds, between 0 and 1. Raises ValueError for a half life that is not > 0."""
    if half_life is None:
        return 1.0
    _above_zero("half_life", half_life)
    return float(2.0 ** (-seconds / half_life))


def _counts(**values: float) -> None:
    for name, value in values.items():
        if not 0.0 <= value < inf:
            raise ValueError(f"{name} is {value!r}: it must be a number >= 0")


def _above_zero(name: str, value: float) -> None:
    if not 0.0 < value < inf:
        raise ValueError(f"{name} is {value!r}: it must be a number of seconds > 0")
