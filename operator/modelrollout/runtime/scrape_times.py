"""When there can be new samples: Prometheus is asked once for each scrape, not over and over in between."""

from __future__ import annotations

from collections.abc import Iterable

from modelrollout.adapters.metrics.scraping import STALE_SCRAPES

TAKES = 0.3
"""Seconds from the time of a sample, which is the beginning of its scrape, until it can be asked for."""


def wait_for_scrape(now: float, times: Iterable[float], interval: float | None, poll: float) -> float:
    """Seconds until the next question, ``poll`` at least. ``now`` and ``times`` are seconds since the epoch; ``times``
    those of the newest sample of each reporter.

    A reporter whose scrape is late is asked for every ``poll`` seconds. One that has been missing for several scrapes
    is away: when it comes back, the others' scrapes find it.
    """
    if interval is None:
        return poll
    waits = [at + interval + TAKES - now for at in times]
    due = [wait for wait in waits if wait > -STALE_SCRAPES * interval]
    return max(poll, min(due, default=poll))
