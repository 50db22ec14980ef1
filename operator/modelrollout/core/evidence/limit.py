"""LimitTest: is the candidate's rate above the absolute limit that its owner set, and stable's within it?

The comparison asks for less than a service level: a margin of 2 tolerates 1.8 % where 1 % was promised. So a limit is
tested beside the comparison, each with half of the metric's evidence, as a rate e-process (``rate``).

What is above the limit with both versions is nobody's fault, and to take the requests back would help nobody. So a tick
counts against the candidate only as far as stable's answers in the same tick speak for being within the limit. In an
outage of both they speak against it, whatever shares the two have before and after; pooled over a while they would not,
as soon as stable has answered more of the good requests than of the bad ones. That stable is within is not asked for as
surely as the excess: its evidence counts SURELY-fold, about 100 to 1 in place of 1 / alpha and what the stakes cost.
Counting less than the candidate's own ratio is always allowed, so the bound holds.

That the limit is exceeded just now (``since``) is not divided by the noise, and forgotten soon: it holds a share and
proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import exp, fsum, inf, log
from typing import Any, Self

from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.counts import Tick
from modelrollout.core.evidence.noise import damped
from modelrollout.core.evidence.rate import rate_log_ratios
from modelrollout.core.evidence.settings import WORSE_BY, EvidenceSettings
from modelrollout.core.evidence.suspicion import STANDING, Suspicion

PART = 0.5  # of the metric's evidence; the comparison has the other half
SURELY = 2.5
WITHIN = (1 / 1.5, 1 / 3.0, 1 / 10.0)  # alternatives for stable, as multiples of the limit's odds
SMALL = 2  # alternatives by which "since when" is asked: a large excess is one for them, too, and a small one only so
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class LimitTest:
    """Capital on rates above the limit, and what both versions answered ``since`` the candidate began to exceed it."""

    capital: Capital = field(default_factory=lambda: Capital.of(len(WORSE_BY)))
    since: Suspicion = field(default_factory=Suspicion)

    def evidence(self, settings: EvidenceSettings) -> float:
        """That the candidate's rate is above the limit while stable's is not: an e-value, 1 before the first tick."""
        return self.capital.evidence(settings)

    def after(self, tick: Tick, settings: EvidenceSettings, overdispersion: float, scrapes: int) -> LimitTest:
        """After one tick worth so many ``scrapes``, in which the noise became ``overdispersion``."""
        if settings.limit is None or not tick.candidate.trials:
            return self
        above, within = rate_log_ratios(tick.candidate, settings.limit, WORSE_BY), within_limit(tick, settings)
        since = self.since.after(above[:SMALL], tick, 1.0)
        since = replace(since, level=min(since.level, 2.0 * STANDING))
        if within is None:
            return replace(self, since=since)
        counted = damped([min(ratio, SURELY * within) for ratio in above], settings.overdispersion, overdispersion)
        assert counted is not None
        return LimitTest(self.capital.after(counted, settings, scrapes), since)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {"above": list(self.capital.members), "ticks": self.capital.ticks, "since": self.since.to_status()}

    @classmethod
    def from_status(cls, status: Mapping[str, Any] | None) -> Self:
        """From what ``to_status`` gave; nothing known without it. Raises as MetricEvidence's."""
        if not status:
            return cls()
        members = tuple(float(value) for value in status["above"])
        if len(members) != len(WORSE_BY):
            raise ValueError(f"{len(members)} numbers where {len(WORSE_BY)} belong: the status is of another version")
        return cls(Capital(members, int(status["ticks"])), Suspicion.from_status(status["since"]))


def within_limit(tick: Tick, settings: EvidenceSettings) -> float | None:
    """How much stable's answers speak for a rate within the limit, in nats. Where it has no requests by decision, no
    more is asked than that its record is within; None where nothing is known of it, or the record is not."""
    assert settings.limit is not None
    if tick.stable.trials:
        ratios = rate_log_ratios(tick.stable, settings.limit, WITHIN)
        return max(ratios) + log(fsum(exp(ratio - max(ratios)) for ratio in ratios) / len(ratios))
    if settings.record is None or without_margin(settings.record, settings.margin) > settings.limit + ROUNDING:
        return None
    return inf


def without_margin(record: float, margin: float) -> float:
    """The rate of stable's record, which has the margin on its odds (``rate_of_record``)."""
    odds = record / (1.0 - record) / margin
    return odds / (1.0 + odds)
