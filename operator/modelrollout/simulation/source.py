"""Where a simulated release gets its samples from: made-up requests, or counters that were recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from modelrollout.api.route import Route
from modelrollout.core.evidence import Count
from modelrollout.core.evidence.delay import Delays
from modelrollout.core.observation import Sample, Unavailable

EPOCH = 1_767_225_600.0  # 2026-01-01T00:00:00Z: the moment, as the operator sees it, at which every release starts
SERIES = "gateway"  # one process counts the answers of all versions

Samples = Mapping[tuple[str, str], Sample | Unavailable]
"""By metric and split."""

Baseline = Mapping[str, tuple[Count, ...]]


class Source(Protocol):
    """Users and Prometheus in one. All times are seconds since the start of the release."""

    @property
    def scrape_interval(self) -> float:
        """Seconds between two samples."""
        ...

    @property
    def scrapes(self) -> Sequence[float]:
        """The times of all samples, ascending."""
        ...

    def route(self, time: float, route: Route) -> None:
        """From ``time`` on requests go there."""
        ...

    def read(self, time: float, splits: Sequence[str]) -> Samples:
        """The newest samples of these splits at ``time``."""
        ...

    def baseline(self) -> Baseline | None:
        """Stable's increments before the release, by metric."""
        ...

    def served(self, time: float) -> Count:
        """What the versions under trial answered until ``time``, all of them together."""
        ...


def sample(
    metric: str,
    time: float,
    counts: Mapping[str, Count],
    bound: float | None = None,
    delays: Delays | None = None,
) -> Sample:
    """A sample of the counters by version. A version without answers has no series yet, but the gateway was scraped."""
    series = {version: {SERIES: count} for version, count in counts.items() if count.trials}
    return Sample(metric, moment(time), series, {SERIES: moment(time)}, delays, bound)


def moment(time: float) -> float:
    """Seconds since the epoch, to the millisecond, as they come back from a status."""
    return round(EPOCH + time, 3)
