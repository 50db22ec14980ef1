"""EvidenceSettings: what a release is judged by, with the reason for each default."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, log

# Alternatives of the mixtures, as multiples of the odds (or one divided by them) at the edge of the null hypothesis.
# Six, since each costs all the others a share. Measured against other sets: 2 x, 4 x, 10 x and 40 x faults are found
# as fast as by any; without 1.25 a fault of 1.3 x would hardly ever be; and without alternatives beyond 10 x better
# an equal candidate is proven equal sooner.
WORSE_BY = (1.25, 1.8, 2.8, 5.0, 10.0, 40.0)
BETTER_BY = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
FULL_SHARE = 0.25  # two extreme ticks must do even when only this share of the alternatives explains them


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """Settings of one metric of one release. Times in seconds, rates as shares, ratios as odds ratios.

    Raises ValueError for a value out of its range.
    """

    alpha: float = 0.01  # chance of a false rollback in the whole release; 1 in 100 releases is rare enough to trust
    share: float = 1.0  # this metric's part of alpha's evidence: 1 / number of metrics, so that all keep one alpha
    margin: float = 1.1  # odds ratio still tolerated: without it any true difference, however small, ends in rollback
    floor: float = 0.001  # rate of bad answers always tolerated: 1 in 1000; 0 switches the floor off
    limit: float | None = None  # absolute rate beside the comparison (``LimitTest``); None: none is set
    not_worse_than: float = 2.0  # odds ratio to disprove before promotion; 1.5 would take three times as long
    beta: float = 0.05  # chance of a false proof of that; a false proof only goes on early, it does not stop the watch
    part_beta: float = 0.2  # the same for a part of the requests: a rise below 100 % is taken back within two ticks
    floor_stake: float = 0.1  # part of that proof's capital that bets on the floor: ``stake_on_floor``
    record: float | None = None  # rate that stands for stable once it has no traffic (``MetricEvidence.with_record``)
    overdispersion: float = 1.0  # errors in bursts: >= 1, as measured before the release; ``noise`` raises it
    first_capital: float = 0.5  # half the capital is staked at the first tick: most faults are there from the start
    late_capital: float = 0.4  # spread evenly over the planned ticks, so that late faults are found nearly as fast
    planned_ticks: int = 360  # 30 minutes of 5 s scrapes; the rest of the capital lasts for ever after
    hold_from: float = 5.0  # evidence from which no weight is raised; at most 1 healthy release in 5 ever sees it
    no_traffic_after: float = 60.0  # seconds without a request to the candidate until that is said
    scrape_interval: float = 5.0  # seconds between samples
    stale_scrapes: float = 3.0  # a sample older than so many scrapes is no sample: one may be lost, two may be late

    def __post_init__(self) -> None:
        _within("alpha", self.alpha, 0, 0.5)
        _within("share", self.share, 0, 1, closed=True)
        _within("margin", self.margin, 1, 1000, start=True)
        _within("floor", self.floor, 0, 1, start=True)
        _within("limit", 0.5 if self.limit is None else self.limit, 0, 1)
        _within("not_worse_than", self.not_worse_than, 1, 1000)
        _within("beta", self.beta, 0, 0.5)
        _within("part_beta", self.part_beta, 0, 0.5)
        _within("floor_stake", self.floor_stake, 0, 1)
        _within("record", 0.5 if self.record is None else self.record, 0, 1)
        _within("overdispersion", self.overdispersion, 1, 1000, start=True)
        _within("first_capital", self.first_capital, 0, 1)
        _within("late_capital", self.late_capital, 0, 1 - self.first_capital, start=True, closed=True)
        _within("planned_ticks", self.planned_ticks, 1, inf, start=True)
        _within("hold_from", self.hold_from, 1, inf)
        _within("no_traffic_after", self.no_traffic_after, 0, inf)
        _within("scrape_interval", self.scrape_interval, 0, inf)
        _within("stale_scrapes", self.stale_scrapes, 1, inf, start=True)

    @property
    def needed(self) -> float:
        """Evidence of the whole release at which the candidate is rolled back: 1 / alpha (Ville's inequality)."""
        return 1.0 / self.alpha

    @property
    def proof_needed(self) -> float:
        """Evidence at which "not worse" is proven: 1 / beta."""
        return 1.0 / self.beta

    @property
    def part_needed(self) -> float:
        """Evidence at which a candidate is proven good enough for a part of the requests: 1 / part_beta."""
        return 1.0 / self.part_beta

    @property
    def cap(self) -> float:
        """Most that one scrape may add to the log of the evidence of one alternative, in nats.

        Half of the way from the first capital to this metric's bound, were only FULL_SHARE of the alternatives to
        go it. So one tick cannot reach the bound, and two extreme ticks at the start of a release always do, however
        many metrics share alpha. About 3.3 for one metric at alpha = 1 %, 4.0 for four.
        """
        bound = 1.0 / (self.alpha * self.share)
        return 0.5 * log(bound / (self.first_capital * FULL_SHARE)) + 1e-9

    def bursting(self, overdispersion: float) -> EvidenceSettings:
        """The same with errors in such bursts."""
        return self if overdispersion == self.overdispersion else replace(self, overdispersion=overdispersion)

    def shared_by(self, metrics: int) -> EvidenceSettings:
        """The same for one of several metrics under one alpha, each with an equal share."""
        return replace(self, share=1.0 / metrics)


def _within(field: str, value: float, low: float, high: float, *, start: bool = False, closed: bool = False) -> None:
    above = value >= low if start else value > low
    below = value <= high if closed else value < high
    if not (above and below):
        left, right = "[" if start else "(", "]" if closed else ")"
        raise ValueError(f"{field} is {value!r}: it must lie in {left}{low:g}, {high:g}{right}")
