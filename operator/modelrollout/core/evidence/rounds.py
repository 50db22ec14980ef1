"""Rounds: from raw cumulative counters of several versions, as scraped, to what each answered between two rounds.

``increase()`` of Prometheus extrapolates to fractions and cannot tell a reset from a pause, so the raw values are
differenced here, series by series (``series_counters``). The first sample of a version only sets its base.

Each reporter (a process that is scraped) has its own time, that of its own scrape, and what is not newer than known is
ignored: two Prometheus that are asked in turn are not of one mind, and one that comes back may know less than before.

A tick is a whole round: it closes when every reporter has been scraped again since the last one. One that is late is
waited for until it has missed a scrape (LATE), and then no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from modelrollout.core.evidence.counts import NOTHING, Count
from modelrollout.core.evidence.series_counters import SERIES, SeriesCounters, digest

LATE = 2.0
"""Scrape intervals after its last scrape at which a reporter has missed one, and counts as away."""


class RawSample(Protocol):
    """Raw cumulative counts of one metric: ``series`` by version, then by reporter; ``times`` are those of the
    reporters' scrapes, ``at`` the newest of them, and that of every reporter without one."""

    @property
    def at(self) -> float: ...
    @property
    def series(self) -> Mapping[str, Mapping[str, Count]]: ...
    @property
    def times(self) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True)
class Rounds:
    """The last raw counters of one metric, by version, and the ``times`` of their reporters' last scrapes, by digest.
    ``at`` is None before the first sample."""

    of: Mapping[str, SeriesCounters] = field(default_factory=dict)
    at: float | None = None
    times: Mapping[str, float] = field(default_factory=dict)

    def after(
        self, sample: RawSample, versions: Collection[str], interval: float
    ) -> tuple[Rounds, Mapping[str, Count] | None]:
        """The counters of these versions after a sample, and what each answered since the last one; ``interval`` is
        that of the scrapes, seconds.

        Nothing for the first sample, for an interval in which folded series changed, and while a round is not whole
        (then the counters are the very same). A version that was not counted before has answered nothing yet, whatever
        its counters show. Raises BadCount for impossible counts: the caller keeps the old counters and says so.
        """
        if self.at is not None and sample.at <= self.at:
            return self, None
        since = sample.at - LATE * interval
        times = _times(sample, since)
        fresh = {name: at for name, at in times.items() if at > self.times.get(name, float("-inf"))}
        now = {version: _of(sample, version, fresh) for version in versions}
        if self._waits(since, fresh, now, times):
            return self, None
        before = {version: self.of.get(version, SeriesCounters()) for version in versions}
        found = {version: before[version].after(now[version], self.times.keys(), times) for version in versions}
        counters = {version: after for version, (after, _) in found.items()}
        rounds = Rounds(counters, sample.at, _remembered(dict(self.times) | fresh, counters.values()))
        counted = {version: new if version in self.of else NOTHING for version, (_, new) in found.items()}
        whole = {version: new for version, new in counted.items() if new is not None}
        return rounds, whole if self.at is not None and len(whole) == len(counted) else None

    @property
    def known(self) -> tuple[frozenset[str], Mapping[str, frozenset[str]]]:
        """Who has a base: the reporters, and by version those that have counted something of it."""
        return frozenset(self.times), {version: frozenset(counters.last) for version, counters in self.of.items()}

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {
            "at": self.at,
            "of": {version: counters.to_status() for version, counters in self.of.items()},
            "times": dict(sorted(self.times.items())),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises LookupError, TypeError, ValueError or AttributeError when not."""
        of = {str(version): SeriesCounters.from_status(series) for version, series in status["of"].items()}
        return cls(of, float(status["at"]), {str(name): float(time) for name, time in status["times"].items()})

    def _waits(
        self,
        since: float,
        fresh: Collection[str],
        now: Mapping[str, Mapping[str, Count]],
        times: Mapping[str, float],
    ) -> bool:
        """Whether a reporter that was scraped later than ``since`` has not been scraped again."""
        if any(at > since and name not in fresh for name, at in self.times.items()):
            return True
        folds_wait = any(self.of[version].waits_for(now[version], times) for version in now if version in self.of)
        return self.at is not None and self.at > since and folds_wait


def _times(sample: RawSample, since: float) -> dict[str, float]:
    """Of the reporters in a sample, by digest; those that are away have been scraped last before ``since``."""
    names = {name for series in sample.series.values() for name in series} | sample.times.keys()
    times = {digest(name): sample.times.get(name, sample.at) for name in names}
    return {name: at for name, at in times.items() if at > since}


def _of(sample: RawSample, version: str, reporters: Collection[str]) -> dict[str, Count]:
    """One version's counts by these reporters."""
    series = {digest(name): count for name, count in sample.series.get(version, {}).items()}
    return {name: count for name, count in series.items() if name in reporters}


def _remembered(times: Mapping[str, float], versions: Iterable[SeriesCounters]) -> dict[str, float]:
    """The times of all whose counts are kept one by one, and of as many others, the newest first."""
    every = list(versions)
    counted = {name for version in every for name in version.last}
    others = sorted((name for name in times if name not in counted), key=lambda name: (-times[name], name))
    folded = any(version.fold is not None for version in every)  # has a time of its own
    return {name: times[name] for name in (*sorted(counted & times.keys()), *others[: 0 if folded else SERIES])}
