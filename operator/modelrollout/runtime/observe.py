"""Questions -> Observation: everything that a pass has to know, asked at the same time, each with a limit of its own.

What cannot be found out in time is said to be unknown; it never stops the pass, because the pass may have to take
traffic away for another reason.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import aiohttp

from modelrollout.adapters import smoke, tensorflow_serving
from modelrollout.adapters.cluster import CONFIG_MAPS, DEPLOYMENTS, PODS, ApiError, Cluster, Object
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.api.resource import ModelRollout
from modelrollout.api.rollout import Spec
from modelrollout.api.version import ModelVersion
from modelrollout.core.evidence import Count
from modelrollout.core.observation import (
    USUAL_SCRAPE_INTERVAL,
    LiveRoute,
    Observation,
    Refusal,
    SmokeResult,
    Unavailable,
    Workload,
)
from modelrollout.core.plan import Questions
from modelrollout.manifests.istio import live_route
from modelrollout.manifests.serving import GRPC_PORT
from modelrollout.runtime.inquiry import Inquiries, not_checked
from modelrollout.runtime.samples import SampleCache, Samples
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.workloads import Refused, corrected, ready_pods, workloads
from modelrollout.runtime.world import Key, Snapshot

Found = TypeVar("Found")
Baseline = Mapping[str, tuple[Count, ...]]

BASELINE_LIMIT = 20.0  # seconds; half an hour of samples is a large answer
CONFIG_MAP_LIMIT = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Senses:
    """What observing needs. ``refused`` holds versions whose objects the API server refused, with its words;
    ``refused_routes`` its words about a rollout's VirtualService."""

    cluster: Cluster
    samples: SampleCache
    inquiries: Inquiries
    http: aiohttp.ClientSession
    settings: Settings
    clock: Callable[[], float]
    refused: dict[tuple[Key, str], Refused]
    refused_routes: dict[Key, str]
    confirmed: dict[Key, set[str]]


async def observe(rollout: ModelRollout, snapshot: Snapshot, asked: Questions, senses: Senses) -> Observation:
    """One moment. Never raises for what could not be seen."""
    key = (rollout.namespace, rollout.name)
    samples, smoked, refusal, baseline, running = await asyncio.gather(
        _guarded("samples", _samples(key, asked, senses), lambda words: _no_samples(asked, words)),
        _guarded("smoke requests", _smoke(rollout, asked, senses), lambda words: SmokeResult(0, obstacle=words)),
        _guarded("spec", _refusal(rollout, asked, senses), not_checked),
        _guarded("baseline", _baseline(key, asked, senses), lambda words: None),
        _workloads(rollout, snapshot, asked, senses),
    )
    return Observation(
        now=senses.clock(),
        workloads=running,
        route=_route(rollout, snapshot, senses),
        samples=samples,
        smoke=smoked,
        refusal=refusal,
        baseline=baseline,
        scrape_interval=_scrape_interval(key, asked, senses),
    )


def _route(rollout: ModelRollout, snapshot: Snapshot, senses: Senses) -> LiveRoute | None:
    """The live route, and why it is not as it was decided, if the API server did not take that."""
    live = live_route(snapshot.virtual_service, rollout)
    words = senses.refused_routes.get((rollout.namespace, rollout.name))
    return live if words is None else replace(live or LiveRoute(), refused=words)


def _scrape_interval(key: Key, asked: Questions, senses: Senses) -> float:
    """Asked after the samples, which measure it. It decides which sample is too old to judge by."""
    subscription = _subscription(key, asked)
    known = senses.samples.scrape_interval(subscription) if asked.samples and subscription is not None else None
    return known or USUAL_SCRAPE_INTERVAL


async def _samples(key: Key, asked: Questions, senses: Senses) -> Samples:
    subscription = _subscription(key, asked)
    if not asked.samples or subscription is None:
        senses.samples.forget(key)
        return {}
    return {**_no_samples(asked, "Prometheus has not answered yet"), **await senses.samples.of(subscription)}


def _no_samples(asked: Questions, why: str) -> Samples:
    metrics = asked.spec.analysis.metrics if asked.spec is not None and asked.samples else ()
    return {metric.name: Unavailable(metric.name, why) for metric in metrics}


async def _baseline(key: Key, asked: Questions, senses: Senses) -> Baseline | None:
    subscription = _subscription(key, asked)
    if not asked.baseline or subscription is None:
        return None
    return await _in_time("baseline", BASELINE_LIMIT, senses.samples.baseline(subscription))


def _subscription(key: Key, asked: Questions) -> Subscription | None:
    if asked.spec is None or asked.candidate is None or asked.stable is None:
        return None
    return Subscription(key, asked.spec.analysis, asked.candidate, asked.stable)


async def _refusal(rollout: ModelRollout, asked: Questions, senses: Senses) -> Refusal | None:
    """None when all is well, or when nothing has to be checked."""
    return None if asked.acceptance is None else await senses.inquiries.refusal(rollout, asked.acceptance)


async def _smoke(rollout: ModelRollout, asked: Questions, senses: Senses) -> SmokeResult | None:
    spec, version = asked.spec, asked.smoke
    if version is None or spec is None or spec.strategy.blue_green is None or spec.strategy.blue_green.smoke is None:
        return None
    wanted = spec.strategy.blue_green.smoke
    if wanted.config_map is None:
        bodies = [(f"request {index}", json.dumps(body)) for index, body in enumerate(wanted.requests, 1)]
    else:
        try:
            async with asyncio.timeout(CONFIG_MAP_LIMIT):
                found = await senses.cluster.get(CONFIG_MAPS, rollout.namespace, wanted.config_map)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            words = error or "no answer in time"
            return SmokeResult(0, obstacle=f"ConfigMap {wanted.config_map} cannot be read: {words}")
        bodies = sorted(((found or {}).get("data") or {}).items())
        if not bodies:
            words = f"ConfigMap {wanted.config_map} is missing or empty; each key holds one request"
            return SmokeResult(0, obstacle=words)
    test = smoke.SmokeTest(
        url=_entrance(spec, senses.settings),
        host=spec.traffic.hosts[0],
        model=spec.model.name,
        version=version,
        preview=spec.strategy.blue_green.preview,
        bodies=bodies,
        time_limit=senses.settings.smoke_timeout,
        max_latency=wanted.max_latency,
    )
    return await smoke.run(senses.http, test)


def _entrance(spec: Spec, settings: Settings) -> str:
    """Where requests to the rollout enter: the gateway, or, for a mesh alone, the host itself (by our own side car)."""
    behind_gateway = any(gateway != "mesh" for gateway in spec.traffic.gateways)
    return settings.gateway_url.rstrip("/") if behind_gateway else f"http://{spec.traffic.hosts[0]}"


async def _workloads(
    rollout: ModelRollout, snapshot: Snapshot, asked: Questions, senses: Senses
) -> dict[str, Workload]:
    """What runs, corrected by what the API server refused and by what the model servers say of themselves."""
    key = (rollout.namespace, rollout.name)
    pods = list(snapshot.of(PODS).values())
    found = workloads(snapshot.of(DEPLOYMENTS).values(), pods)
    for (whose, version), refused in senses.refused.items():
        if whose == key:
            found[version] = corrected(found.get(version, Workload(version, 1, 0)), refused)
    for version, digest in _recorded(rollout):
        if version in found and found[version].digest not in (None, digest):
            words = (
                f"its pods fetched {found[version].digest}, but it is recorded with {digest}; a version never changes"
            )
            found[version] = replace(found[version], failure=words)
    if asked.candidate in found and asked.spec is not None:
        known = found[asked.candidate]
        asking = _confirm(key, known, pods, asked.spec, senses)
        found[asked.candidate] = await _guarded("model servers", asking, lambda words: known)
    return found


def _recorded(rollout: ModelRollout) -> Iterator[tuple[str, str]]:
    """The digest of each version that has one: the spec's, or that of the first fetch."""
    for deployed in (rollout.status.stable, rollout.status.candidate):
        if deployed is not None and deployed.digest is not None:
            yield deployed.version, deployed.digest


async def _confirm(key: Key, known: Workload, pods: Sequence[Object], spec: Spec, senses: Senses) -> Workload:
    """Only pods whose server says that the model is available count; one that cannot be asked is believed.

    Asked once for each pod: afterwards its readiness probe speaks for it.
    """
    if not known.is_ready:
        return known
    confirmed = senses.confirmed.setdefault(key, set())
    confirmed &= {pod["metadata"]["uid"] for pod in pods}
    unknown = [pod for pod in ready_pods(pods, known.version) if pod["metadata"]["uid"] not in confirmed]
    number = ModelVersion.parse(known.version).serving_number
    addresses = [f"{pod['status']['podIP']}:{GRPC_PORT}" for pod in unknown]
    states = await tensorflow_serving.model_states(addresses, spec.model.name, number)
    for pod, state in zip(unknown, states, strict=True):
        if state is None or state.is_available:
            confirmed.add(pod["metadata"]["uid"])
            continue
        words = f"the server of pod {pod['metadata']['name']} says {state.state} {state.message}".rstrip()
        return replace(known, ready=min(known.ready, known.desired - 1), waiting=words)
    return known


async def _guarded(what: str, asking: Awaitable[Found], otherwise: Callable[[str], Found]) -> Found:
    """What was seen; or, whatever went wrong, what stands for it: no fault of one sense may end the pass."""
    try:
        return await asking
    except Exception as error:
        log.exception("%s: could not be seen", what)
        return otherwise(str(error) or type(error).__name__)


async def _in_time(what: str, limit: float, asking: Awaitable[Found]) -> Found | None:
    """The answer, or None when it takes longer than ``limit`` seconds."""
    try:
        async with asyncio.timeout(limit):
            return await asking
    except TimeoutError:
        log.warning("no %s within %g s", what, limit)
        return None
