"""OddsRatioEProcess: is the candidate worse than stable by more than the margin?

Null hypothesis: at every tick the candidate's odds of a bad answer are at most ``margin`` times stable's, whatever
stable's are and however they change. Each tick contributes the exact conditional likelihood ratio

    LR(psi) = P_psi(x | n_c, n_b, m) / P_margin(x | n_c, n_b, m),   psi = margin * WORSE_BY

with P Fisher's noncentral hypergeometric distribution of the candidate's share x of the tick's m bad answers. Its
expectation is 1 at the margin and less inside (monotone likelihood ratio). The 1/overdispersion-th power keeps that
by Jensen's inequality. Published neighbours: M. Lindon, A. Malek, "Anytime-valid inference for multinomial count
data" (2022), R. Turner, A. Ly, P. Grünwald, "Generic E-variables for exact sequential k-sample tests" (2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.hypergeometric import Floats, log_likelihoods
from modelrollout.core.evidence.rate import rate_log_ratios
from modelrollout.core.evidence.settings import WORSE_BY, EvidenceSettings


@dataclass(frozen=True, slots=True)
class OddsRatioEProcess:
    """Evidence that the candidate's odds of a bad answer exceed ``margin`` times stable's."""

    capital: Capital = field(default_factory=lambda: Capital.of(len(WORSE_BY)))

    def evidence(self, settings: EvidenceSettings) -> float:
        """The e-value, 1 before the first tick; reaching 1 / alpha has a chance of at most alpha under the null."""
        return self.capital.evidence(settings)

    def after(self, tick: Tick, settings: EvidenceSettings) -> OddsRatioEProcess:
        """After one tick; the same when the tick says nothing (a version without requests, no bad answer at all)."""
        return self.after_ratios(log_ratios(tick, settings), settings)

    def after_ratios(
        self, ratios: Sequence[float] | None, settings: EvidenceSettings, scrapes: int = 1
    ) -> OddsRatioEProcess:
        """As ``after``, with the log-likelihood ratios that ``log_ratios`` gives; None changes nothing."""
        return self if ratios is None else OddsRatioEProcess(self.capital.after(ratios, settings, scrapes))


def odds_grid(margin: float) -> Floats:
    """Log odds ratios, shape (7,): the margin first, then the alternatives."""
    return _grid(margin)


def log_ratios(tick: Tick, settings: EvidenceSettings) -> list[float] | None:
    """One log-likelihood ratio for each of WORSE_BY, in nats; None when the tick cannot be compared.

    Without requests to stable the candidate is compared with ``settings.record``, the rate that stands for stable,
    if there is one: the record has its own margin of error in it, see ``rate_of_record``.
    """
    if tick.candidate.trials == 0:
        return None
    if tick.stable.trials == 0:
        return against_record(tick.candidate, settings.record)
    values = log_likelihoods(tick, _grid(settings.margin))
    return [float(value) for value in values[1:] - values[0]]


def against_record(candidate: Count, record: float | None) -> list[float] | None:
    """The same where stable has no traffic and ``record`` stands for its rate; None without one."""
    return None if record is None else rate_log_ratios(candidate, record, WORSE_BY)


@lru_cache(maxsize=64)
def _grid(margin: float) -> Floats:
    grid = np.log(margin * np.array((1.0, *WORSE_BY)))
    grid.setflags(write=False)
    return grid
