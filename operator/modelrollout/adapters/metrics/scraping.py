"""How often Prometheus scrapes a source, whether it does so now, and which bucket bounds the source has.

The scrape interval is measured, because nothing says it reliably: a job may have its own, and what speaks Prometheus'
API need not be Prometheus.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modelrollout.adapters.metrics.base import Provider, Target
from modelrollout.adapters.metrics.bounds import Bounds, bounds_of
from modelrollout.adapters.metrics.overdue import SCRAPE_TAKES
from modelrollout.adapters.prometheus import Prometheus

STALE_SCRAPES = 3
"""A source without a sample for so many scrapes is away."""

_USUAL_INTERVAL = 15.0
_MEASURED_FOR = 60.0  # seconds until it is measured again
_BOUNDS_FOR = 600.0
_AT_ONCE = 100  # versions whose bounds are read again by one query: they are dozens for each
_SHORT, _LONG = 30.0, 300.0  # windows to count scrapes in
_ENOUGH = 5  # scrapes in a window to go by


@dataclass(frozen=True, slots=True)
class _Measured:
    at: float
    interval: float


@dataclass(frozen=True, slots=True)
class _Clocks:
    """Prometheus' time of day, and ours at the same moment."""

    there: float
    here: float


@dataclass(frozen=True, slots=True)
class _Bounds:
    at: float
    bounds: Bounds


class Scraping:
    """One Prometheus' view of its sources. ``given`` is the scrape interval when it is known, in seconds."""

    def __init__(self, prometheus: Prometheus, given: float | None, clock: Callable[[], float]) -> None:
        self._prometheus = prometheus
        self._given = given
        self._clock = clock
        self._measured: dict[str, _Measured] = {}
        self._clocks: _Clocks | None = None
        self._bounds: dict[str, dict[str, _Bounds]] = defaultdict(dict)

    async def interval(self, provider: Provider) -> float:
        """Seconds between two scrapes of a provider's sources. A source that is not seen gets the usual 15 s."""
        if self._given is not None:
            return self._given
        known = self._measured.get(provider.name)
        if known is None or self._clock() > known.at + _MEASURED_FOR:
            known = _Measured(self._clock(), await self._measure(provider))
            self._measured[provider.name] = known
        return known.interval

    def known_interval(self, provider: Provider) -> float | None:
        """The same without a question: what was given or measured last, None before any measurement."""
        known = self._measured.get(provider.name)
        return self._given if known is None else known.interval

    async def window(self, provider: Provider) -> float:
        """How far back a sample is still fresh."""
        return STALE_SCRAPES * await self.interval(provider) + 0.5

    async def settled(self, provider: Provider) -> float:
        """The moment up to which all that was scraped can be read by now, by Prometheus' own clock: a scrape carries
        the time at which it began, and its samples come in when it has ended."""
        known, now = self._clocks, self._clock()
        if known is None or now > known.here + _MEASURED_FOR:
            found = await self._prometheus.query("vector(time())")
            known = self._clocks = _Clocks(found[0].points[0][1], now)
        return known.there + (now - known.here) - min(SCRAPE_TAKES, await self.interval(provider) / 2)

    async def alive_at(self, provider: Provider) -> float | None:
        """When a source of this provider was scraped last; None when none was within the window."""
        window = await self.window(provider)
        found = await self._prometheus.query(
            f"max(max_over_time(timestamp({self._prometheus.here(provider.alive)})[{window * 1000:.0f}ms:1s]))"
        )
        return max((value for series in found for _, value in series.points), default=None)

    async def bounds(self, provider: Provider, targets: Sequence[Target]) -> Mapping[str, Bounds]:
        """Bucket bounds of the latency histograms, by whose they are (``Provider.identify``)."""
        known, now = self._bounds[provider.name], self._clock()
        wanted = {provider.identify(target): target for target in targets}
        old = [item for item in sorted(known, key=lambda item: known[item].at) if known[item].at < now - _BOUNDS_FOR]
        asked = {*(wanted.keys() - known.keys()), *[item for item in old if item in wanted][:_AT_ONCE]}
        if asked:
            query = self._prometheus.here(provider.bounds_query(wanted[item] for item in asked))
            # In a thread: with the first look at hundreds of releases it takes long.
            found = await asyncio.to_thread(bounds_of, await self._prometheus.query(query), provider)
            kept = {item for item in known if item not in asked and known[item].at >= now - 2 * _BOUNDS_FOR}
            read = {item: _Bounds(now, found[item]) for item in asked & found.keys()}
            self._bounds[provider.name] = {item: known[item] for item in kept} | read
        return {item: bounds.bounds for item, bounds in self._bounds[provider.name].items()}

    async def _measure(self, provider: Provider) -> float:
        alive = self._prometheus.here(provider.alive)
        for window in (_SHORT, _LONG):
            found = await self._prometheus.query(f"max(count_over_time({alive}[{window:.0f}s]))")
            scrapes = max((value for series in found for _, value in series.points), default=0.0)
            if scrapes >= _ENOUGH or (window == _LONG and scrapes > 0):
                return window / scrapes
        return _USUAL_INTERVAL
