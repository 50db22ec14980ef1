"""Intervals for people to read, valid at any time: looked at after every tick, the truth stays inside.

With probability 1 - alpha the true value is in the interval at ALL times at once, for a rate or an odds ratio that
does not change over time. An ordinary 99 % interval promises that for one look only.

 - One rate: the beta(1/2, 1/2) mixture of likelihoods against each rate p, which needs the totals alone
   (H. Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Stat. 41 (1970)).
 - The odds ratio: totals are not enough, since weights and stable's rate change from tick to tick. The conditional
   log-likelihood is kept on a grid of odds ratios, and a value is left out of the interval when the mixture over the
   grid beats it by 1 / alpha. Between grid points the log-likelihood is concave, so its neighbours' lines bound it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, lgamma, log, log1p

import numpy as np

from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.hypergeometric import Floats, log_likelihoods

# Odds ratios at which the likelihood is kept: fine round 1, where small differences matter, coarse further out.
_RATIOS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.64, 0.77, 0.87, 0.95, 1.05, 1.15)
_LARGE = (1.3, 1.5, 1.8, 2.2, 2.8, 3.7, 5.0, 7.0, 10.0, 16.0, 30.0, 70.0, 200.0)
ODDS_GRID: Floats = np.log(np.array(_RATIOS + _LARGE))
ODDS_GRID.setflags(write=False)
_POINTS = tuple(float(point) for point in ODDS_GRID)
FAR = 60.0  # log-odds: a rate that nobody could tell from 0, or from 1
PRECISE = 1e-13
MOST_STEPS = 60  # eight are usual
_MIRRORED = tuple(-point for point in reversed(_POINTS))


@dataclass(frozen=True, slots=True)
class Interval:
    """``low`` <= value <= ``high``; 0 or infinity where nothing bounds it."""

    low: float
    high: float


def rate_interval(count: Count, alpha: float, overdispersion: float = 1.0) -> Interval:
    """Where the rate of bad answers lies, with probability 1 - alpha at all times at once; [0, 1] without answers."""
    bad, good = count.bad / overdispersion, (count.trials - count.bad) / overdispersion
    mixture = _log_beta(0.5 + bad, 0.5 + good) - _log_beta(0.5, 0.5)
    bound = mixture - log(1.0 / alpha)
    low = _share(_crossing(bad, good, bound, -FAR)) if count.bad else 0.0
    high = _share(_crossing(bad, good, bound, FAR)) if count.bad < count.trials else 1.0
    return Interval(low, high)


@dataclass(frozen=True, slots=True)
class OddsInterval:
    """Log-likelihood of each odds ratio of ODDS_GRID (the largest is 0), and both sums of Mantel and Haenszel.

    ``candidate_sum`` and ``stable_sum`` add up bad answers of one times good answers of the other over all of both,
    tick by tick: their quotient estimates the odds ratio and is right however weights and rates change (N. Mantel,
    W. Haenszel, J. Natl Cancer Inst. 22 (1959)).
    """

    log_likelihoods: tuple[float, ...] = (0.0,) * len(ODDS_GRID)
    candidate_sum: float = 0.0
    stable_sum: float = 0.0

    def after(self, tick: Tick, overdispersion: float = 1.0) -> OddsInterval:
        """After one tick; the same when a version had no requests."""
        if not tick.candidate.trials or not tick.stable.trials:
            return self
        return self.after_values(log_likelihoods(tick, ODDS_GRID).tolist(), tick, overdispersion)

    def after_values(self, values: Sequence[float], tick: Tick, overdispersion: float) -> OddsInterval:
        """As ``after``, with the log-likelihoods of the tick on ODDS_GRID."""
        sums = [old + new / overdispersion for old, new in zip(self.log_likelihoods, values, strict=True)]
        top = max(sums)
        c, s = tick.candidate, tick.stable
        everyone = c.trials + s.trials
        return OddsInterval(
            tuple(value - top for value in sums),
            self.candidate_sum + c.bad * (s.trials - s.bad) / everyone,
            self.stable_sum + s.bad * (c.trials - c.bad) / everyone,
        )

    def interval(self, alpha: float) -> Interval:
        """Odds ratios that are not excluded, with probability 1 - alpha at all times at once."""
        values = self.log_likelihoods
        mixture = log(fsum(exp(value) for value in values) / len(values))
        bound = mixture - log(1.0 / alpha)
        low = _end(_POINTS, values, bound)
        high = _end(_MIRRORED, values[::-1], bound)
        return Interval(0.0 if low is None else exp(low), float("inf") if high is None else exp(-high))

    def estimate(self, candidate: Count, stable: Count) -> float | None:
        """The odds ratio, with half a bad answer added to each version's totals; None before any bad answer."""
        if not self.candidate_sum and not self.stable_sum:
            return None
        everyone = candidate.trials + stable.trials
        return (self.candidate_sum + 0.5 * stable.trials / everyone) / (
            self.stable_sum + 0.5 * candidate.trials / everyone
        )


def _end(points: Sequence[float], values: Sequence[float], bound: float) -> float | None:
    """Where a concave function, rising from the left, gets to ``bound``; never to the right of the true place.

    It is known at ``points``, and between two of them it lies below the line through the two to the left and below
    the line through the two to the right. None when it is not below the bound at the first point.
    """
    first = next(i for i, value in enumerate(values) if value >= bound)
    if first == 0:
        return None
    ends = [points[first - 1]]
    for left in (first - 2, first):
        if 0 <= left < len(values) - 1 and values[left + 1] > values[left]:
            slope = (values[left + 1] - values[left]) / (points[left + 1] - points[left])
            ends.append(points[left] + (bound - values[left]) / slope)
    return min(max(ends), points[first])


def _crossing(bad: float, good: float, bound: float, outer: float) -> float:
    """The log-odds at which the log-likelihood of a rate falls to ``bound``, on the side of ``outer``; never nearer to
    the middle than that.

    By Newton's method from outside: the log-likelihood is concave in the log-odds, so it lies below its tangents, and
    where a tangent gets to the bound it has not yet.
    """
    place = outer
    for _ in range(MOST_STEPS):
        missing = bound + bad * _log1pexp(-place) + good * _log1pexp(place)
        step = missing / (bad - (bad + good) * _share(place))
        if missing <= 0 or abs(step) <= PRECISE * (1.0 + abs(place)):
            break
        place += step
    return place


def _log1pexp(value: float) -> float:
    return max(value, 0.0) + log1p(exp(-abs(value)))


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _share(log_odds: float) -> float:
    return 1.0 / (1.0 + exp(-log_odds))
