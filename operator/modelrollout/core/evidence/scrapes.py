"""Scrapes: which of the newest scrapes of several reporters belong together.

A gateway counts the answers of all versions, and one scrape of it shows both at one moment. Servers that count by
themselves are scraped one after the other. There an outage of a few seconds lies in the newest scrape of one version
and not in that of the other, and taken together they show a fault that is none. So of each reporter that scrape is
taken which is nearest to the moment up to which all have been scraped: none is further from it than half an interval.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from modelrollout.core.evidence.counts import Count

Moments = Mapping[float, tuple[float, float]]
"""What one reporter counted of one version, by the time of the scrape: bad answers, all answers."""

MISSED = 1.5
"""Scrape intervals behind the newest of all at which a reporter is not waited for."""


@dataclass(frozen=True, slots=True)
class Scraped:
    """Counts by version and reporter, and the time of each reporter's scrape, with or without a count. ``at`` is the
    newest of them, None without any."""

    at: float | None
    series: Mapping[str, Mapping[str, Count]]
    times: Mapping[str, float]


def together(
    by_version: Mapping[str, Mapping[str, Moments]], interval: float, scraped: Mapping[str, float] | None = None
) -> Scraped:
    """The scrapes that belong together, of reporters that are scraped every ``interval`` seconds. ``scraped`` are the
    times of the newest scrapes of further reporters, which counted nothing here. Raises BadCount for what is none.
    """
    times = {name: max(every) for name, every in scrapes_by_reporter(by_version).items()}
    if are_apart(by_version):
        times = nearest_scrapes(scrapes_by_reporter(by_version), interval)
    series = {
        version: {
            name: Count.of(*moments[at])
            for name, moments in reporters.items()
            if (at := max((time for time in moments if time <= times[name]), default=None)) is not None
        }
        for version, reporters in by_version.items()
    }
    every = {**{name: at for name, at in (scraped or {}).items() if name not in times}, **times}
    return Scraped(max(times.values(), default=None), series, every)


def scrapes_by_reporter(by_version: Mapping[str, Mapping[str, Moments]]) -> dict[str, set[float]]:
    """When each reporter was scraped, whichever version it showed."""
    found: dict[str, set[float]] = {}
    for reporters in by_version.values():
        for name, moments in reporters.items():
            if moments:
                found.setdefault(name, set()).update(moments)
    return found


def are_apart(by_version: Mapping[str, Mapping[str, Moments]]) -> bool:
    """Whether each version counts by itself: several count, and no reporter counts two of them."""
    counting = [set(reporters) for reporters in by_version.values() if reporters]
    return len(counting) > 1 and sum(map(len, counting)) == len(set[str]().union(*counting))


def nearest_scrapes(scrapes: Mapping[str, Collection[float]], interval: float) -> dict[str, float]:
    """Of each reporter the scrape nearest to the moment up to which all have been scraped, the later of two."""
    newest = {name: max(times) for name, times in scrapes.items()}
    moment = min(_waited_for(newest.values(), interval))
    return {
        name: min(times, key=lambda time: (abs(time - moment), -time)) if newest[name] >= moment else newest[name]
        for name, times in scrapes.items()
    }


def _waited_for(newest: Collection[float], interval: float) -> Iterable[float]:
    """The newest scrapes of all that have not missed one."""
    return (at for at in newest if at >= max(newest) - MISSED * interval)
