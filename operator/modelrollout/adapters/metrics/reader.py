"""Reader: samples of metrics for releases.

There is one query for each built-in metric, whatever the number of releases, versions and splits. Every failure
becomes a value: Prometheus away, a source that is not scraped, a wrong query, counts that cannot be, counts that say
nothing of a split alone.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from modelrollout.adapters.metrics import custom, delays
from modelrollout.adapters.metrics.base import Provider, Target
from modelrollout.adapters.metrics.bounds import Bounds, bound_for, chosen_bound, in_common, judged_by
from modelrollout.adapters.metrics.counts import Tally, answers, increments, slow_answers, tally
from modelrollout.adapters.metrics.overdue import SCRAPE_TAKES, overdue
from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.adapters.metrics.scraping import STALE_SCRAPES, Scraping
from modelrollout.adapters.metrics.splits import untold
from modelrollout.adapters.metrics.subscription import Key, MetricSplit, Subscription
from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway, Series
from modelrollout.api.analysis import ClientCancels, Metric
from modelrollout.api.base import format_duration
from modelrollout.core.evidence import BadCount, Count, Moments, together
from modelrollout.core.evidence.delay import WINDOW, Delays
from modelrollout.core.observation import Sample, Unavailable

Answer = TypeVar("Answer")
Read = Sample | Unavailable
Samples = Mapping[MetricSplit, Read]
"""By metric and split."""

Found = dict[Key, dict[MetricSplit, Read]]
"""By rollout, then by metric and split."""

Place = tuple[Key, str]
"""Rollout and split."""

ByVersion = Mapping[str, Mapping[str, Moments]]
"""Of one metric in one split, by version and process."""

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
        self, provider: Provider, subscriptions: Sequence[Subscription], metrics: Collection[str] = BUILT_IN
    ) -> Found:
        """Errors and latency, or one of them, for all who go by this provider."""
        found: Found = defaultdict(dict)
        for metric in metrics:
            for (key, split), sample in (await self._read(metric, provider, subscriptions)).items():
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
        known = _with_silent(metric, read)
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

    async def _read(self, metric: str, provider: Provider, subscriptions: Sequence[Subscription]) -> dict[Place, Read]:
        """One metric for all who want it. Prometheus is asked for those whose splits the provider can tell apart."""
        told: list[Subscription] = []
        found: dict[Place, Read] = {}
        for item in subscriptions:
            wanted = item.metric(metric)
            words = wanted and untold(item.analysis, wanted, item.splits)
            if words:
                found |= dict.fromkeys(_places([item]), Unavailable(metric, words, invalid=True))
            elif wanted:
                told.append(item)
        if not told:
            return found
        answer = await _guarded(metric, self._ask(metric, provider, told))
        return found | (dict.fromkeys(_places(told), answer) if isinstance(answer, Unavailable) else answer)

    async def _ask(self, metric: str, provider: Provider, group: Sequence[Subscription]) -> dict[Place, Read]:
        """The newest counts of one metric. Where nothing was counted yet, one question to the source tells all whether
        that is because there were no requests."""
        common = await self._in_common(provider, group) if metric == "latency" else {}
        counted = await (
            self._latency(provider, group, common) if metric == "latency" else self._errors(provider, group)
        )
        nothing = await self._nothing(metric, provider) if any(map(_is_silent, counted.values())) else None
        interval, scraped = await self._scraping.interval(provider), _scraped(counted)
        read = {place: _sampled(metric, item, nothing, interval, scraped[place[0]]) for place, item in counted.items()}
        if metric != "latency":
            return read
        judged = {item.key: judged_by(item, common[item.key]) for item in group}
        late = await self._overdue(provider, group, judged)
        return {place: _with_bound(item, judged[place[0]], late.get(place, {})) for place, item in read.items()}

    async def _raw(self, selector: str, window: float) -> Sequence[Series]:
        """Samples of the built-in metrics."""
        return await self._prometheus.raw(self._prometheus.here(selector), window)

    async def _errors(self, provider: Provider, group: Sequence[Subscription]) -> dict[Place, ByVersion | Unavailable]:
        window = await self._scraping.window(provider)
        series = await self._raw(provider.errors_query(_targets(group)), window)
        rules = {item.analysis.client_cancels for item in group}
        counted = {rule: tally(series, provider.identity_of, answers(provider, rule)) for rule in rules}
        uncounted = {rule: provider.uncounted(series, rule) for rule in rules}

        def of(targets: Sequence[Target], rule: ClientCancels) -> ByVersion | Unavailable:
            words = [uncounted[rule].get(provider.identify(target)) for target in targets]
            if any(words):
                return Unavailable("errors", next(filter(None, words)), invalid=True)
            return _by_version(provider, targets, counted[rule])

        return {
            (item.key, split): of(item.targets_in(split), item.analysis.client_cancels)
            for item in group
            for split in item.splits
        }

    async def _in_common(self, provider: Provider, group: Sequence[Subscription]) -> dict[Key, Bounds | None]:
        """The bucket bounds that all histograms of a subscription's versions have."""
        bounds = await self._scraping.bounds(provider, _targets(group))
        return {item.key: in_common(bounds, provider, item.targets) for item in group}

    async def _latency(
        self, provider: Provider, group: Sequence[Subscription], common: Mapping[Key, Bounds | None]
    ) -> dict[Place, ByVersion | Unavailable]:
        window, targets = await self._scraping.window(provider), _targets(group)
        chosen = {item.key: chosen_bound(item, common[item.key]) for item in group}
        needed = {bound for bound in chosen.values() if isinstance(bound, str)}
        series = await self._raw(provider.latency_query(targets, needed), window) if needed else []
        rules = {(bound, item.analysis.client_cancels) for item in group if isinstance(bound := chosen[item.key], str)}
        counted = {rule: tally(series, provider.identity_of, slow_answers(provider, *rule)) for rule in rules}

        def of(item: Subscription, targets: Sequence[Target]) -> ByVersion | Unavailable:
            bound = chosen[item.key]
            if isinstance(bound, Unavailable):
                return bound
            return _by_version(provider, targets, counted[bound, item.analysis.client_cancels] if bound else {})

        return {(item.key, split): of(item, item.targets_in(split)) for item in group for split in item.splits}

    async def _overdue(
        self, provider: Provider, group: Sequence[Subscription], judged: Mapping[Key, float | None]
    ) -> dict[Place, dict[str, int]]:
        """By version, the requests that are under way for too long."""
        needed = {bound for bound in judged.values() if bound is not None}
        if provider.under_way is None or not needed:
            return {}
        window = await self._scraping.window(provider) + max(needed) + SCRAPE_TAKES
        query = provider.under_way_query(provider.under_way, _targets(group))
        series = await self._raw(query, window)
        late = {bound: overdue(series, provider, provider.under_way, bound) for bound in needed}

        def of(bound: float, targets: Sequence[Target]) -> dict[str, int]:
            counted = {target.version: late[bound].get(provider.identify(target), 0) for target in targets}
            return {version: number for version, number in counted.items() if number}

        return {
            (item.key, split): of(bound, item.targets_in(split))
            for item in group
            if (bound := judged[item.key]) is not None
            for split in item.splits
        }

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
        by_version = {
            target.version: await self._own_moments(metric, target, window, interval)
            for target in subscription.targets_in(split)
        }
        return _newest_sample(metric.name, by_version, interval, {}) if any(by_version.values()) else None

    async def _own_moments(
        self, metric: Metric, target: Target, window: float, interval: float
    ) -> Mapping[str, Moments]:
        """One query after the other: a release of many slow ones shall not have all the threads."""
        counted, every = [
            await custom.read(self._patient, custom.fill(query, target), window, interval)
            for query in metric.queries.values()
        ]
        return custom.combine(counted, every, turned=metric.counts_good, largest=metric.max)

    async def _past(
        self, provider: Provider, control: Target, metric: Metric, cancels: ClientCancels
    ) -> Mapping[str, Moments]:
        if not metric.built_in:
            interval = await self._scraping.interval(provider)
            return await self._own_moments(metric, control, BASELINE_SECONDS, interval)
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


def _targets(group: Sequence[Subscription]) -> list[Target]:
    return [target for item in group for target in item.targets]


def _places(group: Sequence[Subscription]) -> list[Place]:
    return [(item.key, split) for item in group for split in item.splits]


def _by_version(provider: Provider, targets: Sequence[Target], counted: Tally) -> ByVersion:
    return {target.version: counted.get(provider.identify(target), {}) for target in targets}


def _is_silent(item: ByVersion | Unavailable) -> bool:
    """Whether no version has a series."""
    return not isinstance(item, Unavailable) and not any(item.values())


def _scraped(counted: Mapping[Place, ByVersion | Unavailable]) -> dict[Key, dict[str, float]]:
    """When the processes that count for a rollout were scraped last, by rollout: those that counted in one split alone
    were scraped for the others, too, and counted nothing there."""
    found: dict[Key, dict[str, float]] = defaultdict(dict)
    for (key, _), item in counted.items():
        for processes in () if isinstance(item, Unavailable) else item.values():
            for process, moments in processes.items():
                found[key][process] = max((found[key].get(process, float("-inf")), *moments))
    return found


def _sampled(
    metric: str, item: ByVersion | Unavailable, nothing: Read | None, interval: float, scraped: Mapping[str, float]
) -> Read:
    """What was counted as a sample; ``nothing`` where there was nothing to count."""
    if isinstance(item, Unavailable):
        return item
    if nothing is not None and _is_silent(item):
        return replace(nothing, times=scraped) if isinstance(nothing, Sample) else nothing
    return _newest_sample(metric, item, interval, scraped)


def _with_silent(metric: Metric, read: Mapping[str, Read | None]) -> dict[str, Read]:
    """Where nothing was counted while another split was, the source is there, and there were no requests."""
    seen_at = max((sample.at for sample in read.values() if isinstance(sample, Sample)), default=None)
    nothing = (
        Unavailable(metric.name, f"Prometheus has no sample of {metric.trials or metric.count} of any version")
        if seen_at is None
        else Sample(metric.name, seen_at, {})
    )
    return {split: nothing if sample is None else sample for split, sample in read.items()}


def _newest_sample(metric: str, by_version: ByVersion, interval: float, scraped: Mapping[str, float]) -> Read:
    try:
        found = together(by_version, interval, scraped)
    except BadCount as error:
        return Unavailable(metric, str(error), invalid=True)
    assert found.at is not None, "some version has a series"
    return Sample(metric, found.at, found.series, found.times)


def _with_delays(read: Read, late: Delays | None) -> Read:
    """The sample with how late its rewards came, where that is known."""
    return replace(read, delays=late) if isinstance(read, Sample) else read


def _with_bound(read: Read, bound: float | None, late: Mapping[str, int]) -> Read:
    """The sample with the bound by which its latency is really judged, seconds, and the requests that are overdue."""
    return replace(read, bound=bound, overdue=late) if isinstance(read, Sample) else read
