"""Shrinkage: what one segment of the requests may learn from the others, as far as they are alike.

The requests are divided in segments, and in each of them another version may be the best. A segment with few requests
learns slowly by itself; where segments are alike, what is known of a version in the others is worth as much as its own
answers, and where they differ it is worth nothing. How alike they are is measured, for each version by itself, from its
own rates (empirical Bayes: C. N. Morris, "Parametric empirical Bayes inference", J. Am. Stat. Assoc. 78 (1983)):

    tau^2 = (sum N_g (r_g - m)^2 - (G - 1) m (1 - m)) / (n - sum N_g^2 / n)

with N_g the requests and r_g the rate in segment g, n and m of all G segments together: by how much rates differ beyond
chance (moments, as in R. DerSimonian, N. Laird, "Meta-analysis in clinical trials", Control. Clin. Trials 7 (1986)).
What the others say of segment g is then their mean, and how exactly they say it:

    mu_g = sum_{h != g} w_h r_h / sum_{h != g} w_h,   w_h = 1 / (tau^2 + m (1 - m) / N_h)
    kappa_g = m (1 - m) / (tau^2 + 1 / sum_{h != g} w_h)

``kappa_g`` requests with the rate ``mu_g`` would say as much, and are added to the segment's own: the posterior is
Beta(1 + kappa mu + successes, 1 + kappa (1 - mu) + failures). Five things are decided by that:

 - Only the others' answers are borrowed. A mean of all segments has the segment's own answers in it, which would then
   count twice; of two segments that are alike, each would know more than both together have seen. So borrowed, alike
   segments never know more than all of their requests together say.
 - tau^2 is taken with half a standard error, (tau^2 + m (1 - m) / N) sqrt(2 / (G - 1)), N the requests of an average
   segment. Of four segments the plain estimate is 0 by chance in half of all cases in which it is not, and posteriors
   are then too sure: true rates lie in intervals of 95 % in 88 % of all cases, with half an error in 92 to 94 %.
 - The mean is not that of all requests. A bandit gives one version the requests of one segment, and another one those
   of the next, and the sum would then compare the segments and not the versions (E. H. Simpson, "The interpretation
   of interaction in contingency tables", J. R. Stat. Soc. B 13 (1951)). Weights w_h are nearly equal for all segments
   where their rates differ, whatever requests the version had in each, and follow the requests only where rates do
   not differ, and it does not matter (tests: two versions alike in each segment, with opposite shares).
 - Both parameters are >= 1 with any ``kappa``, as the quadrature wants it (``thompson``), and a segment that borrows
   nothing, the only one above all, has the plain posterior from Beta(1, 1).
 - No more than the requests of three average segments are borrowed: that rates differ is seen late where there are few
   segments or successes, and a segment's own answers must be able to say so.

What all versions have in common in a segment, its level, is not modelled: where levels differ much, little is borrowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from modelrollout.core.evidence.belief import Belief
from modelrollout.core.evidence.thompson import Posterior

Floats = NDArray[np.float64]
Beliefs = Mapping[str, Mapping[str, Belief]]  # by segment, then by version
Posteriors = dict[str, dict[str, Posterior]]  # the same
MOST_BORROWED = 3.0  # average segments' requests
DOUBT = 0.5  # standard errors
LEAST = 1e-12  # where one segment has all requests but a rounding error's


@dataclass(frozen=True, slots=True)
class Borrowed:
    """For each segment, what the others say of one version: so many ``requests`` with this ``rate``. Shapes
    (segments,); a rate is 0 where nothing is borrowed."""

    requests: Floats
    rate: Floats


def shrunken(beliefs: Beliefs, *, more_is_better: bool, overdispersion: float) -> Posteriors:
    """The posterior of each version in each segment, of the rate that should be high: of failures where less is better.

    ``beliefs`` by segment and version; a version may be missing in some segments, and nothing may be known of it there.
    ``overdispersion`` >= 1 divides all counts: rewards that come in bursts are worth fewer.
    """
    found: Posteriors = {segment: {} for segment in beliefs}
    for version in dict.fromkeys(version for known in beliefs.values() for version in known):
        segments = [segment for segment, known in beliefs.items() if version in known]
        good, bad = counted([beliefs[segment][version] for segment in segments], more_is_better, overdispersion)
        other = borrowed(good, bad)
        a = 1.0 + good + other.requests * other.rate
        b = 1.0 + bad + other.requests * (1.0 - other.rate)
        for segment, one, two in zip(segments, a.tolist(), b.tolist(), strict=True):
            found[segment][version] = Posterior(one, two)
    return {segment: {version: found[segment][version] for version in known} for segment, known in beliefs.items()}


def counted(beliefs: list[Belief], more_is_better: bool, overdispersion: float) -> tuple[Floats, Floats]:
    """What counts for a version and what against it, in each segment, shape (segments,)."""
    exact = [belief.posterior for belief in beliefs]
    successes = (np.array([one.a for one in exact]) - 1.0) / overdispersion
    failures = (np.array([one.b for one in exact]) - 1.0) / overdispersion
    return (successes, failures) if more_is_better else (failures, successes)


def borrowed(good: Floats, bad: Floats) -> Borrowed:
    """What the others say of each segment, from counts >= 0 of one version in all of them."""
    requests = good + bad
    total, used = float(requests.sum()), int((requests > 0.0).sum())
    if not used:
        return Borrowed(np.zeros_like(requests), np.zeros_like(requests))
    one = variance_of_one(good, bad)
    apart = between(good, bad) + DOUBT * error_of_between(good, bad)
    weights = 1.0 / (requests * apart + one)  # times the requests: 1 / (tau^2 + one / N), and 0 without any
    others, sums = without_each(weights * requests), without_each(weights * good)
    rate = np.divide(sums, others, out=np.zeros_like(sums), where=others > 0.0)
    worth = one * others / (1.0 + others * apart)
    return Borrowed(np.minimum(worth, MOST_BORROWED * total / used), np.minimum(rate, 1.0))


def between(good: Floats, bad: Floats) -> float:
    """tau^2: by how much the rates of segments differ beyond chance; 0 where chance explains all."""
    requests = good + bad
    known = requests > 0.0
    if known.sum() < 2:
        return 0.0
    good, requests = good[known], requests[known]
    mean = float(good.sum() / requests.sum())
    apart = float(requests @ (good / requests - mean) ** 2) / (len(requests) - 1)
    return max(0.0, (apart - mean * (1.0 - mean)) / average(requests))


def error_of_between(good: Floats, bad: Floats) -> float:
    """The standard error of tau^2, by the variance of a mean square; as of two segments where there is only one."""
    requests = (good + bad)[good + bad > 0.0]
    chance = variance_of_one(good, bad) / average(requests)
    return (between(good, bad) + chance) * sqrt(2.0 / max(1, len(requests) - 1))


def average(requests: Floats) -> float:
    """(n - sum N_g^2 / n) / (G - 1), requests of an average segment: large ones among small ones count little."""
    total = float(requests.sum())
    if len(requests) < 2:
        return total
    return max(total - float(requests @ requests) / total, LEAST * total) / (len(requests) - 1)


def variance_of_one(good: Floats, bad: Floats) -> float:
    """m (1 - m), the variance of one answer; half a success and half a failure more keep it above 0."""
    mean = (float(good.sum()) + 0.5) / (float(good.sum() + bad.sum()) + 1.0)
    return mean * (1.0 - mean)


def without_each(values: Floats) -> Floats:
    """For each place the sum of all the others, without a difference of large numbers. Shape as given."""
    others = np.zeros_like(values)
    others[1:] = values[:-1].cumsum()
    others[:-1] += values[:0:-1].cumsum()[::-1]
    return others
