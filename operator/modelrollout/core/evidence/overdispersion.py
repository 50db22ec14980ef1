"""Overdispersion: do stable's bad answers come one by one, or in bursts?

Five errors of one client's retry loop are hardly more evidence than one. The factor phi says how much more the rate
jumps from tick to tick than independent answers would let it; every log-likelihood ratio is divided by it. It is
measured on stable alone: in the 30 minutes before the release here, during it by ``noise``. Each tick is compared with
the one before it, so that a slow drift of the rate is not taken for bursts (J. von Neumann et al., "The mean square
successive difference", 1941):

    jump = (r_t - r_(t-1))^2 / (p (1 - p) (1 / n_t + 1 / n_(t-1))),   p the rate of both ticks together

It is 1 on average where answers are independent, and about b where errors come b at a time. phi is the mean of the
jumps, each with a weight that follows from the errors in it and ends at ENOUGH_IN_A_PAIR: two ticks are one look at
the noise, whatever they count. So an outage of half a minute among half an hour of quiet is two large jumps of some
hundred, and raises phi a little; bursts that come all the time are measured in full, whatever their size.

With few errors the estimate says little about rare bursts, and the usual way out, at least 2, would make every
service with little traffic twice as slow to judge. So below ENOUGH errors it is mixed with a guess of 2 that weighs
as much as ten errors and fades out towards ENOUGH: 2 without any error in the history, 1.5 with ten independent ones,
1.1 with fifty, the plain estimate from a hundred on. It never lowers an estimate above 2: bursts that were seen
count in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from modelrollout.core.evidence.counts import Count

LEAST = 1.0
MOST = 999.0  # at the end of what settings may hold: nothing that is so noisy is decided by counts
GUESS, GUESS_WEIGHT = 2.0, 10.0
ENOUGH = 100
ENOUGH_IN_A_PAIR = 5.0  # errors: more in two ticks tell hardly more, one jump being one number


@dataclass(frozen=True, slots=True)
class Jump:
    """From one tick to the next: ``size`` 1 as of independent answers, and what it weighs, 0 where nothing was bad."""

    size: float
    weight: float


def jump(before: Count, after: Count, parts: int = 1) -> Jump:
    """Between two ticks' counts of one version. Nothing without answers, without a bad one, or with none but bad.

    Where both are counted in ``parts`` of one (``counts.PARTS``), answers may be anything between good and bad. Size 1
    is that of answers which are one or the other; others vary less.
    """
    answers, bad = before.trials + after.trials, before.bad + after.bad
    few = min(bad, answers - bad) / parts
    if not before.trials or not after.trials or not few:
        return Jump(LEAST, 0.0)
    rate = bad / answers
    expected = rate * (1.0 - rate) * (parts / before.trials + parts / after.trials)
    return Jump((after.rate - before.rate) ** 2 / expected, few * ENOUGH_IN_A_PAIR / (few + ENOUGH_IN_A_PAIR))


def overdispersion(history: Sequence[Count], parts: int = 1) -> float:
    """phi of stable, from its counts (in ``parts``) of each tick before the release in order of time; at least 1.

    Ticks without requests are skipped. With no history at all it is the guess, 2.
    """
    counts = [count for count in history if count.trials]
    total = sum(counts, Count(0, 0))
    jumps = [jump(before, after, parts) for before, after in pairwise(counts)]
    weight = sum(one.weight for one in jumps)
    errors = min(total.bad, total.trials - total.bad) / parts if weight else 0.0
    estimate = sum(one.size * one.weight for one in jumps) / weight if weight else GUESS
    guessed = GUESS_WEIGHT * max(0.0, 1.0 - errors / ENOUGH)
    mixed = (errors * estimate + guessed * GUESS) / (errors + guessed)
    return min(MOST, max(LEAST, mixed, estimate if errors else LEAST))
