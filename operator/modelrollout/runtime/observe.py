"""Questions -> Observation: everything that a pass has to know, asked at the same time, each with a limit of its own.

What cannot be found out in time is said to be unknown; it never stops the pass, because the pass may have to take
traffic away for another reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from modelrollout.adapters import tensorflow_serving
from modelrollout.adapters.cluster import DEPLOYMENTS, PODS, SERVICES, Object
from modelrollout.adapters.metrics.reader import Samples
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.api.version import ModelVersion
from modelrollout.core.evidence import Count
from modelrollout.core.observation import (
    USUAL_SCRAPE_INTERVAL,
    LiveRoute,
    Observation,
    Refusal,
    Unavailable,
    Workload,
)
from modelrollout.core.plan import Questions
from modelrollout.core.validate.gate import digest_of
from modelrollout.core.validate.probed import Probed
from modelrollout.manifests.istio import live_route
from modelrollout.manifests.serving import GRPC_PORT
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.entrances import Entrances
from modelrollout.runtime.given_samples import NotSent
from modelrollout.runtime.inquiry import Inquiries, not_checked
from modelrollout.runtime.memory_limits import measured
from modelrollout.runtime.mesh_filters import MeshFilters
from modelrollout.runtime.pods import brought
from modelrollout.runtime.references import References
from modelrollout.runtime.samples import SampleCache
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.shadowing import Asked, Comparisons, Seen, absence
from modelrollout.runtime.smoke_way import smoke_way
from modelrollout.runtime.troubles import Troubles
from modelrollout.runtime.validating import Inquiry, Server, Validations
from modelrollout.runtime.workloads import Refused, addresses, corrected, ready_pods, workloads
from modelrollout.runtime.world import Key, Snapshot
from modelrollout.strategies.base import SmokeCheck

Found = TypeVar("Found")
Baseline = Mapping[str, tuple[Count, ...]]

BASELINE_LIMIT = 20.0  # seconds; half an hour of samples is a large answer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observer:
    """What observing needs. ``refused`` holds versions whose objects the API server refused, with its words;
    ``refused_routes`` its words about a rollout's VirtualService; ``confirmed`` the pods whose model server has said
    that the model is there; ``troubles`` reads Events of pods that do not start; ``filters`` are the mesh's."""

    samples: SampleCache
    inquiries: Inquiries
    references: References
    validations: Validations
    smokes: Validations
    comparisons: Comparisons
    settings: Settings
    clock: Callable[[], float]
    refused: dict[tuple[Key, str], Refused]
    refused_routes: dict[Key, str]
    confirmed: dict[Key, set[str]]
    troubles: Troubles
    entrances: Entrances = field(default_factory=Entrances)
    filters: MeshFilters = field(default_factory=MeshFilters)


async def observe(rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer) -> Observation:
    """One moment. Never raises for what could not be seen."""
    key = (rollout.namespace, rollout.name)
    samples, (smoked, probed, compared), refusal, unresolved, baseline, running = await asyncio.gather(
        _guarded("samples", _samples(key, asked, observer), lambda words: _no_samples(asked, words)),
        _before_traffic(rollout, snapshot, asked, observer),
        _guarded("spec", _refusal(rollout, asked, observer), not_checked),
        _guarded("references", _unresolved(rollout, asked, observer), lambda words: None),
        _guarded("baseline", _baseline(key, asked, observer), lambda words: None),
        _workloads(rollout, snapshot, asked, observer),
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


async def _before_traffic(
    rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer
) -> tuple[Mapping[str, Probed], Mapping[str, Probed], Seen]:
    """What arms show before their first request of a user."""
    return await asyncio.gather(
        _guarded("smoke requests", _smoke(rollout, asked, observer), lambda words: _not_sent(asked, words)),
        _guarded("validation", _validation(rollout, snapshot, asked, observer), lambda words: {}),
        _guarded("comparer", _compared(rollout, snapshot, asked, observer), lambda words: Seen(trouble=words)),
    )


async def newest_samples(key: Key, asked: Questions, observer: Observer) -> tuple[Samples, float]:
    """The samples alone, and the interval of their scrapes. Never raises for what could not be seen."""
    found = await _guarded("samples", _samples(key, asked, observer), lambda words: _no_samples(asked, words))
    return found, _scrape_interval(key, asked, observer)


def _route(rollout: ModelRollout, snapshot: Snapshot, observer: Observer) -> LiveRoute | None:
    """The live route, and why it is not as it was decided, if the API server did not take that."""
    live = live_route(snapshot.virtual_service, rollout)
    words = observer.refused_routes.get((rollout.namespace, rollout.name))
    return live if words is None else replace(live or LiveRoute(), refused=words)


def _scrape_interval(key: Key, asked: Questions, observer: Observer) -> float:
    """Asked after the samples, which measure it. It decides which sample is too old to judge by."""
    subscription = _subscription(key, asked, observer)
    known = observer.samples.scrape_interval(subscription) if asked.samples and subscription is not None else None
    return known or USUAL_SCRAPE_INTERVAL


async def _samples(key: Key, asked: Questions, observer: Observer) -> Samples:
    subscription = _subscription(key, asked, observer)
    if not asked.samples or subscription is None:
        observer.samples.forget(key)
        return {}
    return {**_no_samples(asked, "Prometheus has not answered yet"), **await observer.samples.of(subscription)}


def _no_samples(asked: Questions, why: str) -> Samples:
    metrics = asked.spec.analysis.metrics if asked.spec is not None and asked.samples else ()
    return {(metric.name, split): Unavailable(metric.name, why) for metric in metrics for split in asked.splits}


async def _baseline(key: Key, asked: Questions, observer: Observer) -> Baseline | None:
    subscription = _subscription(key, asked, observer)
    if not asked.baseline or subscription is None:
        return None
    return await _in_time("baseline", BASELINE_LIMIT, observer.samples.baseline(subscription))


def _subscription(key: Key, asked: Questions, observer: Observer) -> Subscription | None:
    if asked.spec is None or asked.control is None:
        return None
    domain = observer.settings.cluster_domain
    return Subscription(key, asked.spec.analysis, asked.control, asked.arms, asked.splits, asked.delays_since, domain)


async def _refusal(rollout: ModelRollout, asked: Questions, observer: Observer) -> Refusal | None:
    """None when all is well, or when nothing has to be checked."""
    return None if asked.acceptance is None else await observer.inquiries.refusal(rollout, asked.acceptance)


async def _unresolved(rollout: ModelRollout, asked: Questions, observer: Observer) -> tuple[Refusal, ...] | None:
    """What the spec names and is not there, if that is asked and known."""
    return None if asked.references is None else await observer.references.missing(rollout, asked.references)


async def _validation(
    rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer
) -> Mapping[str, Probed]:
    """What the servers of the arms that are to be validated said, by version; nothing of those that have not yet."""
    key, spec = (rollout.namespace, rollout.name), asked.spec
    observer.validations.keep_only(key, asked.validation)
    if spec is None or not asked.validation:
        return {}
    pods, stable, settings = list(snapshot.of(PODS).values()), rollout.status.stable, spec.asked_before_traffic
    samples = settings.samples
    compared = samples is not None and samples.agreement is not None
    ask_control = stable is not None and (compared or stable.signatures is None)
    control = _server(pods, stable.version) if stable is not None and ask_control else None
    against = spec.validate_only.against if spec.validate_only is not None else None
    weighed = settings.infrastructure.max_memory_fraction is not None
    inquiries = [
        Inquiry(
            namespace=rollout.namespace,
            model=spec.model.name,
            settings=digest_of(settings),
            arm=_server(pods, arm),
            control=control,
            samples=samples,
            against=against,
            memory=measured(rollout.namespace, pods, arm) if weighed else None,
        )
        for arm in asked.validation
    ]
    found = await asyncio.gather(*(observer.validations.of(key, inquiry) for inquiry in inquiries))
    return {arm: probed for arm, probed in zip(asked.validation, found, strict=True) if probed is not None}


async def _compared(rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer) -> Seen:
    """What the trial's comparer has counted. Nothing where there is none to be asked."""
    key = (rollout.namespace, rollout.name)
    if asked.shadow is None or asked.control is None:
        observer.comparisons.forget(key)
        return Seen()
    absent = absence(snapshot, rollout.name, observer.clock())
    if absent is not None:
        return Seen(trouble=absent)
    seen = await observer.comparisons.of(key, Asked((*key, asked.shadow), asked.control, asked.arms))
    return replace(seen, mirrors=True)


def _server(pods: Sequence[Object], version: str) -> Server:
    told = (brought(pod) for pod in ready_pods(pods, version))
    return Server(version, addresses(pods, version), next((found for found in told if found), None))


async def _smoke(rollout: ModelRollout, asked: Questions, observer: Observer) -> Mapping[str, Probed]:
    """The answers through the mesh of every arm that is to be asked so, by version; nothing of those that have not."""
    key, spec = (rollout.namespace, rollout.name), asked.spec
    observer.smokes.keep_only(key, asked.smoke)
    check = spec.strategy.chosen.smoke(spec.strategy.settings) if spec is not None and asked.smoke else None
    if spec is None or check is None:
        return {}
    try:
        inquiries = [_through_mesh(rollout, spec, check, version, observer.settings) for version in asked.smoke]
    except NotSent as error:
        return _not_sent(asked, str(error))
    found = await asyncio.gather(*(observer.smokes.of(key, inquiry) for inquiry in inquiries))
    return {version: probed for version, probed in zip(asked.smoke, found, strict=True) if probed is not None}


def _through_mesh(rollout: ModelRollout, spec: Spec, check: SmokeCheck, version: str, settings: Settings) -> Inquiry:
    """Another attempt is another question. Raises NotSent."""
    arm = rollout.status.arm(version)
    return Inquiry(
        namespace=rollout.namespace,
        model=spec.model.name,
        settings=f"{check.requests.model_dump_json()} {arm.smoke.attempts if arm is not None else 0}",
        arm=Server(version),
        control=None,
        samples=check.requests.samples,
        mesh=smoke_way(rollout, spec, settings, check.header, version),
    )


def _not_sent(asked: Questions, words: str) -> Mapping[str, Probed]:
    """No arm is at fault when its requests could not even be sent."""
    return {version: Probed(unsent=words) for version in asked.smoke}


async def _workloads(
    rollout: ModelRollout, snapshot: Snapshot, asked: Questions, observer: Observer
) -> dict[str, Workload]:
    """What runs, corrected by what the API server refused and by what the model servers say of themselves."""
    key = (rollout.namespace, rollout.name)
    pods = list(snapshot.of(PODS).values())
    found = workloads(snapshot.of(DEPLOYMENTS).values(), pods, snapshot.of(SERVICES).values())
    for (whose, version), refused in observer.refused.items():
        if whose == key:
            found[version] = corrected(found.get(version, Workload(version, 1, 0)), refused)
    for version, digest in _recorded(rollout):
        if version in found and found[version].digest not in (None, digest):
            words = (
                f"its pods fetched {found[version].digest}, but it is recorded with {digest}; a version never changes"
            )
            found[version] = replace(found[version], failure=words)
    silent = [found[version] for version in (asked.control, *asked.arms) if version in found]
    found |= await _guarded("Events", observer.troubles.told(silent, pods), lambda words: {})
    if asked.spec is None:
        return found
    asking = [_confirmed(key, found[arm], pods, asked.spec, observer) for arm in asked.arms if arm in found]
    return found | {known.version: known for known in await asyncio.gather(*asking)}


def _recorded(rollout: ModelRollout) -> Iterator[tuple[str, str]]:
    """The digest of each version that has one: the spec's, or that of the first fetch."""
    for deployed in (rollout.status.stable, *rollout.status.arms):
        if deployed is not None and deployed.digest is not None:
            yield deployed.version, deployed.digest


async def _confirmed(key: Key, known: Workload, pods: Sequence[Object], spec: Spec, observer: Observer) -> Workload:
    """What runs of an arm by its servers' own word; as it is known, when they cannot be asked."""
    asking = _confirm(key, known, pods, spec, observer)
    return await _guarded("model servers", asking, lambda words: known)


async def _confirm(key: Key, known: Workload, pods: Sequence[Object], spec: Spec, observer: Observer) -> Workload:
    """Only pods whose server says that the model is available count; one that cannot be asked is believed.

    Asked once for each pod: afterwards its readiness probe speaks for it.
    """
    if not known.is_ready:
        return known
    confirmed = observer.confirmed.setdefault(key, set())
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
    """What was seen; or, whatever went wrong, what stands for it: no fault in one place may end the pass."""
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
