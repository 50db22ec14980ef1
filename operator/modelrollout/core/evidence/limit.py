"""LimitTest: is the candidate's rate above the absolute limit that its owner set, whatever stable's rate is?

The comparison asks for less than a service level: a version is "not worse" beside a stable one that fails just as
often, and a margin of 2 tolerates 1.8 % where 1 % was promised. So a limit is tested beside the comparison, each with
half of the metric's evidence, as a rate e-process (``rate``).

What is above the limit with both versions is nobody's fault, and to take the requests back would help nobody. So the
test counts against the candidate only while stable is known to be within the limit, fifty to one, by what it answered
since the candidate began to exceed it; by its record where it has no requests by decision. The lesser of an e-value and
1 is one, so whenever that is asked, the bound holds.

That the limit is exceeded just now (``since``) is not divided by the noise: it holds a share and proves nothing, and in
an outage of both the noise rises so much that the hold would outlast it by an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log, log1p
from typing import Any, Self

from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.noise import damped
from modelrollout.core.evidence.rate import rate_log_ratios
from modelrollout.core.evidence.settings import WORSE_BY, EvidenceSettings
from modelrollout.core.evidence.suspicion import Suspicion

PART = 0.5  # of the metric's evidence; the comparison has the other half
KNOWN = log(50.0)  # nats for "stable is within the limit" against "it fails as the candidate does"
SMALL = 2  # alternatives by which "since when" is asked: a large excess is one for them, too, and a small one only so
HIGHEST = 0.999  # a rate of which logarithms can be taken


@dataclass(frozen=True, slots=True)
class LimitTest:
    """Capital on rates above the limit, and what both versions answered ``since`` the candidate began to exceed it."""

    capital: Capital = field(default_factory=lambda: Capital.of(len(WORSE_BY)))
    since: Suspicion = field(default_factory=Suspicion)

    def evidence(self, settings: EvidenceSettings) -> float:
        """That the candidate's rate is above the limit: an e-value, 1 before the first tick."""
        return self.capital.evidence(settings)

    def against(self, settings: EvidenceSettings) -> float:
        """The same as far as it speaks against the candidate: at most 1 while stable may be above the limit, too."""
        evidence = self.evidence(settings)
        return evidence if self.spares_stable(settings) else min(1.0, evidence)

    def spares_stable(self, settings: EvidenceSettings) -> bool:
        """Whether stable is known to be within the limit that the candidate exceeds."""
        limit, stable = settings.limit, self.since.stable
        if limit is None:
            return False
        if settings.record is not None:
            return without_margin(settings.record, settings.margin) <= limit
        rate = min(max(self.since.candidate.rate, limit), HIGHEST)
        return log_odds(stable, rate, limit) / settings.overdispersion <= -KNOWN

    def after(self, tick: Tick, settings: EvidenceSettings, overdispersion: float, scrapes: int) -> LimitTest:
        """After one tick worth so many ``scrapes``, in which the noise became ``overdispersion``."""
        if settings.limit is None or not tick.candidate.trials:
            return self
        before = settings.overdispersion
        ratios = damped(rate_log_ratios(tick.candidate, settings.limit, WORSE_BY), before, overdispersion)
        assert ratios is not None
        return LimitTest(self.capital.after(ratios, settings, scrapes), self.since.after(ratios[:SMALL], tick, 1.0))

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


def without_margin(record: float, margin: float) -> float:
    """The rate of stable's record, which has the margin on its odds (``rate_of_record``)."""
    odds = record / (1.0 - record) / margin
    return odds / (1.0 + odds)


def log_odds(count: Count, rate: float, limit: float) -> float:
    """Log odds, in nats, for that rate of bad answers against the limit."""
    good = count.trials - count.bad
    return count.bad * log(rate / limit) + good * (log1p(-rate) - log1p(-limit))
