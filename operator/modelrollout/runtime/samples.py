"""Samples: the newest counters of every release under way, from one query for each built-in metric.

Passes ask for what they need and thereby subscribe; a loop asks Prometheus for all subscriptions together, every
``poll`` seconds, and wakes the rollouts whose counters have moved. So the number of queries does not depend on the
number of rollouts, a new sample waits half a second at most, and a pass in between finds what is known already.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from modelrollout.adapters.metrics.reader import Found, Reader
from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.adapters.metrics.subscription import Key, Subscription
from modelrollout.core.evidence import Count
from modelrollout.core.observation import Sample, Unavailable

log = logging.getLogger(__name__)

Samples = Mapping[str, Sample | Unavailable]
"""By metric."""

OWN_QUERIES_EVERY = 2.0
"""Seconds between two rounds of users' own queries: they cannot be put together, so they are asked less often."""

FIRST_ANSWER_SECONDS = 2.0
"""That a pass waits for the first samples of a release."""


@dataclass(slots=True)
class _Known:
    """What is known for one subscription."""

    subscription: Subscription
    samples: dict[str, Sample | Unavailable] = field(default_factory=dict)
    own_asked_at: float = float("-inf")


class SampleCache:
    """The newest samples of all subscriptions. ``wake`` is called with the key of a rollout whose counters moved."""

    def __init__(self, reader: Reader, wake: Callable[[Key], None], *, poll: float, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._wake = wake
        self._poll = poll
        self._clock = clock
        self._known: dict[Key, _Known] = {}
        self._subscribed = asyncio.Event()
        self._firsts: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._known)

    async def of(self, subscription: Subscription) -> Samples:
        """The newest samples. For a new subscription Prometheus is asked now; when it is slow, the pass goes on
        without samples, and is woken when they have come."""
        known = self._known.get(subscription.key)
        if known is None or known.subscription != subscription:
            known = self._known[subscription.key] = _Known(subscription)
            first = asyncio.create_task(self._refresh([known]))
            self._firsts.add(first)
            first.add_done_callback(self._firsts.discard)
            await asyncio.wait({first}, timeout=FIRST_ANSWER_SECONDS)
            if not first.done():
                first.add_done_callback(lambda _: self._wake(subscription.key))
            self._subscribed.set()
        return dict(known.samples)

    async def baseline(self, subscription: Subscription) -> Mapping[str, tuple[Count, ...]] | None:
        """The stable version's increments before the release, by metric."""
        return await self._reader.baseline(subscription)

    def scrape_interval(self, subscription: Subscription) -> float | None:
        """Seconds between two samples; None before Prometheus was seen."""
        return self._reader.scrape_interval(subscription)

    def forget(self, key: Key) -> None:
        """The rollout needs no samples any more."""
        self._known.pop(key, None)

    def newest_at(self, key: Key) -> float | None:
        """Time of the newest sample of a rollout."""
        known = self._known.get(key)
        times = [item.at for item in known.samples.values() if isinstance(item, Sample)] if known else []
        return max(times, default=None)

    async def run(self) -> None:
        """Ask for all subscriptions, for ever."""
        while True:
            if not self._known:
                self._subscribed.clear()
                await self._subscribed.wait()
            started = self._clock()
            try:
                await self.poll()
            except Exception:  # whatever it was, the next poll may be well, and without polls nobody sees anything
                log.exception("the samples could not be read")
            await asyncio.sleep(max(0.05, self._poll - (self._clock() - started)))

    async def poll(self) -> None:
        """Ask once for all, and wake whom it concerns."""
        everyone = list(self._known.values())
        before = [dict(known.samples) for known in everyone]
        await self._refresh(everyone)
        for known, earlier in zip(everyone, before, strict=True):
            if _moved(earlier, known.samples):
                self._wake(known.subscription.key)

    async def _refresh(self, everyone: Sequence[_Known]) -> None:
        groups = defaultdict(list)
        for known in everyone:
            groups[known.subscription.analysis.provider].append(known.subscription)
        built_in = [self._reader.built_in(PROVIDERS[name], group) for name, group in groups.items()]
        found = await asyncio.gather(*built_in, *(self._own(known) for known in everyone))
        for known in everyone:
            for samples in found:
                known.samples.update(samples.get(known.subscription.key, {}))

    async def _own(self, known: _Known) -> Found:
        """The metrics that a user brought."""
        subscription, now = known.subscription, self._clock()
        metrics = [metric for metric in subscription.analysis.metrics if not metric.built_in]
        if not metrics or now < known.own_asked_at + OWN_QUERIES_EVERY:
            return {}
        known.own_asked_at = now
        found = await asyncio.gather(*(self._reader.own(subscription, metric) for metric in metrics))
        return {subscription.key: {item.metric: item for item in found}}


def _moved(earlier: Samples, now: Samples) -> bool:
    """Whether anything is worth a pass: a count that changed, or a metric that went away or came back."""
    return {name: _gist(item) for name, item in earlier.items()} != {name: _gist(item) for name, item in now.items()}


def _gist(item: Sample | Unavailable) -> object:
    return item.series if isinstance(item, Sample) else item.invalid
