"""Counters: from raw cumulative counters, as scraped, to what was counted between two samples.

``increase()`` of Prometheus extrapolates to fractions and cannot tell a reset from a pause, so the raw values are
differenced here, series by series (a series is one process and one set of labels):
 - a series whose trials fall was reset: what it shows now is what came since;
 - one whose bad answers alone fall was read at two moments: that interval is left out;
 - a series that appears after the release began counts from 0;
 - a series that is absent keeps its last value: it may come back;
 - the first sample of a release only sets the base.

The memory is part of the status, so it must stay small: SERIES series of a version are kept one by one. Of a version
with more, the ones with the most requests are folded into sums. That stays correct because a fold only counts while
nothing can be hidden in it: the same series as before (by a digest of their names), no sum fallen, and none below the
least that any of them had, which a reset would cause. Otherwise the whole interval of both versions is left out and
the base moves on: answers may go uncounted, but none is counted twice or for the wrong version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol, Self

from modelrollout.core.evidence.counts import NOTHING, BadCount, Count, Tick

SERIES = 64


class RawSample(Protocol):
    """Raw cumulative counts of one metric: ``series`` by version, then by the name of the series."""

    @property
    def at(self) -> float: ...
    @property
    def series(self) -> Mapping[str, Mapping[str, Count]]: ...


@dataclass(frozen=True, slots=True)
class Fold:
    """The last sums of the series that are not kept one by one, the fewest trials of one, and who they are."""

    total: Count = NOTHING
    least: int = 0
    names: str = ""


@dataclass(frozen=True, slots=True)
class SeriesCounters:
    """The last raw counts of one version, by a digest of the series' name. ``fold`` is None until one is needed."""

    last: Mapping[str, Count] = field(default_factory=dict)
    fold: Fold | None = None

    def after(self, series: Mapping[str, Count]) -> tuple[SeriesCounters, Count | None]:
        """The counters after a sample and what was counted since the last; None when that cannot be told.

        Raises BadCount when one series shows more new bad answers than new answers.
        """
        now = {_digest(name): count for name, count in series.items()}
        counted = NOTHING
        for name in now.keys() & self.last.keys():
            new = _since(self.last[name], now[name])
            if new is None:
                return _compact(dict(self.last) | now, now, forgetful=self.fold is not None), None
            counted += new
        others = {name: count for name, count in now.items() if name not in self.last}
        folded = _folded_since(self.fold, others) if self.fold is not None else sum(others.values(), NOTHING)
        if folded is None:
            return _compact(dict(self.last) | now, now, forgetful=True), None
        kept = dict(self.last) | now
        if self.fold is None:
            return _compact(kept, now, forgetful=False), counted + folded
        known = {name: count for name, count in kept.items() if name not in others}
        return SeriesCounters(known, _fold(others)), counted + folded

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        status: dict[str, Any] = {name: [count.bad, count.trials] for name, count in sorted(self.last.items())}
        if self.fold is not None:
            status["fold"] = [self.fold.total.bad, self.fold.total.trials, self.fold.least, self.fold.names]
        return status

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave."""
        last = {name: Count.of(pair[0], pair[1]) for name, pair in status.items() if name != "fold"}
        fold = status.get("fold")
        return cls(last, None if fold is None else Fold(Count.of(fold[0], fold[1]), int(fold[2]), str(fold[3])))


@dataclass(frozen=True, slots=True)
class Counters:
    """The last raw counters of one metric for both versions of a release. ``at`` is None before the first sample."""

    candidate: str
    stable: str
    at: float | None = None
    of_candidate: SeriesCounters = SeriesCounters()
    of_stable: SeriesCounters = SeriesCounters()

    def after(self, sample: RawSample) -> tuple[Counters, Tick | None]:
        """The counters after a sample, and the tick since the last one.

        No tick for the first sample of the release, for one that is not newer than the last (then the counters stay
        as they are), and for an interval in which folded series changed. A version without series has not answered
        yet. Raises BadCount for impossible counts: the caller keeps the old counters and says so.
        """
        if self.at is not None and sample.at <= self.at:
            return self, None
        of_candidate, candidate = self.of_candidate.after(sample.series.get(self.candidate, {}))
        of_stable, stable = self.of_stable.after(sample.series.get(self.stable, {}))
        counters = Counters(self.candidate, self.stable, sample.at, of_candidate, of_stable)
        if self.at is None or candidate is None or stable is None:
            return counters, None
        return counters, Tick(sample.at, candidate, stable)

    @property
    def versions(self) -> tuple[str, str]:
        """Candidate and stable."""
        return self.candidate, self.stable

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost: some 30 bytes for each series, at most 64 series a version."""
        return {
            "at": self.at,
            "versions": [self.candidate, self.stable],
            "candidate": self.of_candidate.to_status(),
            "stable": self.of_stable.to_status(),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError or BadCount when it is not that."""
        candidate, stable = status["versions"]
        at = status["at"]
        return cls(
            candidate,
            stable,
            None if at is None else float(at),
            SeriesCounters.from_status(status["candidate"]),
            SeriesCounters.from_status(status["stable"]),
        )


def _since(last: Count, now: Count) -> Count | None:
    """What came since the last sample. A process that was started anew shows fewer trials; fewer bad answers alone are
    two counters that were read a moment apart, and nobody knows what came."""
    if now.trials < last.trials:
        return now
    if now.bad < last.bad:
        return None
    bad, trials = now.bad - last.bad, now.trials - last.trials
    if bad > trials:
        raise BadCount(
            f"one series went from {last.bad} bad of {last.trials} to {now.bad} of {now.trials}: "
            "more new bad answers than new answers; do both count the same requests?"
        )
    return Count(bad, trials)


def _folded_since(fold: Fold, others: Mapping[str, Count]) -> Count | None:
    """What the folded series counted since the last sample; None when a birth, a loss or a reset may hide in it."""
    now = _fold(others)
    grown_bad, grown = now.total.bad - fold.total.bad, now.total.trials - fold.total.trials
    same = now.names == fold.names and now.least >= fold.least
    return Count(grown_bad, grown) if same and 0 <= grown_bad <= grown else None


def _fold(others: Mapping[str, Count]) -> Fold:
    names = _digest("\n".join(sorted(others)))
    least = min((count.trials for count in others.values()), default=0)
    return Fold(sum(others.values(), NOTHING), least, names)


def _compact(kept: Mapping[str, Count], now: Mapping[str, Count], *, forgetful: bool) -> SeriesCounters:
    """At most SERIES series one by one: absent ones are forgotten first, then the largest are folded.

    Once one was forgotten or folded (``forgetful``), an unknown name need not be a new series, and there is a fold
    from then on, even an empty one, to notice it.
    """
    if len(kept) <= SERIES:
        return SeriesCounters(dict(kept), _fold({}) if forgetful else None)
    by_size = sorted(kept, key=lambda name: (name not in now, kept[name].trials, name))
    present = [name for name in by_size if name in now]
    single = by_size[:SERIES]
    folded = {name: now[name] for name in present[SERIES:]}
    return SeriesCounters({name: kept[name] for name in single}, _fold(folded))


def _digest(name: str) -> str:
    return blake2b(name.encode(), digest_size=6).hexdigest()
