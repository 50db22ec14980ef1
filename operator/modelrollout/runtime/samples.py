"""Samples: the newest counters of every release under way, from one query for each built-in metric.

Passes ask for what they need and thereby subscribe; a loop asks Prometheus for all subscriptions together, once for
each scrape (``scrape_times.py``), and wakes the rollouts whose counters have moved. So the number of queries does not
depend on the number of rollouts, a new sample waits half a second at most, and a pass in between finds what is known
already.

Every answer is published as soon as it is there, and nothing waits for anything else: a slow query of one release (a
user's own PromQL may be as slow as it likes) makes that one metric of that one release old, and no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from modelrollout.adapters.metrics.counted import Read
from modelrollout.adapters.metrics.reader import BUILT_IN, Reader, Samples
from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.adapters.metrics.splits import untold
from modelrollout.adapters.metrics.subscription import Key, MetricSplit, Subscription
from modelrollout.api.analysis import ClientCancels, Provider
from modelrollout.core.evidence import Count
from modelrollout.core.observation import Sample, Unavailable
from modelrollout.runtime.scrape_times import wait_for_scrape

log = logging.getLogger(__name__)

OWN_QUERIES_EVERY = 2.0
"""Seconds between two rounds of users' own queries: they cannot be put together, so they are asked less often."""

SLOW = 1.0
"""Seconds of an answer to a user's own metric. Whose answers take longer may have half of the threads for such queries,
all of them together: whoever asks quick ones finds a thread."""

TOGETHER = 1.0
"""Seconds that a rollout waits for the other answers of the same scrape, at most: one look at all of them is enough."""

BEHIND = 2.0
"""Scrape intervals after which a scrape was missed, by the time of day; where Prometheus' clock is another one, more is
read than is needed."""

SHARE = 3.0
"""Prometheus gets at least so many times as long a rest as its last answer took."""

FIRST_ANSWER_SECONDS = 2.0
"""That a pass waits for the first samples of a release."""


@dataclass(slots=True)
class _Known:
    """What is known for one subscription."""

    subscription: Subscription
    samples: dict[MetricSplit, Read] = field(default_factory=dict)
    own_asked_at: float = float("-inf")
    own_under_way: bool = False
    own_slow: bool = False
    wakes: bool = False  # once a pass has gone on with what there was
    news: bool = False  # something has moved, and other answers of the same scrape are waited for

    @property
    def has_own(self) -> bool:
        """Whether it has metrics that a user brought."""
        return any(not metric.built_in for metric in self.subscription.analysis.metrics)

    @property
    def is_complete(self) -> bool:
        """Whether there is an answer for every metric in every split."""
        subscription = self.subscription
        return all(
            (metric.name, split) in self.samples
            for metric in subscription.analysis.metrics
            for split in subscription.splits
        )


class SampleCache:
    """The newest samples of all subscriptions. ``wake`` is called with the key of a rollout whose counters moved, and
    with the seconds that it may wait for more. ``clock`` only measures; ``now`` is the time of day, as samples have."""

    def __init__(
        self,
        reader: Reader,
        wake: Callable[[Key, float], None],
        *,
        poll: float,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reader = reader
        self._wake = wake
        self._poll = poll
        self._clock = clock
        self._now = now
        self._due: dict[tuple[str, str], float] = {}  # by the clock: when a provider's metric is asked for again
        self._known: dict[Key, _Known] = {}
        self._subscribed = asyncio.Event()
        self._slow = asyncio.Semaphore(max(1, reader.own_at_once // 2))
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: set[tuple[str, str]] = set()  # provider, built-in metric

    def __len__(self) -> int:
        return len(self._known)

    async def of(self, subscription: Subscription) -> Samples:
        """The newest samples. For what was not asked for before, Prometheus is asked now; when it is slow, the pass
        goes on without those samples, and is woken when they have come."""
        known = self._known.get(subscription.key)
        if known is None or known.subscription != subscription:
            kept = still_true(known.samples, known.subscription, subscription) if known is not None else {}
            slow = known is not None and known.own_slow
            known = self._known[subscription.key] = _Known(subscription, kept, own_slow=slow)
            self._subscribed.set()
            if not known.is_complete:
                await self._first(known)
        known.wakes = True
        return dict(known.samples)

    async def begin(self, subscriptions: Iterable[Subscription]) -> None:
        """Ask for many together, before passes do so one by one. When Prometheus is slow the answers come later, and
        wake whoever has asked for them by then."""
        for item in subscriptions:
            self._known.setdefault(item.key, _Known(item))
        self._subscribed.set()
        await self.poll(FIRST_ANSWER_SECONDS)

    def newest(self, key: Key) -> Samples:
        """What is known for a rollout; nothing where nobody has asked."""
        known = self._known.get(key)
        return dict(known.samples) if known is not None else {}

    async def _first(self, known: _Known) -> None:
        """Ask for one subscription alone, and wait for the answers, but not for long."""
        provider = known.subscription.analysis.provider
        firsts = [self._start(self._built_in(provider, metric, [known])) for metric in BUILT_IN]
        firsts.append(self._start(self._own(known)))
        await asyncio.wait(firsts, timeout=FIRST_ANSWER_SECONDS)

    async def baseline(self, subscription: Subscription) -> Mapping[str, tuple[Count, ...]] | None:
        """The control's increments before the release, by metric."""
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
                self._ask(self._clock())
                await asyncio.sleep(self._until_next())
        finally:
            for task in self._tasks:
                task.cancel()

    async def poll(self, within: float | None = None) -> None:
        """Ask once for all, and wait for the answers, ``within`` so many seconds."""
        if tasks := self._ask(float("inf")):
            await asyncio.wait(tasks, timeout=within)

    def _until_next(self) -> float:
        """Seconds until something is due again."""
        soonest = min((due - self._clock() for due in self._due.values()), default=self._poll)
        return min(self._poll, max(soonest, self._poll / 10))

    def _ask(self, until: float) -> list[asyncio.Task[None]]:
        """Send every query that is due by then and not under way already."""
        everyone = list(self._known.values())
        groups = defaultdict(list)
        for known in everyone:
            groups[known.subscription.analysis.provider].append(known)
        tasks = [
            self._start(self._in_turn(provider, metric, group))
            for provider, group in groups.items()
            for metric in BUILT_IN
            if (provider, metric) not in self._under_way and self._due.get((provider, metric), 0.0) <= until
        ]
        due = self._clock() - OWN_QUERIES_EVERY
        own = [known for known in everyone if known.has_own and known.own_asked_at <= due and not known.own_under_way]
        return tasks + [self._start(self._own(known)) for known in own]

    def _start(self, asking: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(_logged(asking))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _in_turn(self, provider: Provider, metric: str, everyone: Sequence[_Known]) -> None:
        """One query for all; the next of its kind is sent when this one was answered."""
        self._under_way.add((provider, metric))
        begun = self._clock()
        try:
            await self._built_in(provider, metric, everyone)
        finally:
            self._under_way.discard((provider, metric))
            ended = self._clock()
            wait = wait_for_scrape(self._now(), _times(metric, everyone), self._interval(everyone), self._poll)
            self._due[provider, metric] = ended + max(wait, SHARE * (ended - begun))

    def _interval(self, everyone: Sequence[_Known]) -> float | None:
        return self._reader.scrape_interval(everyone[0].subscription)

    async def _built_in(self, provider: Provider, metric: str, everyone: Sequence[_Known]) -> None:
        group = [known.subscription for known in everyone]
        behind = {known.subscription.key for known in everyone if self._is_behind(known, metric)}
        found = await self._reader.built_in(PROVIDERS[provider], group, [metric], behind)
        read = [(known, found.get(known.subscription.key, {})) for known in everyone]
        # Where most answers have failed since, there is most to decide: with hundreds of releases each waits its turn.
        for known, samples in sorted(read, key=lambda item: failed_since(item[0].samples, item[1]), reverse=True):
            self._publish(known, samples)

    def _is_behind(self, known: _Known, metric: str) -> bool:
        """Whether a scrape was missed: nothing is known yet, or what is known is older than the scrape before."""
        interval = self._reader.scrape_interval(known.subscription)
        newest = [item.at for (name, _), item in known.samples.items() if name == metric and isinstance(item, Sample)]
        return interval is None or not newest or self._now() - max(newest) > BEHIND * interval

    async def _own(self, known: _Known) -> None:
        """The metrics that a user brought, one after the other."""
        known.own_asked_at, known.own_under_way = self._clock(), True
        try:
            async with self._slow if known.own_slow else nullcontext():
                known.own_slow = await self._own_in_turn(known, known.own_slow)
        finally:
            known.own_under_way = False

    async def _own_in_turn(self, known: _Known, slow: bool) -> bool:
        """Whether one was slow. It is the last then, unless it was known to be: the others are asked with the slow."""
        found = False
        for metric in known.subscription.analysis.metrics:
            if metric.built_in:
                continue
            begun = self._clock()
            self._publish(known, await self._reader.own(known.subscription, metric))
            found = found or self._clock() - begun > SLOW
            if found and not slow:
                return True
        return found

    def _publish(self, known: _Known, found: Samples) -> None:
        """Take an answer in, and wake the rollout if it is news."""
        earlier = {place: known.samples[place] for place in found if place in known.samples}
        known.samples.update(found)
        known.news = known.wakes and (known.news or _moved(earlier, found))
        if known.news and self._known.get(known.subscription.key) is known:
            others = [item for item in self._under_way if item[0] == known.subscription.analysis.provider]
            known.news = len(others) > 1  # the one that is being published is still among them
            self._wake(known.subscription.key, TOGETHER if known.news else 0.0)


def failed_since(earlier: Samples, now: Samples) -> int:
    """How many more bad answers the newer samples have counted, of all versions."""
    return sum(_bad(item) - _bad(earlier.get(place)) for place, item in now.items() if place in earlier)


def _bad(item: Read | None) -> int:
    if not isinstance(item, Sample):
        return 0
    return sum(count.bad for reporters in item.series.values() for count in reporters.values())


def still_true(samples: Samples, earlier: Subscription, wanted: Subscription) -> dict[MetricSplit, Read]:
    """What was read for an earlier subscription and says the same for the one that is wanted now, so that a change of
    arms or splits makes no pass blind.

    Each must be of a metric that is counted as before, in a split that is still asked for. And it must be of all the
    versions that are asked for now: of one that nobody asked about, its silence would say that it never had a request,
    and what it answered in an earlier life would count as new once it is seen.
    """
    if _rule(earlier) != _rule(wanted) or not set(wanted.versions) <= set(earlier.versions):
        return {}
    same = {
        metric.name
        for metric in wanted.analysis.metrics
        if metric == earlier.metric(metric.name) and untold(wanted.analysis, metric, wanted.splits) is None
    }
    return {
        (metric, split): item
        for (metric, split), item in samples.items()
        if metric in same and split in wanted.splits and not (isinstance(item, Unavailable) and item.invalid)
    }


def _rule(subscription: Subscription) -> tuple[Provider, ClientCancels]:
    """By which all built-in metrics are counted."""
    return subscription.analysis.provider, subscription.analysis.client_cancels


def _times(metric: str, everyone: Iterable[_Known]) -> set[float]:
    """When the reporters of a metric were scraped last."""
    samples = [item for known in everyone for place, item in known.samples.items() if place[0] == metric]
    newest: dict[str, float] = {}
    for item in samples:
        for reporter, at in (item.times or {"": item.at}).items() if isinstance(item, Sample) else ():
            newest[reporter] = max(at, newest.get(reporter, at))
    return set(newest.values())


async def _logged(asking: Coroutine[Any, Any, None]) -> None:
    """Whatever went wrong, the next poll may be well, and without polls nobody sees anything."""
    try:
        await asking
    except Exception:
        log.exception("samples could not be read")


def _moved(earlier: Samples, now: Samples) -> bool:
    """Whether anything is worth a pass: a count that changed, or a metric that went away or came back."""
    return {place: _gist(item) for place, item in earlier.items()} != {
        place: _gist(item) for place, item in now.items()
    }


def _gist(item: Read) -> object:
    return (item.series, item.overdue) if isinstance(item, Sample) else item.invalid
