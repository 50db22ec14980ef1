"""MetricEvidence: all that is known of one metric in one release, as a value that grows tick by tick.

It says "worse" only when two things are proven at once: the odds are beyond the margin of stable's, and the rate is
above the floor. The lesser of the two e-values is valid for the null hypothesis "not worse by the margin, or below
the floor", since under it at least one of them is (intersection-union test, R. Berger, Technometrics 24 (1982)).
And a tick counts against the floor no more than it counts against stable. Otherwise a shared outage, far above any
floor, would be the second proof against a candidate whose only fault is 5 errors in 10 000 where stable has 1.

The whole value goes to the status and comes back bit for bit, settings included, so that a restarted operator, or
another replica, goes on with exactly the same numbers. The same ticks give the same bits, on processors for which
numpy has the same logarithm; on others they may differ in the last digits, far below what a decision looks at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np

from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.counts import NOTHING, Count, Tick
from modelrollout.core.evidence.hypergeometric import Floats, log_likelihoods
from modelrollout.core.evidence.interval import ODDS_GRID, OddsInterval
from modelrollout.core.evidence.limit import PART, LimitTest
from modelrollout.core.evidence.noise import Noise, damped
from modelrollout.core.evidence.non_inferiority import NonInferiority, better_grid, proven_share
from modelrollout.core.evidence.odds_ratio import OddsRatioEProcess, against_record, odds_grid
from modelrollout.core.evidence.rate import rate_log_ratios, rate_of_record
from modelrollout.core.evidence.settings import WORSE_BY, EvidenceSettings
from modelrollout.core.evidence.sudden import fails_suddenly
from modelrollout.core.evidence.suspicion import Suspicion

# What gives the numbers of a running test their meaning: when one of these changes, the test starts anew.
MEANING = ("margin", "floor", "limit")
# What is fixed when a release starts and stays so whatever is edited later.
LEAST_LEFT = 1e-9  # of a share: less can decide nothing any more
FIXED = ("alpha", "overdispersion", "floor_stake", "record", "first_capital", "late_capital", "planned_ticks")


@dataclass(frozen=True, slots=True)
class MetricEvidence:
    """Evidence of one metric since ``started`` (seconds since the epoch).

    ``at`` is the time of the last tick, ``served`` of the last one in which the candidate had requests (both
    ``started`` before the first), ``ticks`` how many there were, ``candidate`` and ``stable`` the totals.
    """

    metric: str
    settings: EvidenceSettings
    started: float
    at: float
    served: float
    ticks: int = 0
    candidate: Count = NOTHING
    stable: Count = NOTHING
    worse: OddsRatioEProcess = field(default_factory=OddsRatioEProcess)
    too_high: Capital = field(default_factory=lambda: Capital.of(len(WORSE_BY)))  # above the floor
    limit: LimitTest = field(default_factory=LimitTest)
    not_worse: NonInferiority = field(default_factory=NonInferiority)
    odds: OddsInterval = field(default_factory=OddsInterval)
    suspicion: Suspicion = field(default_factory=Suspicion)
    noise: Noise = field(default_factory=Noise)

    @classmethod
    def start(cls, metric: str, at: float, settings: EvidenceSettings | None = None) -> Self:
        """Nothing known yet."""
        settings = settings or EvidenceSettings()
        fresh = Suspicion(since=at)
        return cls(metric, settings, started=at, at=at, served=at, suspicion=fresh, limit=LimitTest(since=fresh))

    @property
    def evidence(self) -> float:
        """That the candidate is worse, or above its limit: an e-value, 1 before the first tick."""
        if self.settings.limit is None:
            return self.compared
        return (1.0 - PART) * self.compared + PART * self.limit.evidence(self.settings)

    @property
    def compared(self) -> float:
        """That the candidate is worse than stable: an e-value."""
        compared = self.worse.evidence(self.settings)
        return compared if self.settings.floor == 0 else min(compared, self.too_high.evidence(self.settings))

    @property
    def exceeds_limit(self) -> bool:
        """Whether the newest answers speak for a rate above the limit, whatever stable's is."""
        return self.settings.limit is not None and self.limit.since.is_bad_news

    @property
    def late(self) -> Suspicion:
        """What was answered since things began to look bad, by the test that says so."""
        return self.limit.since if self.exceeds_limit else self.suspicion

    @property
    def proof(self) -> float:
        """That the candidate is not much worse (``not_worse_than``): an e-value, 1 before the first tick."""
        return self.not_worse.evidence(self.settings)

    @property
    def proven_share(self) -> int:
        """The share of the requests, percent, for which the candidate is proven good enough; 100 with the whole proof,
        0 with none."""
        if self.proof >= self.settings.proof_needed:
            return 100
        return proven_share(self.candidate, self.settings)

    @property
    def overdispersion(self) -> float:
        """In which bursts stable's bad answers come now, by its past and by what it answered since."""
        return self.noise.factor(self.settings.overdispersion)

    def after(self, tick: Tick) -> MetricEvidence:
        """After one tick. A tick that is not newer than the last has been counted already and changes nothing."""
        if tick.at <= self.at:
            return self
        seen = replace(
            self,
            at=tick.at,
            ticks=self.ticks + 1,
            candidate=self.candidate + tick.candidate,
            stable=self.stable + tick.stable,
            served=tick.at if tick.candidate.trials else self.served,
        )
        if not tick.candidate.trials:
            return replace(seen, noise=self.noise.after(tick.stable, self.settings.overdispersion))
        sudden = self.fails_suddenly(tick.candidate, tick.at)
        return seen._tested(tick, self.scrapes(tick), sudden=sudden)

    def scrapes(self, tick: Tick) -> int:
        """How many scrapes' worth of requests the candidate's bad answers of a tick would fill, at the usual rate.

        That is 1 for a usual tick; and 1, too, for what came in one scrape after a long silence. Only where Prometheus,
        or the operator, was away for long, a tick is many, and may say as much as they would have said.
        """
        usual = self.candidate.trials / max(1, self.worse.capital.ticks)
        return max(1, int(min(self._spanned(tick.at), tick.candidate.bad / usual))) if usual else 1

    def fails_suddenly(self, answered: Count, at: float) -> bool:
        """Whether what the candidate answered until ``at`` is worse than all that was known before (``sudden.py``)."""
        known, scrapes = self.candidate + self.stable, max(1.0, self._spanned(at))
        return fails_suddenly(answered, known, self.settings.margin, scrapes)

    def _spanned(self, at: float) -> float:
        """The time since the last tick, in scrapes."""
        return (at - self.at) / self.settings.scrape_interval

    def _tested(self, tick: Tick, scrapes: int, *, sudden: bool) -> MetricEvidence:
        floor = self.settings.floor
        noise = self.noise.after(tick.stable, self.settings.overdispersion)
        before, now = self.overdispersion, noise.factor(self.settings.overdispersion)
        settings = self.settings.bursting(before)
        worse, better, odds = _compared(tick, settings)
        high = rate_log_ratios(tick.candidate, floor, WORSE_BY) if floor and worse is not None else None
        high = None if high is None or worse is None else [min(ratio, max(worse)) for ratio in high]
        against = worse
        worse, better, high = (damped(ratios, before, now) for ratios in (worse, better, high))
        return replace(
            self,
            worse=self.worse.after_ratios(worse, settings, scrapes),
            too_high=self.too_high if high is None else self.too_high.after(high, settings, scrapes),
            limit=self.limit.after(tick, settings, now, scrapes),
            not_worse=self.not_worse.after_ratios(better, tick.candidate, settings),
            odds=self.odds if odds is None else self.odds.after_values(odds, tick, before),
            suspicion=self.suspicion.after(against, tick, before, sudden=sudden),
            noise=noise,
        )

    def under(self, settings: EvidenceSettings) -> MetricEvidence:
        """The same judged by edited settings.

        What is fixed at the start of a release stays, and a share never grows. An edit of the bound of promotion begins
        that proof anew, and forgets nothing against the candidate. An edit of what the numbers mean (margin, floor,
        limit) starts the test anew with what the old one has left of its share: a test that ends and one that begins
        with its capital are one bet.
        """
        fixed = {name: getattr(self.settings, name) for name in FIXED}
        kept = replace(settings, **fixed, share=min(settings.share, self.settings.share))
        if kept == self.settings:
            return self
        if all(getattr(kept, name) == getattr(self.settings, name) for name in MEANING):
            proof = self.not_worse if kept.not_worse_than == self.settings.not_worse_than else NonInferiority()
            return replace(self, settings=kept, not_worse=proof)
        left = kept.share * min(1.0, max(self.evidence, LEAST_LEFT))
        return replace(MetricEvidence.start(self.metric, self.at, replace(kept, share=left)), noise=self.noise)

    def with_record(self, before: Count = NOTHING) -> MetricEvidence:
        """The same for when stable loses its traffic by design (blue/green after the switch, bake).

        From now on a tick without requests to stable compares the candidate with stable's record: what it answered
        in this release and ``before`` it. Until this is asked for, such a tick says nothing, since with little
        traffic it may be chance, in the middle of a shared outage.
        """
        record = rate_of_record(before + self.stable, self.settings)
        return replace(self, settings=replace(self.settings, record=record))

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost (Python and Go both write a float so that it reads back the same)."""
        return {
            "metric": self.metric,
            "settings": {item.name: getattr(self.settings, item.name) for item in fields(EvidenceSettings)},
            "times": [self.started, self.at, self.served],
            "ticks": [self.ticks, self.worse.capital.ticks, self.too_high.ticks],
            "counts": [self.candidate.bad, self.candidate.trials, self.stable.bad, self.stable.trials],
            "worse": list(self.worse.capital.members),
            "tooHigh": list(self.too_high.members),
            "notWorse": [*self.not_worse.odds, *self.not_worse.rates],
            "odds": list(self.odds.log_likelihoods),
            "sums": [self.odds.candidate_sum, self.odds.stable_sum],
            "suspicion": self.suspicion.to_status(),
            "noise": self.noise.to_status(),
            **({} if self.settings.limit is None else {"limit": self.limit.to_status()}),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, TypeError or ValueError when it is not that."""
        started, at, served = _floats(status["times"], 3)
        ticks, worse_ticks, high_ticks = status["ticks"]
        counts = status["counts"]
        not_worse = NonInferiority()
        better = _floats(status["notWorse"], len(not_worse.odds) + len(not_worse.rates))
        return cls(
            metric=str(status["metric"]),
            settings=_settings(*status["settings"].items()),
            started=started,
            at=at,
            served=served,
            ticks=int(ticks),
            candidate=Count.of(counts[0], counts[1]),
            stable=Count.of(counts[2], counts[3]),
            worse=OddsRatioEProcess(Capital(_floats(status["worse"], len(WORSE_BY)), int(worse_ticks))),
            too_high=Capital(_floats(status["tooHigh"], len(WORSE_BY)), int(high_ticks)),
            not_worse=NonInferiority(better[: len(not_worse.odds)], better[len(not_worse.odds) :]),
            odds=OddsInterval(_floats(status["odds"], len(ODDS_GRID)), *_floats(status["sums"], 2)),
            suspicion=Suspicion.from_status(status["suspicion"]),
            noise=Noise.from_status(status.get("noise", ())),
            limit=LimitTest.from_status(status.get("limit")),
        )


def _compared(
    tick: Tick, settings: EvidenceSettings
) -> tuple[list[float] | None, list[float] | None, list[float] | None]:
    """Log-likelihood ratios of the worse and of the better alternatives, and log-likelihoods of the odds' grid.

    All from one evaluation of the distribution. Without requests to stable only the first, against the record.
    """
    if not tick.stable.trials:
        return against_record(tick.candidate, settings.record), None, None
    worse, better = len(odds_grid(settings.margin)), len(better_grid(settings.not_worse_than))
    values = log_likelihoods(tick, _all_odds(settings.margin, settings.not_worse_than))
    first, second = values[:worse], values[worse : worse + better]
    rest = values[worse + better :]
    return (first[1:] - first[0]).tolist(), (second[1:] - second[0]).tolist(), rest.tolist()


@lru_cache(maxsize=64)
def _all_odds(margin: float, not_worse_than: float) -> Floats:
    return np.concatenate([odds_grid(margin), better_grid(not_worse_than), ODDS_GRID])


def _floats(values: Sequence[float], length: int) -> tuple[float, ...]:
    if len(values) != length:
        raise ValueError(f"{len(values)} numbers where {length} belong: the status is of another version")
    return tuple(float(value) for value in values)


@lru_cache(maxsize=256)
def _settings(*stored: tuple[str, float | None]) -> EvidenceSettings:
    """The settings in a status. Checked once: those of a release are the same in every pass, and of many releases."""
    values: dict[str, Any] = {name: None if value is None else float(value) for name, value in stored}
    values["planned_ticks"] = int(values["planned_ticks"])
    return EvidenceSettings(**values)
