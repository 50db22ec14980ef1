"""NonInferiority: is it proven that the candidate is not much worse than stable?

Rolling back needs proof of harm; going on early needs the opposite proof, and "no proof of harm" is not that.
Null hypothesis: the odds ratio is at least ``not_worse_than`` AND the rate is above the floor. Two ways to disprove
it, with the capital split between them because a sum of shares is valid where the larger of the two is not:
 - by comparison: the conditional likelihood ratio of odds ratios below the bound, no cap and no late stakes, since
   a proof that comes a tick too early costs little;
 - by the floor: the candidate's own rate lies below it. Without this a model that makes no errors could never prove
   anything, there being nothing to compare.
What is above PLENTY is thrown away, so that a proof does not outlive a change for the worse by long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, fsum

import numpy as np

from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.hypergeometric import Floats, log_likelihoods
from modelrollout.core.evidence.rate import rate_log_ratios
from modelrollout.core.evidence.settings import BETTER_BY, EvidenceSettings

BELOW_BY = (2.0, 5.0, 20.0)  # alternatives below the floor or the limit, as its odds divided by these
BY_COMPARISON = 0.9  # share of the capital; the rest bets on the floor
PLENTY = 40.0  # most capital on one alternative, as a multiple of what is needed


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """Capital on each alternative: odds ratios below the bound, and rates below the floor (or the limit)."""

    odds: tuple[float, ...] = (1.0,) * len(BETTER_BY)
    rates: tuple[float, ...] = (1.0,) * len(BELOW_BY)

    def evidence(self, settings: EvidenceSettings) -> float:
        """The e-value, 1 at the start; reaching 1 / beta has a chance of at most beta if the candidate is worse."""
        rates = fsum(self.rates) / len(self.rates)
        if settings.limit is not None:
            return rates
        odds = fsum(self.odds) / len(self.odds)
        return odds if settings.floor == 0 else BY_COMPARISON * odds + (1.0 - BY_COMPARISON) * rates

    def after(self, tick: Tick, settings: EvidenceSettings) -> NonInferiority:
        """After one tick; the same when the candidate had no requests."""
        return self.after_ratios(better_log_ratios(tick, settings), tick.candidate, settings)

    def after_ratios(
        self, ratios: Sequence[float] | None, candidate: Count, settings: EvidenceSettings
    ) -> NonInferiority:
        """As ``after``, with the log-likelihood ratios of BETTER_BY where the tick could be compared."""
        edge = settings.floor if settings.limit is None else settings.limit
        odds = self.odds if ratios is None else _grown(self.odds, ratios, settings)
        rates = self.rates
        if candidate.trials and edge > 0:
            below = tuple(1.0 / ratio for ratio in BELOW_BY)
            rates = _grown(rates, rate_log_ratios(candidate, edge, below), settings)
        return NonInferiority(odds, rates)


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
