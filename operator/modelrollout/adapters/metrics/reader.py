"""Reader: samples of metrics for releases, one query for each built-in metric whatever the number of releases.

Every failure becomes a value: Prometheus away, a source that is not scraped, a wrong query, counts that cannot be.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import TypeVar

from modelrollout.adapters.metrics import custom
from modelrollout.adapters.metrics.base import Provider, Target
from modelrollout.adapters.metrics.counts import Moments, Tally, answers, increments, newest, slow_answers, tally
from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.adapters.metrics.scraping import STALE_SCRAPES, Scraping, bound_for
from modelrollout.adapters.metrics.subscription import Key, Subscription
from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway
from modelrollout.api.analysis import Metric
from modelrollout.api.base import format_duration
from modelrollout.core.evidence import BadCount, Count
from modelrollout.core.observation import Sample, Unavailable

Answer = TypeVar("Answer")
Found = dict[Key, dict[str, Sample | Unavailable]]
"""By rollout and metric."""

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

    async def built_in(
        self, provider: Provider, subscriptions: Sequence[Subscription], metrics: Collection[str] = BUILT_IN
    ) -> Found:
        """Errors and latency, or one of them, for all who go by this provider."""
        of_errors = [item for item in subscriptions if item.metric("errors")]
        of_latency = [item for item in subscriptions if item.metric("latency")]
        found: Found = defaultdict(dict)
        for metric, group, reading in (
            ("errors", of_errors, self._errors),
            ("latency", of_latency, self._latency),
        ):
            if group and metric in metrics:
                answer = await _guarded(metric, reading(provider, group))
                for item in group:
                    found[item.key][metric] = answer if isinstance(answer, Unavailable) else answer[item.key]
        return found

    async def own(self, subscription: Subscription, metric: Metric) -> Sample | Unavailable:
        """One metric that a user brought."""
        provider = PROVIDERS[subscription.analysis.provider]
        return await _guarded(metric.name, self._own(subscription, metric, provider))

    def scrape_interval(self, subscription: Subscription) -> float | None:
        """Seconds between two samples of the built-in metrics, as far as it is known."""
        return self._scraping.known_interval(PROVIDERS[subscription.analysis.provider])

    async def baseline(self, subscription: Subscription) -> Mapping[str, tuple[Count, ...]] | None:
        """What the stable version answered from scrape to scrape, by metric; None when Prometheus cannot say."""
        provider, stable = PROVIDERS[subscription.analysis.provider], subscription.target(subscription.stable)
        try:
            interval = await self._scraping.interval(provider)
            return {
                metric.name: increments(await self._past(provider, stable, metric), interval)
                for metric in subscription.analysis.metrics
            }
        except (PrometheusAway, BadQuery, BadCount):
            return None

    async def _errors(self, provider: Provider, group: Sequence[Subscription]) -> dict[Key, Sample | Unavailable]:
        window = await self._scraping.window(provider)
        series = await self._prometheus.raw(provider.errors_query(_targets(group)), window)
        counted, uncounted = tally(series, provider.identity_of, answers(provider)), provider.uncounted(series)
        found: dict[Key, Sample | Unavailable] = {}
        for item in group:
            if any(provider.identify(target) in uncounted for target in item.targets):
                found[item.key] = Unavailable("errors", provider.uncounted_words, invalid=True)
            else:
                found[item.key] = await self._sample("errors", provider, item, counted)
        return found

    async def _latency(self, provider: Provider, group: Sequence[Subscription]) -> dict[Key, Sample | Unavailable]:
        window, targets = await self._scraping.window(provider), _targets(group)
        bounds = await self._scraping.bounds(provider, targets)
        chosen = {item.key: _chosen_bound(item, bounds) for item in group}
        needed = {bound for bound in chosen.values() if isinstance(bound, str)}
        series = await self._prometheus.raw(provider.latency_query(targets, needed), window) if needed else []
        by_bound = {bound: tally(series, provider.identity_of, slow_answers(bound)) for bound in needed}
        found: dict[Key, Sample | Unavailable] = {}
        for item in group:
            bound = chosen[item.key]
            if isinstance(bound, Unavailable):
                found[item.key] = bound
            else:
                found[item.key] = await self._sample("latency", provider, item, by_bound[bound] if bound else {})
        return found

    async def _sample(
        self, metric: str, provider: Provider, subscription: Subscription, counted: Tally
    ) -> Sample | Unavailable:
        by_version = {target.version: counted.get(provider.identify(target), {}) for target in subscription.targets}
        if any(by_version.values()):
            return _newest_sample(metric, by_version)
        at = await self._scraping.alive_at(provider)
        if at is not None:
            return Sample(metric, at, {})
        interval = format_duration(round(STALE_SCRAPES * await self._scraping.interval(provider), 1))
        return Unavailable(
            metric,
            f"Prometheus at {self._prometheus.url} has no sample of {provider.alive} from the last {interval}: are the "
            f"sources of provider {provider.name} scraped?",
        )

    async def _own(self, subscription: Subscription, metric: Metric, provider: Provider) -> Sample | Unavailable:
        window, interval = await self._scraping.window(provider), await self._scraping.interval(provider)
        by_version = {
            target.version: await self._own_moments(metric, target, window, interval) for target in subscription.targets
        }
        if any(by_version.values()):
            return _newest_sample(metric.name, by_version)
        return Unavailable(metric.name, f"Prometheus has no sample of {metric.trials} of either version")

    async def _own_moments(
        self, metric: Metric, target: Target, window: float, interval: float
    ) -> Mapping[str, Moments]:
        """One query after the other: a release of many slow ones shall not have all the threads."""
        successes, trials = [
            await custom.read(self._patient, custom.fill(query or "", target), window, interval)
            for query in (metric.successes, metric.trials)
        ]
        return custom.combine(successes, trials, metric.direction)

    async def _past(self, provider: Provider, stable: Target, metric: Metric) -> Mapping[str, Moments]:
        if not metric.built_in:
            interval = await self._scraping.interval(provider)
            return await self._own_moments(metric, stable, BASELINE_SECONDS, interval)
        if metric.name == "errors":
            query, shares = provider.errors_query([stable]), answers(provider)
        else:
            bound = bound_for(await self._scraping.bounds(provider, [stable]), metric.over or 0.0)
            if bound is None:
                return {}
            query, shares = provider.latency_query([stable], [bound]), slow_answers(bound)
        series = await self._patient.raw(query, BASELINE_SECONDS)
        return tally(series, provider.identity_of, shares).get(provider.identify(stable), {})


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


def _newest_sample(metric: str, by_version: Mapping[str, Mapping[str, Moments]]) -> Sample | Unavailable:
    try:
        counted = {version: newest(processes) for version, processes in by_version.items()}
    except BadCount as error:
        return Unavailable(metric, str(error), invalid=True)
    at = max(found.at for found in counted.values() if found.at is not None)
    read = {version: found.at for version, found in counted.items() if found.at is not None}
    return Sample(metric, at, {version: found.counts for version, found in counted.items()}, read)


def _chosen_bound(subscription: Subscription, bounds: Mapping[float, str]) -> str | Unavailable | None:
    """The bucket to judge latency by; None when there is no histogram yet."""
    metric = subscription.metric("latency")
    over = metric.over if metric and metric.over else 0.0
    if not bounds:
        return None
    return bound_for(bounds, over) or Unavailable(
        "latency",
        f"over {format_duration(over)} is above {format_duration(max(bounds))}, the largest bucket bound of the "
        "histogram; lower it",
        invalid=True,
    )
