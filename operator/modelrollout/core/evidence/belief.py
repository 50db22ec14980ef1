"""Belief: what is known of one arm's rate of successes, when rewards come late and rates do not stay as they are.

Three real numbers, enough to go on from after a restart:

 - Rewards come late. A request of a minute ago that has no reward yet is no failure. The trials of the posterior are
   those that would have had their reward by now: N(t) = sum over s of n_s F(t - s), with F the distribution of the
   delay, exponential with a known mean. It has no memory, so a single number is enough for all that is still out: of
   it the part 1 - exp(-dt / mean) matures in dt. A tick's requests are spread evenly over the tick. Successes are
   counted when they come. (O. Chapelle, "Modeling delayed feedback in display advertising", KDD 2014, for the delay;
   counting the whole number of requests instead would punish the arm that got the most of them lately.)
 - Rates drift. Successes and trials are multiplied by g = 2^(-dt / half life), so that what was seen a half life ago
   counts half (discounted Thompson sampling: V. Raj, S. Kalyani, "Taming non-stationary bandits", 2017). What is
   still out is not discounted: it counts from when it matures, as its rewards do.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, inf

from modelrollout.core.evidence.thompson import Posterior


@dataclass(frozen=True, slots=True)
class Belief:
    """Of one arm: ``successes`` of ``trials`` that have matured, and ``pending`` requests that have not. Real numbers,
    discounted where there is a half life. Raises ValueError for one that is negative or not a number."""

    successes: float = 0.0
    trials: float = 0.0
    pending: float = 0.0

    def __post_init__(self) -> None:
        _counts(successes=self.successes, trials=self.trials, pending=self.pending)

    def after(
        self,
        trials: float,
        successes: float,
        seconds: float,
        *,
        half_life: float | None = None,
        mean_delay: float = 0.0,
    ) -> Belief:
        """After a tick of so many ``seconds`` > 0 with so many new requests (``trials``), and so many ``successes``
        that came in it, of whatever requests. ``half_life`` and ``mean_delay`` in seconds; None: nothing is
        forgotten, 0: each reward comes with its answer. What is new is not discounted yet.

        Without a half life, ticks without requests may be cut up or put together as one likes. Raises ValueError for
        counts and times that cannot be.
        """
        _counts(trials=trials, successes=successes)
        _above_zero("seconds", seconds)
        kept = discount(seconds, half_life)
        pending, matured = maturing(self.pending, trials, seconds, mean_delay)
        return Belief(kept * self.successes + successes, kept * self.trials + matured, pending)

    @property
    def posterior(self) -> Posterior:
        """From the prior Beta(1, 1). More successes than matured trials, which chance and delays that are shorter than
        their mean bring about, count as no failure."""
        return Posterior(1.0 + self.successes, 1.0 + max(0.0, self.trials - self.successes))


def discount(seconds: float, half_life: float | None) -> float:
    """What is left of 1 after so many seconds, between 0 and 1. Raises ValueError for a half life that is not > 0."""
    if half_life is None:
        return 1.0
    _above_zero("half_life", half_life)
    return float(2.0 ** (-seconds / half_life))


def maturing(pending: float, trials: float, seconds: float, mean_delay: float) -> tuple[float, float]:
    """How many requests are still out after a tick, and how many have matured in it.

    ``trials`` new ones at even distances over ``seconds`` > 0: of those (1 - exp(-u)) / u are still out at its end,
    with u = seconds / mean_delay. Raises ValueError for a mean that is negative or not a number.
    """
    _counts(mean_delay=mean_delay)
    if mean_delay == 0.0:
        return 0.0, pending + trials
    means = seconds / mean_delay
    out = pending * exp(-means) + trials * (-expm1(-means) / means)
    return out, max(0.0, pending + trials - out)


def _counts(**values: float) -> None:
    for name, value in values.items():
        if not 0.0 <= value < inf:
            raise ValueError(f"{name} is {value!r}: it must be a number >= 0")


def _above_zero(name: str, value: float) -> None:
    if not 0.0 < value < inf:
        raise ValueError(f"{name} is {value!r}: it must be a number of seconds > 0")
