"""``status.trial.arms[].metrics``: what is known of one metric, for people and for the next pass."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from modelrollout.api.base import Duration, StatusModel, Timestamp
from modelrollout.api.route import EVERYBODY


class Side(StatusModel):
    """Counts of one version."""

    requests: int = 0
    bad: int = 0


class Ratio(StatusModel):
    """Odds of a bad answer, candidate to stable, with an interval that is valid at any time."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def of_good(self) -> Ratio:
        """The odds of a good answer."""
        estimate, low, high = (1.0 / value if value else None for value in (self.estimate, self.low, self.high))
        return Ratio(estimate=estimate, low=high, high=low)


class MetricStatus(StatusModel):
    """What is known of one metric of an arm in one split, and the memory of its sequential test.

    ``candidate``, ``stable`` and ``ratio`` are of bad answers, whatever the metric counts; with ``counts_good`` that is
    all the other answers, and people read of these.
    """

    metric: str
    split: str = EVERYBODY
    verdict: str = "NoTraffic"  # Pass Fail Undecided NoTraffic Blind Invalid
    message: str = ""
    counts_good: bool = False  # the metric counts what is good: requests - bad
    candidate: Side = Side()
    stable: Side = Side()
    ratio: Ratio = Ratio()
    evidence: float = 1.0  # of all metrics together that the candidate is worse; at `needed` it is rolled back
    part: float = 1.0  # this metric's part of it
    needed: float = 100.0
    proven: float = 1.0  # evidence that it is not worse; at `provenNeeded` it may go on early
    proven_needed: float = 20.0
    proven_share: int = 0  # percent of the requests for which it is proven good enough so far
    last_sample_at: Timestamp | None = None
    last_read_at: Timestamp | None = None  # when that sample was first read, by the operator's own clock
    requests_at_weight: int = 0  # candidate requests compared with stable's since the last change of weight
    ticks_at_weight: int = 0  # samples with such requests
    compared_at_weight: int = 0  # the lesser of both versions' requests in each of them, summed up
    overdispersion: float = 1.0  # 1: stable's bad answers come one by one; else about how many at a time
    share: Annotated[float, Field(ge=0, le=1)] = 0.0  # its part of the arm's alpha; 0: not given out yet
    bound: Duration | None = None  # latency: the histogram's bound by which it is really judged
    source: str = ""  # digest of what is counted: provider, bound, queries
    noise: tuple[float, ...] | None = None  # of stable's past: overdispersion, rate on its record, stake on the floor
    state: dict[str, Any] = Field(default_factory=dict)  # the test's own floats
    counters: dict[str, Any] = Field(default_factory=dict)  # last raw counters, by version and series
    ahead: tuple[int, ...] = ()  # latency: slow requests of candidate and stable that have not ended in the counters

    def counted(self, side: Side) -> int:
        """What the metric's owner counts of a version's answers."""
        return side.requests - side.bad if self.counts_good else side.bad
