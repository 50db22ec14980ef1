"""RateEProcess: is one version's rate of bad answers above (or below) a fixed rate?

For what is not a comparison: an absolute limit, the floor under which nobody minds, and the time after stable has lost
its traffic. Null hypothesis: the rate is at most ``edge`` at all times (``above``),
or at least ``edge`` (``below``). Likelihood ratio of a tick with x bad of n against the alternative p:

    (p / edge)^x ((1 - p) / (1 - edge))^(n - x)

The alternatives are multiples of the edge's odds, so they stay below 1. A. Wald, "Sequential analysis" (1947); the
mixture and the bound as in ``capital``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log, log1p
from typing import Self

from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.counts import Count
from modelrollout.core.evidence.interval import rate_interval
from modelrollout.core.evidence.settings import WORSE_BY, EvidenceSettings


@dataclass(frozen=True, slots=True)
class RateEProcess:
    """Evidence against "the rate is at most ``edge``", or with ratios < 1 against "the rate is at least ``edge``"."""

    edge: float
    ratios: tuple[float, ...]
    capital: Capital

    @classmethod
    def above(cls, edge: float, ratios: Sequence[float] = WORSE_BY) -> Self:
        """Evidence that the rate lies above ``edge``, a share between 0 and 1; ratios > 1 multiply its odds."""
        return cls(_share(edge), tuple(ratios), Capital.of(len(ratios)))

    @classmethod
    def below(cls, edge: float, ratios: Sequence[float]) -> Self:
        """Evidence that the rate lies below ``edge``; ratios > 1 divide its odds."""
        return cls(_share(edge), tuple(1.0 / ratio for ratio in ratios), Capital.of(len(ratios)))

    def evidence(self, settings: EvidenceSettings) -> float:
        """The e-value, 1 before the first tick."""
        return self.capital.evidence(settings)

    def after(self, count: Count, settings: EvidenceSettings) -> RateEProcess:
        """After one tick's count; without requests nothing changes."""
        if count.trials == 0:
            return self
        ratios = rate_log_ratios(count, self.edge, self.ratios)
        return RateEProcess(self.edge, self.ratios, self.capital.after(ratios, settings))


def rate_log_ratios(count: Count, edge: float, ratios: tuple[float, ...]) -> list[float]:
    """Log-likelihood ratios of the rates whose odds are ``ratios`` times the edge's, against the edge, in nats."""
    good = count.trials - count.bad
    return [count.bad * up + good * down for up, down in _slopes(edge, ratios)]


def rate_of_record(record: Count, settings: EvidenceSettings, confidence: float = 0.95) -> float | None:
    """The rate that stands for stable once it has no traffic: ``settings.record`` for later ticks.

    ``record`` is what stable answered before. Its upper confidence limit (valid at any time), never less than the
    floor, with the margin on its odds. None without any recorded answer: then nothing can be compared.
    """
    if record.trials == 0:
        return None
    high = rate_interval(record, 1.0 - confidence, settings.overdispersion).high
    high = min(max(high, settings.floor), 0.999)
    odds = high / (1.0 - high) * settings.margin
    return odds / (1.0 + odds)


@lru_cache(maxsize=256)
def _slopes(edge: float, ratios: tuple[float, ...]) -> tuple[tuple[float, float], ...]:
    """For each ratio: what one bad and what one good answer add to the log-likelihood ratio."""
    slopes = []
    for ratio in ratios:
        down = -log1p(edge * (ratio - 1.0))  # log((1 - p) / (1 - edge)), with p's odds = ratio * edge's odds
        slopes.append((log(ratio) + down, down))
    return tuple(slopes)


def _share(edge: float) -> float:
    if not 0.0 < edge < 1.0:
        raise ValueError(f"the edge of a rate test is {edge!r}: it must be a share between 0 and 1")
    return edge
