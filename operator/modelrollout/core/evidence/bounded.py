"""Bounded rewards: of two versions that answer the same people, which earns more a request, by sums and numbers alone?

A reward is any number from 0 to a largest one, in here 1: what a request brought in, a rating, a part of a film that
was seen. Known are the sum of a tick and of how many requests; what single ones earned, and how that varies, is not.
The exact test (``pairwise``) needs whole rewards, and a sum that is rounded to whole ones is not hypergeometric. So
the rate is not conditioned on here but bet on (R. Turner, A. Ly, P. Grünwald, "Generic E-variables for exact sequential
k-sample tests", 2021): for alternative means (a_1, a_2) of both versions, and (b_1, b_2) under the null hypothesis

    ratio = prod over both of  (a_i / b_i)^s_i  ((1 - a_i) / (1 - b_i))^(n_i - s_i)     sums s_i of n_i requests

Why its mean is at most 1 for every pair of true means m_1 <= d m_2 (the null hypothesis; d is 1, or a bound of
indifference), with any rewards in [0, 1] that are independent given the means:
 - A power u^x v^(1 - x) is convex in x, so it lies below the line from v to u, and its mean below that of a reward
   that is 1 with probability m, and else 0 ("sub-Bernoulli"). With f_i(m) = m a_i / b_i + (1 - m) (1 - a_i) / (1 - b_i)
   the mean of the ratio is at most f_1(m_1)^n_1 f_2(m_2)^n_2.
 - The log of that is concave in (m_1, m_2), and 0 at (b_1, b_2), which is chosen as the point of m_1 = d m_2 that is
   nearest to the alternative in relative entropy. There the gradient is normal to that line and points to the
   alternative, so nowhere on the null hypothesis' side is it above 0. Means that differ within a tick only lower it.
The nearest point is (d t, t), with t the smaller root of  d n t^2 - B t + S = 0,  S = n_1 a_1 + n_2 a_2,
B = n_1 a_1 + n_2 + d (n_2 a_2 + n_1). For d = 1 it is the mean of all, S / n.

The alternatives are as far apart as those of ``pairwise``, around the mean of the ticks before, which may be wrong
without harm to the validity, and with little to the power: the terms that are linear in it cancel. The price of knowing
no squares: rewards that hardly vary count as if each were 0 or the largest one.
"""

from __future__ import annotations

from functools import lru_cache
from math import log, log1p

import numpy as np

from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.pairwise import BETTER_BY, INSIDE, PairEvidence, Ratios

LEAST_RATE = 1e-9


def after_rewards(
    pair: PairEvidence, tick: Tick, before: Count, indifference: float, overdispersion: float, parts: int
) -> PairEvidence:
    """The evidence after one tick, whose ``bad`` and ``trials`` are in ``parts`` of the largest reward, as those of all
    that came ``before``. ``candidate`` of it is the first version. The same when a version had no requests, and while
    nobody has earned anything, since nothing says what to bet on."""
    if not tick.candidate.trials or not tick.stable.trials or not before.bad:
        return pair
    return pair.grown(reward_ratios(tick, before.rate, indifference, parts), overdispersion)


def reward_ratios(tick: Tick, rate: float, indifference: float, parts: int) -> Ratios:
    """Log ratios of all alternatives, around this mean of both; ``indifference`` is the part by which means may differ
    and still be called the same."""
    odds, null = _grid(indifference)
    first, second = tick.candidate, tick.stable
    n, other = first.trials / parts, second.trials / parts
    middle = min(max(rate, LEAST_RATE), 1.0 - LEAST_RATE)
    logit = log(middle) - log1p(-middle)
    mine, theirs = _expit(logit + odds * (other / (n + other))), _expit(logit - odds * (n / (n + other)))
    nearest = _nearest(n, mine, other, theirs, null)
    logs = _log_ratio(first.bad / parts, n, mine, null * nearest)
    logs = logs + _log_ratio(second.bad / parts, other, theirs, nearest)
    better, inside = len(BETTER_BY), len(INSIDE)
    return Ratios(*np.split(logs, [better, 2 * better, 2 * better + inside]))


def _nearest(n: float, mine: Floats, other: float, theirs: Floats, null: Floats) -> Floats:
    """The second version's mean at the point of the null hypothesis that is nearest to the alternative."""
    total = n * mine + other * theirs
    middle = n * mine + other + null * (other * theirs + n)
    root = np.sqrt(np.maximum(middle**2 - 4.0 * null * (n + other) * total, 0.0))
    return np.asarray(2.0 * total / (middle + root))


def _log_ratio(earned: float, requests: float, alternative: Floats, null: Floats) -> Floats:
    kept = np.log1p(-alternative) - np.log1p(-null)
    return np.asarray(earned * np.log(alternative / null) + (requests - earned) * kept)


def _expit(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


@lru_cache(maxsize=64)
def _grid(indifference: float) -> tuple[Floats, Floats]:
    """Of each alternative the log of its odds ratio, and the ratio of means at the edge of its null hypothesis."""
    better, inside = np.log(np.array(BETTER_BY)), log1p(indifference) * np.array(INSIDE)
    bound = 1.0 + indifference
    odds = np.concatenate([better, -better, inside, inside])
    null = np.concatenate([np.ones(2 * len(BETTER_BY)), np.full(len(INSIDE), bound), np.full(len(INSIDE), 1.0 / bound)])
    return odds, null
