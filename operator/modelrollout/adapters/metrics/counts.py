"""From raw series to counts: for one version, by the process that was scraped, bad answers and all answers.

A rule of counting (``Counting``) says what each series is one of, and what the sums of these kinds come to.

One scrape gives all its samples the same time. So of each process only series of one time are added up: after a
restart, the series of outcomes that have not come again yet are still in the window with their old values, and adding
those to the new ones would make up bad answers.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.adapters.metrics.base import Labels, Provider
from modelrollout.adapters.metrics.outcomes import Outcome, totals
from modelrollout.adapters.prometheus import Series
from modelrollout.api.analysis import ClientCancels
from modelrollout.core.evidence import Count, Moments

ALL_ANSWERS = "+Inf"

Tally = Mapping[str, Mapping[str, Moments]]
"""By version, then by process."""


@dataclass(frozen=True, slots=True)
class Counting:
    """How series are counted: of which kind one is by its labels (None: it does not count), and bad answers and all
    answers by the sums of each kind. ``part_of``: kinds are summed for each part apart, and the parts' counts added."""

    kind_of: Callable[[Labels], Hashable | None]
    totals: Callable[[Mapping[Any, float]], tuple[float, float]]
    part_of: Callable[[Labels], str] = lambda labels: ""


def answers(provider: Provider, cancels: ClientCancels) -> Counting:
    """How counters by outcome count."""
    return Counting(provider.outcome_of, lambda ended: totals(ended, cancels), provider.part_of)


def slow_answers(provider: Provider, bound: str, cancels: ClientCancels) -> Counting:
    """How cumulative buckets count: slow = all answers - those within the bound. Other bounds do not count, and of the
    requests that their callers ended only those that ``cancels`` wants. A histogram without that bucket counts nothing:
    which of its answers were slow it does not say."""

    def kind_of(labels: Labels) -> str | None:
        if cancels is ClientCancels.IGNORE and provider.outcome_of(labels) is Outcome.CANCELLED:
            return None
        return labels.get("le")

    def slow(within: Mapping[str, float]) -> tuple[float, float]:
        if bound not in within:
            return 0.0, 0.0
        every = within.get(ALL_ANSWERS, 0.0)
        return every - within[bound], every

    return Counting(kind_of, slow)


def tally(series: Iterable[Series], identity_of: Callable[[Labels], str | None], counting: Counting) -> Tally:
    """By version, process and time, what the series come to that were scraped at that time."""
    sums: dict[tuple[str, str, str], dict[float, dict[Hashable, float]]] = defaultdict(lambda: defaultdict(dict))
    for one in series:
        identity, kind = identity_of(one.labels), counting.kind_of(one.labels)
        if identity is None:
            continue
        moments = sums[identity, one.labels.get("instance", ""), counting.part_of(one.labels)]
        for at, value in one.points:
            kinds = moments[at]
            if kind is not None:
                kinds[kind] = kinds.get(kind, 0.0) + value
    found: dict[str, dict[str, dict[float, tuple[float, float]]]] = defaultdict(lambda: defaultdict(dict))
    for (identity, process, _), moments in sums.items():
        counts = found[identity][process]
        for at, kinds in moments.items():
            bad, every = counting.totals(kinds) if kinds else (0.0, 0.0)
            others = counts.get(at, (0.0, 0.0))
            counts[at] = others[0] + bad, others[1] + every
    return found


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
