"""Counters: from raw cumulative counters, as scraped, to what was counted between two rounds of scrapes.

``increase()`` of Prometheus extrapolates to fractions and cannot tell a reset from a pause, so the raw values are
differenced here, series by series (``series_counters``). The first sample of a release only sets the base.

Each reporter (a process that is scraped) has its own time, that of its own scrape, and what is not newer than known is
ignored: two Prometheus that are asked in turn are not of one mind, and one that comes back may know less than before.

A tick is a whole round: it closes when every reporter has been scraped again since the last one. One that is late is
waited for until it has missed a scrape (LATE), and then no more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from modelrollout.core.evidence.counts import Count, Tick
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
class Counters:
    """The last raw counters of one metric for both versions of a release, and the ``times`` of their reporters' last
    scrapes, by digest. ``at`` is None before the first sample."""

    candidate: str
    stable: str
    at: float | None = None
    of_candidate: SeriesCounters = field(default_factory=SeriesCounters)
    of_stable: SeriesCounters = field(default_factory=SeriesCounters)
    times: Mapping[str, float] = field(default_factory=dict)

    def after(self, sample: RawSample, interval: float) -> tuple[Counters, Tick | None]:
        """The counters after a sample, and the tick since the last one; ``interval`` is that of the scrapes, seconds.

        No tick for the first sample of the release, for an interval in which folded series changed, and while a round
        is not whole (then the counters stay as they are). A version without series has not answered yet. Raises
        BadCount for impossible counts: the caller keeps the old counters and says so.
        """
        if self.at is not None and sample.at <= self.at:
            return self, None
        since = sample.at - LATE * interval
        times = _times(sample, since)
        fresh = {name: at for name, at in times.items() if at > self.times.get(name, float("-inf"))}
        candidate, stable = (_of(sample, version, fresh) for version in (self.candidate, self.stable))
        folds_wait = self.of_candidate.waits_for(candidate, times) or self.of_stable.waits_for(stable, times)
        if self._waits(since, fresh) or (self.at is not None and self.at > since and folds_wait):
            return self, None
        of_candidate, new_candidate = self.of_candidate.after(candidate, self.times.keys(), times)
        of_stable, new_stable = self.of_stable.after(stable, self.times.keys(), times)
        kept = _remembered(dict(self.times) | fresh, of_candidate, of_stable)
        counters = Counters(self.candidate, self.stable, sample.at, of_candidate, of_stable, kept)
        if self.at is None or new_candidate is None or new_stable is None:
            return counters, None
        return counters, Tick(sample.at, new_candidate, new_stable)

    def _waits(self, since: float, fresh: Collection[str]) -> bool:
        """Whether a reporter that was scraped later than ``since`` has not been scraped again."""
        return any(at > since and name not in fresh for name, at in self.times.items())

    @property
    def known(self) -> tuple[frozenset[str], ...]:
        """Who has a base: the reporters, and those that have counted something of the candidate and of stable."""
        return frozenset(self.times), frozenset(self.of_candidate.last), frozenset(self.of_stable.last)

    def with_bases_of(self, later: Counters) -> Counters:
        """These counters with the bases of the reporters that ``later`` saw for the first time, and nothing else of it:
        what the others counted is still to come. Where series are folded there is no telling, and ``later`` is all."""
        if later.of_candidate.fold is not None or later.of_stable.fold is not None:
            return later
        new = later.times.keys() - self.times.keys()
        if not new:
            return self
        return replace(
            self,
            of_candidate=self.of_candidate.with_bases(later.of_candidate, new),
            of_stable=self.of_stable.with_bases(later.of_stable, new),
            times=dict(self.times) | {name: later.times[name] for name in new},
        )

    @property
    def versions(self) -> tuple[str, str]:
        """Candidate and stable."""
        return self.candidate, self.stable

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost: some 60 bytes for each series, at most 64 series a version."""
        return {
            "at": self.at,
            "versions": [self.candidate, self.stable],
            "candidate": self.of_candidate.to_status(),
            "stable": self.of_stable.to_status(),
            "times": dict(sorted(self.times.items())),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave; where it kept no times, all were of one. Raises KeyError or BadCount when it is
        not that."""
        candidate, stable = status["versions"]
        at = None if status["at"] is None else float(status["at"])
        of_candidate, of_stable = (SeriesCounters.from_status(status[role]) for role in ("candidate", "stable"))
        times = status.get("times")
        if times is None and at is not None:
            times = dict.fromkeys(of_candidate.last.keys() | of_stable.last.keys(), at)
        return cls(
            candidate, stable, at, of_candidate, of_stable, {name: float(time) for name, time in (times or {}).items()}
        )


def _times(sample: RawSample, since: float) -> dict[str, float]:
    """Of the reporters in a sample, by digest; those that are away have been scraped last before ``since``."""
    names = {name for series in sample.series.values() for name in series} | sample.times.keys()
    times = {digest(name): sample.times.get(name, sample.at) for name in names}
    return {name: at for name, at in times.items() if at > since}


def _of(sample: RawSample, version: str, reporters: Collection[str]) -> dict[str, Count]:
    """One version's counts by these reporters."""
    series = {digest(name): count for name, count in sample.series.get(version, {}).items()}
    return {name: count for name, count in series.items() if name in reporters}


def _remembered(times: Mapping[str, float], *versions: SeriesCounters) -> dict[str, float]:
    """The times of all whose counts are kept one by one, and of as many others, the newest first."""
    counted = {name for version in versions for name in version.last}
    others = sorted((name for name in times if name not in counted), key=lambda name: (-times[name], name))
    folded = any(version.fold is not None for version in versions)  # has a time of its own
    return {name: times[name] for name in (*sorted(counted & times.keys()), *others[: 0 if folded else SERIES])}
