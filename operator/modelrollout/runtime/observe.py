"""Questions -> Observation: everything that a pass has to know, asked at the same time, each with a limit of its own.

What cannot be found out in time is said to be unknown; it never stops the pass, because the pass may have to take
traffic away for another reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from modelrollout.adapters.metrics.reader import Samples
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.core.evidence import Count
from modelrollout.core.observation import USUAL_SCRAPE_INTERVAL, LiveRoute, Observation, Refusal, Unavailable
from modelrollout.core.plan import Questions
from modelrollout.manifests.istio import live_route
from modelrollout.resource.rollout import ModelRollout
from modelrollout.runtime.before_traffic import before_traffic
from modelrollout.runtime.inquiry import not_checked
from modelrollout.runtime.observer import Observer, guarded
from modelrollout.runtime.running import what_runs
from modelrollout.runtime.world import Key, Snapshot

Found = TypeVar("Found")
Baseline = Mapping[str, tuple[Count, ...]]

BASELINE_LIMIT = 20.0  # seconds; half an hour of samples is a large answer

log = logging.getLogger(__name__)


async def observe(rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer) -> Observation:
    """One moment. Never raises for what could not be seen."""
    key = (rollout.namespace, rollout.name)
    samples, (smoked, probed, compared), refusal, unresolved, baseline, running = await asyncio.gather(
        guarded("samples", partial(_samples, key, asked, observer), lambda words: _no_samples(asked, words)),
        before_traffic(rollout, snapshot, asked, observer),
        guarded("spec", partial(_refusal, rollout, asked, observer), not_checked),
        guarded("references", partial(_unresolved, rollout, asked, observer), lambda words: None),
        guarded("baseline", partial(_baseline, key, asked, observer), lambda words: None),
        what_runs(rollout, snapshot, asked, observer),
    )
    return Observation(
        now=observer.clock(),
        workloads=running,
        route=_route(rollout, snapshot, observer),
        unreachable=observer.entrances.problem(key, asked.spec) if asked.spec is not None else None,
        samples=samples,
        validation=probed,
        shadow=compared.of,
        unshadowed=compared.trouble,
        mirrors=compared.mirrors,
        smoke=smoked,
        refusal=refusal,
        unresolved=unresolved,
        baseline=baseline,
        scattered=observer.filters.scattered(asked.spec),
        scrape_interval=_scrape_interval(key, asked, observer),
    )


async def newest_samples(key: Key, asked: Questions, observer: Observer) -> tuple[Samples, float]:
    """The samples alone, and the interval of their scrapes. Never raises for what could not be seen."""
    found = await guarded("samples", partial(_samples, key, asked, observer), lambda words: _no_samples(asked, words))
    return found, _scrape_interval(key, asked, observer)


def _route(rollout: ModelRollout, snapshot: Snapshot, observer: Observer) -> LiveRoute | None:
    """The live route, and why it is not as it was decided, if the API server did not take that."""
    live = live_route(snapshot.virtual_service, rollout)
    words = observer.refused_routes.get((rollout.namespace, rollout.name))
    return live if words is None else replace(live or LiveRoute(), refused=words)


def _scrape_interval(key: Key, asked: Questions, observer: Observer) -> float:
    """Asked after the samples, which measure it. It decides which sample is too old to judge by."""
    subscription = subscription_of(key, asked, observer.settings.cluster_domain)
    known = observer.samples.scrape_interval(subscription) if asked.samples and subscription is not None else None
    return known or USUAL_SCRAPE_INTERVAL


async def _samples(key: Key, asked: Questions, observer: Observer) -> Samples:
    subscription = subscription_of(key, asked, observer.settings.cluster_domain)
    if not asked.samples or subscription is None:
        observer.samples.forget(key)
        return {}
    not_yet = _no_samples(asked, "Prometheus has not answered yet", pending=True)
    return {**not_yet, **await observer.samples.of(subscription)}


def _no_samples(asked: Questions, why: str, *, pending: bool = False) -> Samples:
    metrics = asked.spec.analysis.metrics if asked.spec is not None and asked.samples else ()
    return {
        (metric.name, split): Unavailable(metric.name, why, pending=pending)
        for metric in metrics
        for split in asked.splits
    }


async def _baseline(key: Key, asked: Questions, observer: Observer) -> Baseline | None:
    subscription = subscription_of(key, asked, observer.settings.cluster_domain)
    if not asked.baseline or subscription is None:
        return None
    return await _in_time("baseline", BASELINE_LIMIT, observer.samples.baseline(subscription))


def subscription_of(key: Key, asked: Questions, domain: str) -> Subscription | None:
    """What a rollout is judged by; None where there is nothing to judge it by yet. ``domain`` is the cluster's."""
    if asked.spec is None or asked.control is None:
        return None
    return Subscription(key, asked.spec.analysis, asked.control, asked.arms, asked.splits, asked.delays_since, domain)


async def _refusal(rollout: ModelRollout, asked: Questions, observer: Observer) -> Refusal | None:
    """None when all is well, or when nothing has to be checked."""
    return None if asked.acceptance is None else await observer.inquiries.refusal(rollout, asked.acceptance)


async def _unresolved(rollout: ModelRollout, asked: Questions, observer: Observer) -> tuple[Refusal, ...] | None:
    """What the spec names and is not there, if that is asked and known; what was there, once in a while."""
    wanted = asked.references
    if wanted is None and asked.spec is rollout.spec and observer.references.is_due((rollout.namespace, rollout.name)):
        wanted = asked.spec
    return None if wanted is None else await observer.references.missing(rollout, wanted)


async def _in_time(what: str, limit: float, asking: Awaitable[Found]) -> Found | None:
    """The answer, or None when it takes longer than ``limit`` seconds."""
    try:
        async with asyncio.timeout(limit):
            return await asking
    except TimeoutError:
        log.warning("no %s within %g s", what, limit)
        return None
