"""Fisher's noncentral hypergeometric distribution in logs, for many odds ratios at once.

Given how many requests each version answered in a tick and how many of all the answers were bad, the number of bad
ones among the candidate's has this distribution, whatever the common error rate was. That is what makes the
comparison blind to shared outages and to weights that change.

    P(x) = C(n, x) C(N, m - x) psi^x / Z(psi),   Z(psi) = sum over j of C(n, j) C(N, m - j) psi^j

Source: R. A. Fisher, "The logic of inductive inference", J. R. Statist. Soc. 98 (1935) 39-82; notation as in A. Fog,
"Calculation methods for Fisher's noncentral hypergeometric distribution", Commun. Stat. Simul. Comput. 37 (2008).

How Z is summed. Up to EXACT terms: all of them. Above, two binomial distributions whose odds have the ratio psi and
whose means add up to m give the same terms up to a constant (the saddle point), and only every h-th of the terms
within 30 h of the mode is added, h = max(1, floor(sd / 2)). The distribution is that of a sum of independent 0/1
variables (its generating polynomial has only real roots), so its characteristic function is at most
exp(-var (1 - cos u) ) in modulus, and summing every h-th term is wrong by at most
2 sum over r of exp(-var (1 - cos(2 pi r / h))) < 1e-13 relative; what lies further out is < 1e-9 by Bernstein's
inequality. Rounding adds at most 1e-9 for counts of 1e9. So each log-likelihood is right to 1e-8, mostly to 1e-12.
"""

from __future__ import annotations

from math import lgamma, log, pi

import numpy as np
from numpy.typing import NDArray

from modelrollout.core.evidence.counts import Tick

Floats = NDArray[np.float64]
EXACT = 128
REACH = np.arange(-30.0, 31.0)
_TABLE = np.array([lgamma(n + 1.0) - (n * log(n) - n if n else 0.0) for n in range(64)])


def log_likelihoods(tick: Tick, log_odds_ratios: Floats) -> Floats:
    """log P(candidate's bad answers | both versions' requests, all bad answers) for each odds ratio.

    ``log_odds_ratios`` has shape (k,), natural logs; so has the result, in nats. All 0 where nothing could have come
    out otherwise: a version without requests, no bad answer at all, or only bad ones.
    """
    n, other = tick.candidate.trials, tick.stable.trials
    x, m = tick.candidate.bad, tick.candidate.bad + tick.stable.bad
    low, high = max(0, m - other), min(n, m)
    if low == high:
        return np.zeros_like(log_odds_ratios)
    if high - low < EXACT:
        return _whole_support(x, low, high, n, other, m, log_odds_ratios)
    return _around_the_mode(x, low, high, n, other, m, log_odds_ratios)


def _whole_support(x: int, low: int, high: int, n: int, other: int, m: int, thetas: Floats) -> Floats:
    j = np.arange(low, high + 1, dtype=np.float64)
    rate = np.full(1, m / (n + other))
    base = _log_terms(j, n, other, m, rate, rate)
    exponents = base + thetas[:, None] * (j - x)
    top = exponents.max(axis=1)
    total = np.exp(exponents - top[:, None]).sum(axis=1)
    return np.asarray(base[x - low] - top - np.log(total))


def _around_the_mode(x: int, low: int, high: int, n: int, other: int, m: int, thetas: Floats) -> Floats:
    mean, rate, other_rate = _saddle_point(n, other, m, thetas)
    variance = 1.0 / (1.0 / mean + 1.0 / (n - mean) + 1.0 / (m - mean) + 1.0 / (other - m + mean))
    stride = np.maximum(1.0, np.floor(np.sqrt(variance) / 2.0))[:, None]
    j = np.round(mean)[:, None] + stride * REACH
    inside = (j >= low) & (j <= high)
    points = np.append(np.clip(j, low, high), np.full((len(thetas), 1), float(x)), axis=1)
    found = _log_terms(points, n, other, m, rate[:, None], other_rate[:, None])
    terms, at_x = np.where(inside, found[:, :-1], -np.inf), found[:, -1]
    top = terms.max(axis=1, keepdims=True)
    total = np.log((stride * np.exp(terms - top)).sum(axis=1)) + top[:, 0]
    return np.asarray(at_x - total)


def _saddle_point(n: int, other: int, m: int, thetas: Floats) -> tuple[Floats, Floats, Floats]:
    """The candidate's expected bad answers and both binomial rates, for each odds ratio.

    The mean solves x (other - m + x) = psi (n - x) (m - x); for psi < 1 the versions change places, which keeps the
    quadratic's root free of cancellation. The second rate follows from the first and psi, so that rounding cannot
    change the odds ratio.
    """
    psi = np.exp(np.abs(thetas))
    swapped = thetas < 0
    here, there = np.where(swapped, other, n), np.where(swapped, n, other)
    b = psi * (here + m) + (there - m)
    root = 2.0 * psi * here * m / (b + np.sqrt(np.maximum(b * b - 4.0 * (psi - 1.0) * psi * here * m, 0.0)))
    mean = np.where(swapped, m - root, root)
    edge = 1e-6
    mean = np.clip(mean, max(0, m - other) + edge, min(n, m) - edge)
    rate = np.clip(mean / n, 1e-15, 1.0 - 1e-15)
    odds = rate / (1.0 - rate) * np.exp(-thetas)
    return mean, rate, odds / (1.0 + odds)


def _log_terms(j: Floats, n: int, other: int, m: int, rate: Floats, other_rate: Floats) -> Floats:
    """log of binomial(j; n, rate) times binomial(m - j; other, other_rate), without what does not depend on j.

    As deviances from the means and Stirling corrections (C. Loader, "Fast and accurate computation of binomial
    probabilities", 2000), which stay small near the mode where logs of factorials would lose all digits at 1e9.
    """
    counts = np.stack((j, n - j, m - j, other - m + j))  # together: each call of numpy costs more than what it does
    means = np.stack((n * rate, n * (1.0 - rate), other * other_rate, other * (1.0 - other_rate)))
    first, second, third, fourth = _part(counts, means)
    return np.asarray(-(first + second + third + fourth))


def _part(count: Floats, mean: Floats) -> Floats:
    """count log(count / mean) + mean - count + log(count!) - (count log count - count), with 0 log 0 = 0."""
    excess = (count - mean) / mean
    deviance = mean * ((1.0 + excess) * np.log1p(np.maximum(excess, -1.0 + 1e-16)) - excess)
    if count.min() >= len(_TABLE):  # the same, without asking each of them
        return np.asarray(deviance + _series(count))
    return np.where(count > 0, deviance, mean) + _stirling(count)


def _stirling(count: Floats) -> Floats:
    """log(n!) - (n log n - n) for whole n >= 0: a table below 64, Stirling's series above (error < 1e-15)."""
    small = _TABLE[np.minimum(count, len(_TABLE) - 1.0).astype(np.intp)]
    return np.where(count < len(_TABLE), small, _series(np.maximum(count, float(len(_TABLE)))))


def _series(count: Floats) -> Floats:
    inverse = 1.0 / count
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    return np.asarray(0.5 * np.log(2.0 * pi * count) + series)
