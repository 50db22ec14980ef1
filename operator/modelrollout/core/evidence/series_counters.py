"""SeriesCounters: the last raw counts of one version, series by series, and what was counted since.

A series is what one reporter (a process that is scraped: a gateway, a pod) counts of one version.
 - One that shows less than half of what it did was started anew: what it shows is what came since. One that shows a
   little less was read out of order (by a clock that is ahead), and is ignored.
 - One whose bad answers alone fall was read at two moments: that interval is left out.
 - A new series of a reporter that was scraped before, without it, counts from 0: all of it came since.
 - A reporter that was never seen only sets its base. It may have been there all along, with a lifetime of counts; if
   it is really new, what it counted before its first scrape is lost, of all versions alike.
 - A series that is absent keeps its last value: it may come back.

The memory is part of the status, so it must stay small: SERIES series of a version are kept one by one. Of a version
with more, the ones with the most requests are folded into sums. That stays correct because a fold only counts while
nothing can be hidden in it: the same series as before (by a digest of their names), each scraped since, no sum fallen,
and none below the least that any of them had, which a reset would cause. Otherwise the whole interval of both versions
is left out and the base moves on: answers may go uncounted, but none is counted twice or for the wrong version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Self

from modelrollout.core.evidence.counts import NOTHING, Count, MoreBadThanNew

SERIES = 64


@dataclass(frozen=True, slots=True)
class Fold:
    """The last sums of the series that are not kept one by one, the fewest trials of one, who they are, and the time of
    the newest of them."""

    total: Count = NOTHING
    least: int = 0
    names: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class SeriesCounters:
    """The last raw counts of one version, by a digest of the reporter. ``fold`` is None until one is needed."""

    last: Mapping[str, Count] = field(default_factory=dict)
    fold: Fold | None = None

    def after(
        self, now: Mapping[str, Count], known: Collection[str], times: Mapping[str, float]
    ) -> tuple[SeriesCounters, Count | None]:
        """The counters after new counts by reporter, and what was counted since the last; None when that cannot be
        told. ``known`` are the reporters that were seen before, ``times`` those of all scrapes.

        Raises BadCount when one series shows more new bad answers than new answers.
        """
        now = {name: count for name, count in now.items() if not _is_older(self.last.get(name, NOTHING), count)}
        counted = NOTHING
        for name in now.keys() & self.last.keys():
            new = _since(self.last[name], now[name])
            if new is None:
                return _compact(dict(self.last) | now, now, times, forgetful=self.fold is not None), None
            counted += new
        others = {name: count for name, count in now.items() if name not in self.last}
        kept = dict(self.last) | now
        if self.fold is None:
            born = sum((count for name, count in others.items() if name in known), NOTHING)
            return _compact(kept, now, times, forgetful=False), counted + born
        folded = _folded_since(self.fold, others, times)
        if folded is None:
            return _compact(kept, now, times, forgetful=True), None
        single = {name: count for name, count in kept.items() if name not in others}
        return SeriesCounters(single, _fold(others, times)), counted + folded

    def with_bases(self, later: SeriesCounters, reporters: Set[str]) -> SeriesCounters:
        """These counters, and what ``later`` shows of further ``reporters``."""
        return SeriesCounters(dict(self.last) | {name: later.last[name] for name in reporters & later.last.keys()})

    def waits_for(self, now: Mapping[str, Count], times: Mapping[str, float]) -> bool:
        """Whether a folded series has not been scraped since the fold was made."""
        if self.fold is None:
            return False
        return any(times[name] <= self.fold.at for name in now if name not in self.last)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        status: dict[str, Any] = {name: [count.bad, count.trials] for name, count in sorted(self.last.items())}
        if self.fold is not None:
            fold = self.fold
            status["fold"] = [fold.total.bad, fold.total.trials, fold.least, fold.names, fold.at]
        return status

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave."""
        last = {name: Count.of(pair[0], pair[1]) for name, pair in status.items() if name != "fold"}
        fold = status.get("fold")
        if fold is None:
            return cls(last)
        bad, trials, least, names, *at = fold
        return cls(last, Fold(Count.of(bad, trials), int(least), str(names), *map(float, at)))


def _is_older(last: Count, now: Count) -> bool:
    """Whether a count was read before the last one: no process that was started anew gets to half of it at once."""
    return now.trials < last.trials <= 2 * now.trials


def _since(last: Count, now: Count) -> Count | None:
    """What came since the last sample. A process that was started anew shows fewer trials; fewer bad answers alone are
    two counters that were read a moment apart, and nobody knows what came."""
    if now.trials < last.trials:
        return now
    if now.bad < last.bad:
        return None
    bad, trials = now.bad - last.bad, now.trials - last.trials
    if bad > trials:
        raise MoreBadThanNew(last, now)
    return Count(bad, trials)


def _folded_since(fold: Fold, others: Mapping[str, Count], times: Mapping[str, float]) -> Count | None:
    """What the folded series counted since the last sample; None when a birth, a loss or a reset may hide in it."""
    now = _fold(others, times)
    grown_bad, grown = now.total.bad - fold.total.bad, now.total.trials - fold.total.trials
    same = now.names == fold.names and now.least >= fold.least and all(times[name] > fold.at for name in others)
    return Count(grown_bad, grown) if same and 0 <= grown_bad <= grown else None


def _fold(others: Mapping[str, Count], times: Mapping[str, float]) -> Fold:
    names = digest("\n".join(sorted(others)))
    least = min((count.trials for count in others.values()), default=0)
    newest = max((times[name] for name in others), default=0.0)
    return Fold(sum(others.values(), NOTHING), least, names, newest)


def _compact(
    kept: Mapping[str, Count], now: Mapping[str, Count], times: Mapping[str, float], *, forgetful: bool
) -> SeriesCounters:
    """At most SERIES series one by one: absent ones are forgotten first, then the largest are folded.

    Once one was forgotten or folded (``forgetful``), an unknown name need not be a new series, and there is a fold
    from then on, even an empty one, to notice it.
    """
    if len(kept) <= SERIES:
        return SeriesCounters(dict(kept), _fold({}, {}) if forgetful else None)
    by_size = sorted(kept, key=lambda name: (name not in now, kept[name].trials, name))
    present = [name for name in by_size if name in now]
    single = by_size[:SERIES]
    folded = {name: now[name] for name in present[SERIES:]}
    return SeriesCounters({name: kept[name] for name in single}, _fold(folded, times))


def digest(name: str) -> str:
    """A short name, always the same, for a name of any length."""
    return blake2b(name.encode(), digest_size=6).hexdigest()
