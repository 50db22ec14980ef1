"""Counters: whether Prometheus answers, and has what versions are judged by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from modelrollout.adapters.metrics.base import Provider, Target
from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.api.analysis import Provider as ProviderName
from modelrollout.api.base import format_duration, parse_duration
from modelrollout.cli.doctor.asking import Ask, number
from modelrollout.cli.doctor.found import Finding, State
from modelrollout.cli.doctor.look import NotSeen
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

AREA = "prometheus"
PAGE = "docs/install.md, Prometheus"
WINDOW = 300.0  # seconds whose samples are looked at; a scrape a minute leaves five
SLOW = 20.0  # seconds between two scrapes, from which on a rollback takes most of a minute
SCRAPES_TO_ROLL_BACK = (2, 3)
BY_CALLED = 'count(istio_requests_total{reporter="destination"})'


def counters(ask: Ask, rollouts: Sequence[ModelRollout], told_interval: str, way: str) -> Iterator[Finding]:
    """``told_interval``: the setting prometheus.scrapeInterval, empty: measured. ``way``: out of no answer."""
    try:
        ask("vector(1)")
    except NotSeen as error:
        yield Finding(AREA, State.UNKNOWN, f"it could not be asked from here: {error}", way)
        return
    yield Finding(AREA, State.THERE, "it answers")
    try:
        names = _named(rollouts) or _scraped(ask) or [ProviderName.ISTIO]
        found = (item for name in names for item in _of_provider(ask, PROVIDERS[name], told_interval))
        yield from dict.fromkeys(found)  # once, however many of them are scraped as often
        for rollout in rollouts:
            yield from _of_rollout(ask, rollout)
    except NotSeen as error:
        yield Finding(AREA, State.UNKNOWN, f"a query was refused: {error}", PAGE)


def _named(rollouts: Sequence[ModelRollout]) -> list[ProviderName]:
    """The providers that rollouts judge by."""
    named = [rollout.spec.analysis.provider for rollout in rollouts if isinstance(rollout.spec, Spec)]
    return list(dict.fromkeys(named))


def _scraped(ask: Ask) -> list[ProviderName]:
    """Those whose sources there are, for a cluster without any rollout yet."""
    return [name for name, provider in PROVIDERS.items() if number(ask(f"count({provider.alive})"))]


def _of_provider(ask: Ask, provider: Provider, told_interval: str) -> Iterator[Finding]:
    if not number(ask(f"count({provider.alive})")):
        words = f"no series {provider.alive.removesuffix('{}')}: nothing that provider {provider.name} reads is scraped"
        yield Finding(AREA, State.MISSING, words, f"{PAGE}: a PodMonitor for gateways and pods")
        return
    yield Finding(AREA, State.THERE, f"provider {provider.name}: its sources are scraped")
    yield from _interval(ask, provider, told_interval)
    if number(ask(f"count({provider.errors.replace(',<targets>', '')})")):
        yield Finding(AREA, State.THERE, f"provider {provider.name}: its counters of answers are there")
    elif provider.name == ProviderName.ISTIO and number(ask(BY_CALLED)):
        words = 'istio_requests_total is there with reporter="destination" alone; callers and gateways are not scraped'
        yield Finding(AREA, State.MISSING, words, f"{PAGE}: a PodMonitor for gateways and pods")
    else:
        words = f"provider {provider.name}: no counter of answers yet; they come with the first request"
        yield Finding(AREA, State.DOUBTFUL, words, "send a request, and look again")


def _interval(ask: Ask, provider: Provider, told: str) -> Iterator[Finding]:
    """How often its sources are scraped, which is what a bad version costs."""
    interval = _measured(ask, provider.alive)
    if interval is None:
        return
    least, most = (format_duration(interval * scrapes) for scrapes in SCRAPES_TO_ROLL_BACK)
    words = f"scraped every {format_duration(interval)}: a bad version is out of traffic after {least} to {most}"
    if told and not 0.5 <= interval / _seconds(told) <= 2.0:
        way = "leave prometheus.scrapeInterval of the chart empty, or correct it"
        yield Finding(AREA, State.DOUBTFUL, f"{words}, but prometheus.scrapeInterval says {told}", way)
    elif interval >= SLOW:
        yield Finding(AREA, State.DOUBTFUL, words, f"{PAGE}: interval: 5s in the PodMonitor of the gateways")
    else:
        yield Finding(AREA, State.THERE, words)


def _measured(ask: Ask, selector: str) -> float | None:
    """Seconds between two samples of one of the series; None where there are too few to tell."""
    found = ask(f"topk(1, {selector})")
    if not found:
        return None
    series = ",".join(f"{name}={json.dumps(str(value))}" for name, value in found[0]["metric"].items())
    times = [float(at) for one in ask(f"{{{series}}}[{WINDOW:.0f}s]") for at, _ in one["values"]]
    return max(1.0, round(median(later - earlier for earlier, later in pairwise(times)))) if len(times) > 2 else None


def _seconds(told: str) -> float:
    seconds = parse_duration(told)
    assert isinstance(seconds, float)
    return seconds


def _of_rollout(ask: Ask, rollout: ModelRollout) -> Iterator[Finding]:
    """Whether answers of the version that serves are counted."""
    spec, stable = rollout.spec, rollout.status.stable
    if not isinstance(spec, Spec) or stable is None or not spec.strategy.chosen.judges:
        return
    provider = PROVIDERS[spec.analysis.provider]
    target = Target(rollout.namespace, rollout.name, stable.version, domain=rollout.cluster_domain)
    if number(ask(f"count({provider.errors_query([target])})")):
        yield Finding(AREA, State.THERE, f"{rollout.key}: answers of {stable.version} are counted")
    else:
        words = f"{rollout.key}: no answer of {stable.version} is counted by provider {provider.name}"
        way = "send it a request; if there are some, their callers or gateway are not scraped, or labels were dropped"
        yield Finding(AREA, State.DOUBTFUL, words, f"{way} ({PAGE})")
