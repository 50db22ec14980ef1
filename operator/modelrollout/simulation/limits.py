"""Clopper-Pearson limits: what a share seen in N simulated runs says of the true one.

Exact, so that "no false rollback in 400 runs" is not read as "never": the upper 95 % limit is then 0.9 %
(C. Clopper, E. Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934)).
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, fsum, lgamma, log, log1p


def clopper_pearson(hits: int, runs: int, confidence: float = 0.95) -> tuple[float, float]:
    """The two-sided limits of a share that was seen ``hits`` times in ``runs``. Raises ValueError for no runs."""
    if not 0 <= hits <= runs or runs == 0:
        raise ValueError(f"{hits} hits in {runs} runs: there must be at least one run, and no more hits than runs")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if hits == 0 else _root(lambda share: _at_least(hits, runs, share) - tail)
    high = 1.0 if hits == runs else _root(lambda share: tail - _at_most(hits, runs, share))
    return low, high


def _root(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return 0.5 * (low + high)


def _at_most(hits: int, runs: int, share: float) -> float:
    """P(X <= hits), X binomial."""
    return fsum(_term(k, runs, share) for k in range(hits + 1))


def _at_least(hits: int, runs: int, share: float) -> float:
    """P(X >= hits): the other tail, with the two outcomes exchanged."""
    return _at_most(runs - hits, runs, 1.0 - share)


def _term(hits: int, runs: int, share: float) -> float:
    if share <= 0.0 or share >= 1.0:
        return float(hits == (runs if share >= 1.0 else 0))
    choose = lgamma(runs + 1) - lgamma(hits + 1) - lgamma(runs - hits + 1)
    return exp(choose + hits * log(share) + (runs - hits) * log1p(-share))
