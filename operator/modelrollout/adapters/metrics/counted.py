"""What the series of one metric come to for each of many releases.

Plain computing over one answer of Prometheus. For hundreds of releases it takes a tenth of a second, so ``Reader`` has
it done in a thread: nothing else of the process waits for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from modelrollout.adapters.metrics.base import Provider, Target, UnderWay
from modelrollout.adapters.metrics.counts import Tally, answers, slow_answers, tally
from modelrollout.adapters.metrics.overdue import overdue
from modelrollout.adapters.metrics.scraping import STALE_SCRAPES
from modelrollout.adapters.metrics.subscription import Key, Subscription
from modelrollout.adapters.prometheus import Series
from modelrollout.core.evidence import BadCount, Moments, together
from modelrollout.core.observation import Sample, Unavailable

Read = Sample | Unavailable

Place = tuple[Key, str]
"""Rollout and split."""

ByVersion = Mapping[str, Mapping[str, Moments]]
"""Of one metric in one split, by version and process."""

Counted = Mapping[Place, ByVersion | Unavailable]


def targets_of(group: Sequence[Subscription]) -> list[Target]:
    """Every version of every release in every split."""
    return [target for item in group for target in item.targets]


def places_of(group: Sequence[Subscription]) -> list[Place]:
    """Every release in every split."""
    return [(item.key, split) for item in group for split in item.splits]


def count_errors(provider: Provider, group: Sequence[Subscription], series: Sequence[Series]) -> Counted:
    """Bad answers and all answers, from what the provider's ``errors_query`` gave."""
    rules = {item.analysis.client_cancels for item in group}
    counted = {rule: tally(series, provider.identity_of, answers(provider, rule)) for rule in rules}
    uncounted = {rule: provider.uncounted(series, rule) for rule in rules}

    def of(item: Subscription, split: str) -> ByVersion | Unavailable:
        rule, targets = item.analysis.client_cancels, item.targets_in(split)
        words = [uncounted[rule].get(provider.identify(target)) for target in targets]
        if any(words):
            return Unavailable("errors", next(filter(None, words)), invalid=True)
        return _by_version(provider, targets, counted[rule])

    return {(item.key, split): of(item, split) for item in group for split in item.splits}


def count_slow(
    provider: Provider,
    group: Sequence[Subscription],
    series: Sequence[Series],
    chosen: Mapping[Key, str | Unavailable | None],
) -> Counted:
    """Slow answers and all answers, from what ``latency_query`` gave; ``chosen`` is the bound of each release."""
    rules = {(bound, item.analysis.client_cancels) for item in group if isinstance(bound := chosen[item.key], str)}
    counted = {rule: tally(series, provider.identity_of, slow_answers(provider, *rule)) for rule in rules}

    def of(item: Subscription, split: str) -> ByVersion | Unavailable:
        bound = chosen[item.key]
        if isinstance(bound, Unavailable):
            return bound
        of_rule = counted[bound, item.analysis.client_cancels] if bound else {}
        return _by_version(provider, item.targets_in(split), of_rule)

    return {(item.key, split): of(item, split) for item in group for split in item.splits}


def count_overdue(
    provider: Provider,
    under_way: UnderWay,
    group: Sequence[Subscription],
    series: Sequence[Series],
    judged: Mapping[Key, float | None],
) -> dict[Place, dict[str, int]]:
    """By version, the requests that are under way for longer than the bound by which the release is ``judged``."""
    bounds = {bound for bound in judged.values() if bound is not None}
    late = {bound: overdue(series, provider, under_way, bound) for bound in bounds}

    def of(bound: float, targets: Sequence[Target]) -> dict[str, int]:
        counted = {target.version: late[bound].get(provider.identify(target), 0) for target in targets}
        return {version: number for version, number in counted.items() if number}

    return {
        (item.key, split): of(bound, item.targets_in(split))
        for item in group
        if (bound := judged[item.key]) is not None
        for split in item.splits
    }


def _by_version(provider: Provider, targets: Sequence[Target], counted: Tally) -> ByVersion:
    return {target.version: counted.get(provider.identify(target), {}) for target in targets}


def is_silent(item: ByVersion | Unavailable) -> bool:
    """Whether no version has a series."""
    return not isinstance(item, Unavailable) and not any(item.values())


def sampled(
    metric: str, counted: Counted, nothing: Read | None, interval: float, behind: Collection[Key] = ()
) -> dict[Place, Read]:
    """What was counted as samples, of scrapes every ``interval`` seconds; ``nothing`` where there was nothing to
    count. Rollouts that are ``behind`` get the scrapes before the newest as well, as far as the answer goes back."""
    scraped = _scraped(counted)
    found = {place: _sampled(metric, item, nothing, interval, scraped[place[0]]) for place, item in counted.items()}
    return {
        place: _with_earlier(item, counted[place], interval) if place[0] in behind else item
        for place, item in found.items()
    }


def _with_earlier(newest: Read, by_version: ByVersion | Unavailable, interval: float) -> Read:
    """With the samples of the scrapes before, oldest first."""
    if isinstance(newest, Unavailable) or isinstance(by_version, Unavailable):
        return newest
    found = []
    for scrapes in range(STALE_SCRAPES - 1, 0, -1):
        until = newest.at - (scrapes - 0.5) * interval
        until_then = {
            version: {process: known for process, moments in reporters.items() if (known := _until(moments, until))}
            for version, reporters in by_version.items()
        }
        if any(until_then.values()):
            read = newest_sample(newest.metric, until_then, interval, {})
            found += [read] if isinstance(read, Sample) else []
    return replace(newest, earlier=tuple(found))


def _until(moments: Moments, time: float) -> Moments:
    return {at: value for at, value in moments.items() if at <= time}


def _scraped(counted: Counted) -> dict[Key, dict[str, float]]:
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
    if isinstance(item, Unavailable):
        return item
    if nothing is not None and is_silent(item):
        return replace(nothing, times=scraped) if isinstance(nothing, Sample) else nothing
    return newest_sample(metric, item, interval, scraped)


def newest_sample(metric: str, by_version: ByVersion, interval: float, scraped: Mapping[str, float]) -> Read:
    """The newest scrapes that belong together, as one sample."""
    try:
        found = together(by_version, interval, scraped)
    except BadCount as error:
        return Unavailable(metric, str(error), invalid=True)
    assert found.at is not None, "some version has a series"
    return Sample(metric, found.at, found.series, found.times)


def with_bound(read: Read, bound: float | None, late: Mapping[str, int]) -> Read:
    """The sample with the bound by which its latency is really judged, seconds, and the requests that are overdue."""
    return replace(read, bound=bound, overdue=late) if isinstance(read, Sample) else read
