"""Overdispersion: do stable's bad answers come one by one, or in bursts?

Five errors of one client's retry loop are hardly more evidence than one. The factor phi says how much more the rate
jumps from tick to tick than independent answers would let it; every log-likelihood ratio is divided by it. It is
measured on stable alone, in the 30 minutes before the release, from successive differences, so that a slow drift of
the rate is not taken for bursts (J. von Neumann et al., "The mean square successive difference", 1941):

    phi = sum (r_t - r_(t-1))^2 / sum p (1 - p) (1 / n_t + 1 / n_(t-1)),   clipped to [1, 20]

With few errors the estimate says little about rare bursts, and the usual way out, at least 2, would make every
service with little traffic twice as slow to judge. So below ENOUGH errors it is mixed with a guess of 2 that weighs
as much as ten errors and fades out towards ENOUGH: 2 without any error in the history, 1.5 with ten independent ones,
1.1 with fifty, the plain estimate from a hundred on. It never lowers an estimate above 2: bursts that were seen
count in full. An incident in the history raises phi: slower, and on the safe side.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from modelrollout.core.evidence.counts import Count

LEAST, MOST = 1.0, 20.0
GUESS, GUESS_WEIGHT = 2.0, 10.0
ENOUGH = 100


def overdispersion(history: Sequence[Count]) -> float:
    """phi of stable, from its counts of each tick before the release in order of time; between 1 and 20.

    Ticks without requests are skipped. With no history at all it is the guess, 2.
    """
    counts = [count for count in history if count.trials]
    total = sum(counts, Count(0, 0))
    errors = min(total.bad, total.trials - total.bad)
    estimate = _estimate(counts, total.rate) if errors and len(counts) > 1 else GUESS
    weight = GUESS_WEIGHT * max(0.0, 1.0 - errors / ENOUGH)
    mixed = (errors * estimate + weight * GUESS) / (errors + weight)
    return min(MOST, max(LEAST, mixed, estimate if errors else LEAST))


def _estimate(counts: Sequence[Count], rate: float) -> float:
    pairs = list(pairwise(counts))
    seen = sum((after.rate - before.rate) ** 2 for before, after in pairs)
    expected = rate * (1.0 - rate) * sum(1.0 / before.trials + 1.0 / after.trials for before, after in pairs)
    return seen / expected
