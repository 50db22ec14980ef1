"""NonInferiority: is it proven that the candidate is not much worse than stable?

Rolling back needs proof of harm; going on early needs the opposite proof, and "no proof of harm" is not that.
Null hypothesis: the odds ratio is at least ``not_worse_than`` AND the rate is above the floor. Two ways to disprove
it, with the capital split between them because a sum of shares is valid where the larger of the two is not:
 - by comparison: the conditional likelihood ratio of odds ratios below the bound, no cap and no late stakes, since
   a proof that comes a tick too early costs little;
 - by the floor: the candidate's own rate lies below it. Without this a model that makes no errors could never prove
   anything, there being nothing to compare.
How the capital is split is decided before the release, by stable's past (``stake_on_floor``): where stable is far above
the floor, or far below it, a bet on the wrong one of the two would be lost.
What is above PLENTY is thrown away, so that a proof does not outlive a change for the worse by long.

That proof is for all the requests. For a part of them less has to be known (``proven_share``): what a version with the
share w does to everybody is w times its rate of bad answers, and if that lies below the floor, it is tolerated by the
floor's own meaning. So "its rate is below floor / w" is enough for w, and 1 % is a matter of a hundred requests where
the whole proof takes ten thousand. The bounds lie inside each other, so for a version that stays the same the chance
that any one of them is ever proven wrongly is that of the first.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, fsum

import numpy as np

from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.hypergeometric import Floats, log_likelihoods
from modelrollout.core.evidence.interval import rate_interval
from modelrollout.core.evidence.rate import rate_log_ratios
from modelrollout.core.evidence.settings import BETTER_BY, EvidenceSettings

BELOW_BY = (2.0, 5.0, 20.0)  # alternatives below the floor, as its odds divided by these
LITTLE, EVEN, MUCH = 0.1, 0.5, 0.9  # parts of the capital that may be staked on the floor; none is ever without any
KNOWN_BY = 0.05  # chance of a wrong split of the capital, which costs time and nothing else
LOOSEST = 0.1  # however few see it: a version with more than one bad answer in ten is not good enough for anybody
PLENTY = 40.0  # most capital on one alternative, as a multiple of what is needed


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Capital on each alternative: odds ratios below the bound, and rates below the floor."""

    odds: tuple[float, ...] = (1.0,) * len(BETTER_BY)
    rates: tuple[float, ...] = (1.0,) * len(BELOW_BY)

    def evidence(self, settings: EvidenceSettings) -> float:
        """The e-value, 1 at the start; reaching 1 / beta has a chance of at most beta if the candidate is worse."""
        odds, rates = fsum(self.odds) / len(self.odds), fsum(self.rates) / len(self.rates)
        return odds if settings.floor == 0 else (1.0 - settings.floor_stake) * odds + settings.floor_stake * rates

    def after(self, tick: Tick, settings: EvidenceSettings) -> NonInferiority:
        """After one tick; the same when the candidate had no requests."""
        return self.after_ratios(better_log_ratios(tick, settings), tick.candidate, settings)

    def after_ratios(
        self, ratios: Sequence[float] | None, candidate: Count, settings: EvidenceSettings
    ) -> NonInferiority:
        """As ``after``, with the log-likelihood ratios of BETTER_BY where the tick could be compared."""
        odds = self.odds if ratios is None else _grown(self.odds, ratios, settings)
        rates = self.rates
        if candidate.trials and settings.floor > 0:
            below = tuple(1.0 / ratio for ratio in BELOW_BY)
            rates = _grown(rates, rate_log_ratios(candidate, settings.floor, below), settings)
        return NonInferiority(odds, rates)


def stake_on_floor(past: Count, floor: float, overdispersion: float) -> float:
    """The part of the capital that bets on the floor, by what stable answered before the release."""
    known = rate_interval(past, KNOWN_BY, overdispersion)
    if known.high < floor:
        return MUCH
    return LITTLE if known.low > floor else EVEN


def proven_share(candidate: Count, settings: EvidenceSettings) -> int:
    """The largest share of the requests, percent below 100, for which the candidate's rate is proven low enough."""
    if settings.floor == 0 or not candidate.trials:
        return 0
    return bisect(range(1, 100), False, key=lambda share: not _is_low_enough(candidate, share, settings))


def _is_low_enough(candidate: Count, share: int, settings: EvidenceSettings) -> bool:
    edge = min(LOOSEST, settings.floor * 100.0 / share)
    ratios = rate_log_ratios(candidate, edge, tuple(1.0 / ratio for ratio in BELOW_BY))
    evidence = fsum(exp(min(ratio / settings.overdispersion, 600.0)) for ratio in ratios) / len(ratios)
    return evidence >= settings.part_needed


def better_grid(bound: float) -> Floats:
    """Log odds ratios, shape (7,): the bound first, then the alternatives below it."""
    return _grid(bound)


def better_log_ratios(tick: Tick, settings: EvidenceSettings) -> list[float] | None:
    """One log-likelihood ratio for each of BETTER_BY, in nats; None when a version had no requests."""
    if tick.candidate.trials == 0 or tick.stable.trials == 0:
        return None
    values = log_likelihoods(tick, _grid(settings.not_worse_than))
    return [float(value) for value in values[1:] - values[0]]


def _grown(capital: tuple[float, ...], log_ratios: Sequence[float], settings: EvidenceSettings) -> tuple[float, ...]:
    most = PLENTY * settings.proof_needed
    phi = settings.overdispersion
    return tuple(
        min(most, before * exp(min(ratio / phi, 600.0))) for before, ratio in zip(capital, log_ratios, strict=True)
    )


@lru_cache(maxsize=64)
def _grid(bound: float) -> Floats:
    grid = np.log(bound / np.array((1.0, *BETTER_BY)))
    grid.setflags(write=False)
    return grid
