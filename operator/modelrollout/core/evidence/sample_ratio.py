"""SampleRatio: do the requests go where the weights say?

If not, the split itself is broken (a cached route, a client that pins, a second route in front), and no comparison of
the versions can be trusted. A test against the exact weight would fire on every healthy system, because of sticky
sessions and scrapes a moment apart; so the share may be off by a point or a tenth of the weight, whichever is more.
Two one-sided rate tests at the ends of that band, their capital averaged, which is valid under any dependence
(V. Vovk, R. Wang, "E-values: calibration, combination and applications", Ann. Statist. 49 (2021)).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.counts import Count
from modelrollout.core.evidence.rate import rate_log_ratios
from modelrollout.core.evidence.settings import EvidenceSettings

OFF_BY = (1.1, 1.25, 1.5, 2.0, 4.0, 16.0)  # alternatives: odds of a share beyond the band
SAMPLE_RATIO = EvidenceSettings(alpha=0.001, share=0.5, planned_ticks=720)  # 1 in 1000 releases, an hour of 5 s scrapes


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Evidence that the candidate gets more than its weight says, and that it gets less."""

    more: Capital = field(default_factory=lambda: Capital.of(len(OFF_BY)))
    less: Capital = field(default_factory=lambda: Capital.of(len(OFF_BY)))
    settings: EvidenceSettings = SAMPLE_RATIO

    @property
    def evidence(self) -> float:
        """The e-value, 1 before the first tick; from ``settings.needed`` on the split is not what the weights say."""
        return 0.5 * (self.more.evidence(self.settings) + self.less.evidence(self.settings))

    @property
    def is_broken(self) -> bool:
        """Whether the bound is reached: a false alarm in at most 1 release of 1000."""
        return self.evidence >= self.settings.needed

    def after(self, candidate_requests: int, stable_requests: int, weight: float) -> SampleRatio:
        """After one tick during which ``weight`` (a share, 0 to 1) was in force from beginning to end.

        Weights 0 and 1, and ticks without requests, say nothing. Raises BadCount for impossible counts.
        """
        everyone = candidate_requests + stable_requests
        if not 0.0 < weight < 1.0 or not everyone:
            return self
        more = _after(self.more, Count(candidate_requests, everyone), _edge(weight), self.settings)
        less = _after(self.less, Count(stable_requests, everyone), _edge(1.0 - weight, weight), self.settings)
        return replace(self, more=more, less=less)


def tolerance(weight: float) -> float:
    """How far the candidate's share may be off: one point, or a tenth of the weight."""
    return max(0.01, 0.1 * weight)


def _edge(share: float, weight: float | None = None) -> float:
    return share + tolerance(share if weight is None else weight)


def _after(capital: Capital, count: Count, edge: float, settings: EvidenceSettings) -> Capital:
    if edge >= 1.0:  # nothing lies beyond the band on this side
        return capital
    return capital.after(rate_log_ratios(count, edge, OFF_BY), settings)
