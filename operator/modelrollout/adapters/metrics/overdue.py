"""Requests that are overdue: under way for longer than the bound by which latency is judged.

A histogram knows a slow answer once it has ended, and one that never ends never. Two numbers of a scrape tell sooner:
how many requests were started since the process began, and how many are under way. Of those under way now at most as
many are younger than the bound as were started within it; the others are overdue. That is a lower bound, whatever the
order in which requests end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from modelrollout.adapters.metrics.base import Provider, UnderWay
from modelrollout.adapters.prometheus import Series

SCRAPE_TAKES = 1.0
"""Seconds. A sample carries the time at which its scrape began, and its numbers may be so much younger."""

Points = Mapping[float, float]
"""Values by the time of the scrape."""


def overdue(series: Iterable[Series], provider: Provider, under_way: UnderWay, bound: float) -> Mapping[str, int]:
    """By version (as the provider identifies it), the requests that are older than ``bound`` seconds at the newest
    scrape, at least. Versions without any are left out."""
    numbers: dict[tuple[str, str, str], dict[str, Points]] = defaultdict(dict)
    for one in series:
        identity = provider.identity_of(one.labels)
        if identity is not None:
            source = (identity, one.labels.get("instance", ""), provider.part_of(one.labels))
            numbers[source][one.labels.get("__name__", "")] = dict(one.points)
    found: dict[str, int] = defaultdict(int)
    for (identity, _, _), by_name in numbers.items():
        older = _older(by_name.get(under_way.started, {}), by_name.get(under_way.active, {}), bound)
        if older > 0:
            found[identity] += int(older)
    return found


def _older(started: Points, active: Points, bound: float) -> float:
    """Of one process: 0 where there is no scrape long enough ago, or where the process began anew since."""
    now = max(started.keys() & active.keys(), default=None)
    if now is None:
        return 0.0
    then = max((at for at in started if at <= now - bound - SCRAPE_TAKES), default=None)
    if then is None or started[now] < started[then]:
        return 0.0
    return active[now] - (started[now] - started[then])
