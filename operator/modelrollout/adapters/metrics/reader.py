"""Reader: samples of metrics for releases.

There is one query for each built-in metric, whatever the number of releases, versions and splits. Every failure
becomes a value: Prometheus away, a source that is not scraped, a wrong query, counts that cannot be, counts that say
nothing of a split alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from modelrollout.adapters.metrics import custom, delays
from modelrollout.adapters.metrics.base import Provider, Target
from modelrollout.adapters.metrics.bounds import Bounds, bound_for, chosen_bound, in_common, judged_by
from modelrollout.adapters.metrics.counted import (
    Counted,
    Place,
    Read,
    count_errors,
    count_overdue,
    count_slow,
    is_silent,
    newest_sample,
    places_of,
    sampled,
    targets_of,
    with_bound,
)
from modelrollout.adapters.metrics.counts import answers, increments, slow_answers, tally
from modelrollout.adapters.metrics.overdue import SCRAPE_TAKES
from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.adapters.metrics.scraping import STALE_SCRAPES, Scraping
from modelrollout.adapters.metrics.splits import untold
from modelrollout.adapters.metrics.subscription import Key, MetricSplit, Subscription
from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway, Series
from modelrollout.api.analysis import ClientCancels, Metric
from modelrollout.api.base import format_duration
from modelrollout.core.evidence import BadCount, Count, Moments
from modelrollout.core.evidence.delay import WINDOW, Delays
from modelrollout.core.observation import Sample, Unavailable

Answer = TypeVar("Answer")
Samples = Mapping[MetricSplit, Read]
"""By metric and split."""

Found = dict[Key, dict[MetricSplit, Read]]
"""By rollout, then by metric and split."""

BASELINE_SECONDS = 1800.0
BUILT_IN = ("errors", "latency")

log = logging.getLogger(__name__)


class Reader:
    """Reads what subscriptions need. Never raises for what Prometheus says or does not say.

    ``patient`` is the same Prometheus by threads of its own, for users' queries and for the past: they may be slow, and
    the newest samples of all must not wait behind them.
    """

    def __init__(self, prometheus: Prometheus, scraping: Scraping, patient: Prometheus | None = None) -> None:
        self._prometheus = prometheus
        self._patient = patient or prometheus
        self._scraping = scraping

    @property
    def own_at_once(self) -> int:
        """Users' queries that may be under way at one time."""
        return self._patient.threads

    async def built_in(
        self,
        provider: Provider,
        subscriptions: Sequence[Subscription],
        metrics: Collection[str] = BUILT_IN,
        behind: Collection[Key] = (),
    ) -> Found:
        """Errors and latency, or one of them, for all who go by this provider; for those that are ``behind`` with the
        scrapes before the newest."""
        found: Found = defaultdict(dict)
        for metric in metrics:
            for (key, split), sample in (await self._read(metric, provider, subscriptions, behind)).items():
                found[key][metric, split] = sample
        return found

    async def own(self, subscription: Subscription, metric: Metric) -> Samples:
        """One metric that a user brought, in every split."""
        if words := untold(subscription.analysis, metric, subscription.splits):
            return {
                (metric.name, split): Unavailable(metric.name, words, invalid=True) for split in subscription.splits
            }
        read = {
            split: await _guarded(metric.name, self._own(subscription, metric, split)) for split in subscription.splits
        }
        known = _with_silent(metric, subscription.analysis.metrics.index(metric), read)
        late = await self._delays(subscription, known) if metric.is_reward else None
        return {(metric.name, split): _with_delays(sample, late) for split, sample in known.items()}

    async def _delays(self, subscription: Subscription, known: Mapping[str, Read]) -> Delays | None:
        """How late the rewards came in all splits together, where that is asked for and Prometheus says it."""
        newest = max((sample.at for sample in known.values() if isinstance(sample, Sample)), default=None)
        if subscription.delays_since is None or newest is None:
            return None
        window = min(WINDOW, newest - subscription.delays_since)
        found = await _guarded("the delay of rewards", delays.read(self._patient, subscription, window))
        return None if isinstance(found, Unavailable) else found

    def scrape_interval(self, subscription: Subscription) -> float | None:
        """Seconds between two samples of the built-in metrics, as far as it is known."""
        return self._scraping.known_interval(PROVIDERS[subscription.analysis.provider])

    async def baseline(self, subscription: Subscription) -> Mapping[str, tuple[Count, ...]] | None:
        """What the control answered everybody from scrape to scrape, by metric; None when Prometheus cannot say."""
        provider, control = PROVIDERS[subscription.analysis.provider], subscription.target(subscription.control)
        cancels = subscription.analysis.client_cancels
        try:
            interval = await self._scraping.interval(provider)
            return {
                metric.name: increments(await self._past(provider, control, metric, cancels), interval)
                for metric in subscription.analysis.metrics
            }
        except (PrometheusAway, BadQuery, BadCount):
            return None

    async def _read(
        self, metric: str, provider: Provider, subscriptions: Sequence[Subscription], behind: Collection[Key]
    ) -> dict[Place, Read]:
        """One metric for all who want it. Prometheus is asked for those whose splits the provider can tell apart."""
        told: list[Subscription] = []
        found: dict[Place, Read] = {}
        for item in subscriptions:
            wanted = item.metric(metric)
            words = wanted and untold(item.analysis, wanted, item.splits)
            if words:
                found |= dict.fromkeys(places_of([item]), Unavailable(metric, words, invalid=True))
            elif wanted:
                told.append(item)
        if not told:
            return found
        answer = await _guarded(metric, self._ask(metric, provider, told, behind))
        return found | (dict.fromkeys(places_of(told), answer) if isinstance(answer, Unavailable) else answer)

    async def _ask(
        self, metric: str, provider: Provider, group: Sequence[Subscription], behind: Collection[Key]
    ) -> dict[Place, Read]:
        """The newest counts of one metric. Where nothing was counted yet, one question to the source tells all whether
        that is because there were no requests."""
        common = await self._in_common(provider, group) if metric == "latency" else {}
        counted = await (
            self._latency(provider, group, common) if metric == "latency" else self._errors(provider, group)
        )
        nothing = await self._nothing(metric, provider) if any(map(is_silent, counted.values())) else None
        interval = await self._scraping.interval(provider)
        read = await asyncio.to_thread(sampled, metric, counted, nothing, interval, behind)
        if metric != "latency":
            return read
        judged = {item.key: judged_by(item, common[item.key]) for item in group}
        late = await self._overdue(provider, group, judged)
        return {place: with_bound(item, judged[place[0]], late.get(place, {})) for place, item in read.items()}

    async def _raw(self, selector: str, window: float) -> Sequence[Series]:
        """Samples of the built-in metrics."""
        return await self._prometheus.raw(self._prometheus.here(selector), window)

    async def _errors(self, provider: Provider, group: Sequence[Subscription]) -> Counted:
        window = await self._scraping.window(provider)
        series = await self._raw(provider.errors_query(targets_of(group)), window)
        return await asyncio.to_thread(count_errors, provider, group, series)

    async def _in_common(self, provider: Provider, group: Sequence[Subscription]) -> dict[Key, Bounds | None]:
        """The bucket bounds that all histograms of a subscription's versions have."""
        bounds = await self._scraping.bounds(provider, targets_of(group))
        return {item.key: in_common(bounds, provider, item.targets) for item in group}

    async def _latency(
        self, provider: Provider, group: Sequence[Subscription], common: Mapping[Key, Bounds | None]
    ) -> Counted:
        chosen = {item.key: chosen_bound(item, common[item.key]) for item in group}
        needed = {bound for bound in chosen.values() if isinstance(bound, str)}
        query = provider.latency_query(targets_of(group), needed)
        series = await self._raw(query, await self._scraping.window(provider)) if needed else []
        return await asyncio.to_thread(count_slow, provider, group, series, chosen)

    async def _overdue(
        self, provider: Provider, group: Sequence[Subscription], judged: Mapping[Key, float | None]
    ) -> dict[Place, dict[str, int]]:
        """By version, the requests that are under way for too long."""
        needed = {bound for bound in judged.values() if bound is not None}
        if provider.under_way is None or not needed:
            return {}
        window = await self._scraping.window(provider) + max(needed) + SCRAPE_TAKES
        series = await self._raw(provider.under_way_query(provider.under_way, targets_of(group)), window)
        return await asyncio.to_thread(count_overdue, provider, provider.under_way, group, series, judged)

    async def _nothing(self, metric: str, provider: Provider) -> Read:
        """What stands for no series at all: no requests while the source is scraped, and no sight while it is not."""
        at = await self._scraping.alive_at(provider)
        if at is not None:
            return Sample(metric, at, {})
        interval = format_duration(round(STALE_SCRAPES * await self._scraping.interval(provider), 1))
        alive = provider.alive.removesuffix("{}")
        return Unavailable(
            metric,
            f"Prometheus at {self._prometheus.url} has no sample of {alive} from the last {interval}: are the sources "
            f"of provider {provider.name} scraped?",
        )

    async def _own(self, subscription: Subscription, metric: Metric, split: str) -> Read | None:
        """One metric that a user brought, in one split. None when nothing was counted there."""
        provider = PROVIDERS[subscription.analysis.provider]
        window, interval = await self._scraping.window(provider), await self._scraping.interval(provider)
        at = await self._scraping.settled(provider)
        by_version = {
            target.version: await self._own_moments(metric, target, window, interval, at)
            for target in subscription.targets_in(split)
        }
        return newest_sample(metric.name, by_version, interval, {}) if any(by_version.values()) else None

    async def _own_moments(
        self, metric: Metric, target: Target, window: float, interval: float, at: float
    ) -> Mapping[str, Moments]:
        """One query after the other: a release of many slow ones shall not have all the threads. All trials come
        first: what a scrape that takes long adds in between then has no trials yet, and waits for the next look."""
        every, counted = [
            await custom.read(self._patient, custom.fill(query, target), window, interval, at)
            for query in reversed(metric.queries.values())
        ]
        return custom.combine(counted, every, turned=metric.counts_good, largest=metric.max)

    async def _past(
        self, provider: Provider, control: Target, metric: Metric, cancels: ClientCancels
    ) -> Mapping[str, Moments]:
        if not metric.built_in:
            interval = await self._scraping.interval(provider)
            at = await self._scraping.settled(provider)
            return await self._own_moments(metric, control, BASELINE_SECONDS, interval, at)
        if metric.name == "errors":
            query, counting = provider.errors_query([control]), answers(provider, cancels)
        else:
            bounds = in_common(await self._scraping.bounds(provider, [control]), provider, [control])
            bound = bound_for(bounds or {}, metric.over or 0.0)
            if bound is None:
                return {}
            query, counting = provider.latency_query([control], [bound]), slow_answers(provider, bound, cancels)
        series = await self._patient.raw(self._patient.here(query), BASELINE_SECONDS)
        return tally(series, provider.identity_of, counting).get(provider.identify(control), {})


async def _guarded(metric: str, reading: Awaitable[Answer]) -> Answer | Unavailable:
    try:
        return await reading
    except PrometheusAway as error:
        return Unavailable(metric, str(error))
    except (BadQuery, BadCount) as error:
        return Unavailable(metric, str(error), invalid=True)
    except Exception as error:  # one release's answer must not end the reading of all others
        log.exception("metric %s could not be read", metric)
        return Unavailable(metric, f"it could not be read: {error!r}")


def _with_silent(metric: Metric, index: int, read: Mapping[str, Read | None]) -> dict[str, Read]:
    """Where nothing was counted while another split was, the source is there, and there were no requests. ``index`` is
    the metric's place in the spec."""
    field, query = list(metric.queries.items())[-1]
    seen_at = max((sample.at for sample in read.values() if isinstance(sample, Sample)), default=None)
    nothing = (
        Unavailable(
            metric.name,
            f"Prometheus has no sample of {query} of any version: nobody was asked yet, or its labels are others; see "
            f"spec.analysis.metrics[{index}].{field}",
        )
        if seen_at is None
        else Sample(metric.name, seen_at, {})
    )
    return {split: nothing if sample is None else sample for split, sample in read.items()}


def _with_delays(read: Read, late: Delays | None) -> Read:
    """The sample with how late its rewards came, where that is known."""
    return replace(read, delays=late) if isinstance(read, Sample) else read
