"""Samples: the newest counters of every release under way, from one query for each built-in metric.

Passes ask for what they need and thereby subscribe; a loop asks Prometheus for all subscriptions together, every
``poll`` seconds, and wakes the rollouts whose counters have moved. So the number of queries does not depend on the
number of rollouts, a new sample waits half a second at most, and a pass in between finds what is known already.

Every answer is published as soon as it is there, and nothing waits for anything else: a slow query of one release (a
user's own PromQL may be as slow as it likes) makes that one metric of that one release old, and no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelrollout.adapters.metrics.reader import BUILT_IN, Reader
from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.adapters.metrics.subscription import Key, Subscription
from modelrollout.api.analysis import Provider
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
    own_under_way: bool = False
    wakes: bool = False  # once a pass has gone on with what there was


class SampleCache:
    """The newest samples of all subscriptions. ``wake`` is called with the key of a rollout whose counters moved."""

    def __init__(self, reader: Reader, wake: Callable[[Key], None], *, poll: float, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._wake = wake
        self._poll = poll
        self._clock = clock
        self._known: dict[Key, _Known] = {}
        self._subscribed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: set[tuple[str, str]] = set()  # provider, built-in metric

    def __len__(self) -> int:
        return len(self._known)

    async def of(self, subscription: Subscription) -> Samples:
        """The newest samples. For a new subscription Prometheus is asked now; when it is slow, the pass goes on
        without samples, and is woken when they have come."""
        known = self._known.get(subscription.key)
        if known is None or known.subscription != subscription:
            known = self._known[subscription.key] = _Known(subscription)
            self._subscribed.set()
            provider = subscription.analysis.provider
            firsts = [self._start(self._built_in(provider, metric, [known])) for metric in BUILT_IN]
            firsts.append(self._start(self._own(known)))
            await asyncio.wait(firsts, timeout=FIRST_ANSWER_SECONDS)
            known.wakes = True
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
        try:
            while True:
                if not self._known:
                    self._subscribed.clear()
                    await self._subscribed.wait()
                self._ask()
                await asyncio.sleep(self._poll)
        finally:
            for task in self._tasks:
                task.cancel()

    async def poll(self) -> None:
        """Ask once for all, and wait for the answers."""
        if tasks := self._ask():
            await asyncio.wait(tasks)

    def _ask(self) -> list[asyncio.Task[None]]:
        """Send every query that is due and not under way already."""
        everyone = list(self._known.values())
        groups = defaultdict(list)
        for known in everyone:
            groups[known.subscription.analysis.provider].append(known)
        tasks = [
            self._start(self._in_turn(provider, metric, group))
            for provider, group in groups.items()
            for metric in BUILT_IN
            if (provider, metric) not in self._under_way
        ]
        due = self._clock() - OWN_QUERIES_EVERY
        own = [known for known in everyone if known.own_asked_at <= due and not known.own_under_way]
        return tasks + [self._start(self._own(known)) for known in own]

    def _start(self, asking: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(_logged(asking))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _in_turn(self, provider: Provider, metric: str, everyone: Sequence[_Known]) -> None:
        """One query for all; the next of its kind is sent when this one was answered."""
        self._under_way.add((provider, metric))
        try:
            await self._built_in(provider, metric, everyone)
        finally:
            self._under_way.discard((provider, metric))

    async def _built_in(self, provider: Provider, metric: str, everyone: Sequence[_Known]) -> None:
        group = [known.subscription for known in everyone]
        found = await self._reader.built_in(PROVIDERS[provider], group, [metric])
        for known in everyone:
            self._publish(known, found.get(known.subscription.key, {}))

    async def _own(self, known: _Known) -> None:
        """The metrics that a user brought, one after the other."""
        known.own_asked_at, known.own_under_way = self._clock(), True
        try:
            for metric in known.subscription.analysis.metrics:
                if not metric.built_in:
                    self._publish(known, {metric.name: await self._reader.own(known.subscription, metric)})
        finally:
            known.own_under_way = False

    def _publish(self, known: _Known, found: Samples) -> None:
        """Take an answer in, and wake the rollout if it is news."""
        earlier = {name: known.samples[name] for name in found if name in known.samples}
        known.samples.update(found)
        if known.wakes and _moved(earlier, found) and self._known.get(known.subscription.key) is known:
            self._wake(known.subscription.key)


async def _logged(asking: Coroutine[Any, Any, None]) -> None:
    """Whatever went wrong, the next poll may be well, and without polls nobody sees anything."""
    try:
        await asking
    except Exception:
        log.exception("samples could not be read")


def _moved(earlier: Samples, now: Samples) -> bool:
    """Whether anything is worth a pass: a count that changed, or a metric that went away or came back."""
    return {name: _gist(item) for name, item in earlier.items()} != {name: _gist(item) for name, item in now.items()}


def _gist(item: Sample | Unavailable) -> object:
    return item.series if isinstance(item, Sample) else item.invalid
