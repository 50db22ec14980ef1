"""From raw series to counts: for one version, by the process that was scraped, bad answers and all answers.

One scrape gives all its samples the same time. So of each process only series of one time are added up: after a
restart, the series of outcomes that have not come again yet are still in the window with their old values, and adding
those to the new ones would make up bad answers.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from modelrollout.adapters.metrics.base import Labels, Provider
from modelrollout.adapters.prometheus import Series
from modelrollout.core.evidence import Count, Moments

ALL_ANSWERS = "+Inf"

Shares = Callable[[Labels], tuple[float, float]]
"""How a series counts, by its labels: its value times the first is bad answers, times the second all answers."""

Tally = Mapping[str, Mapping[str, Moments]]
"""By version, then by process."""


def answers(provider: Provider) -> Shares:
    """How a counter by outcome counts."""
    return lambda labels: (float(provider.is_bad(labels)), 1.0) if provider.counts(labels) else (0.0, 0.0)


def slow_answers(bound: str) -> Shares:
    """How a cumulative bucket counts: slow = all answers - those within the bound. Other bounds do not count."""
    shares = {ALL_ANSWERS: (1.0, 1.0), bound: (-1.0, 0.0)}
    return lambda labels: shares.get(labels.get("le", ""), (0.0, 0.0))


def tally(series: Iterable[Series], identity_of: Callable[[Labels], str | None], shares: Shares) -> Tally:
    """By version, process and time, the sums of all series, each times its shares."""
    sums: dict[str, dict[str, dict[float, tuple[float, float]]]] = defaultdict(lambda: defaultdict(dict))
    for one in series:
        identity = identity_of(one.labels)
        if identity is None:
            continue
        of_bad, of_all = shares(one.labels)
        moments = sums[identity][one.labels.get("instance", "")]
        for at, value in one.points:
            bad, every = moments.get(at, (0.0, 0.0))
            moments[at] = bad + of_bad * value, every + of_all * value
    return sums


def increments(processes: Mapping[str, Moments], interval: float) -> tuple[Count, ...]:
    """What a version answered from scrape to scrape, all its processes together, oldest first.

    A counter that fell was reset: what it shows is what came since. Processes are scraped at different moments of
    one interval (seconds); what they show in the same one is added up.
    """
    totals: dict[int, Count] = defaultdict(lambda: Count(0, 0))
    for moments in processes.values():
        for earlier, later in itertools.pairwise(sorted(moments)):
            totals[round(later / interval)] += _since(moments[earlier], moments[later])
    return tuple(totals[tick] for tick in sorted(totals))


def _since(earlier: tuple[float, float], later: tuple[float, float]) -> Count:
    if later[0] < earlier[0] or later[1] < earlier[1]:
        return Count.of(*later)
    bad, every = later[0] - earlier[0], later[1] - earlier[1]
    return Count.of(min(bad, every), every)
