"""What runs of each version: by Deployments and pods, by the API server's refusals, by the model servers' own word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from modelrollout.adapters import tensorflow_serving
from modelrollout.adapters.cluster import DEPLOYMENTS, PODS, SERVICES, Object
from modelrollout.api.version import ModelVersion
from modelrollout.core.observation import Workload
from modelrollout.core.plan import Questions
from modelrollout.manifests.serving import GRPC_PORT
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.observer import Observer, guarded
from modelrollout.runtime.workloads import corrected, ready_pods, workloads
from modelrollout.runtime.world import Key, Snapshot


async def what_runs(
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
    found |= await guarded("Events", partial(observer.troubles.told, silent, pods), lambda words: {})
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
    asking = partial(_confirm, key, known, pods, spec, observer)
    return await guarded("model servers", asking, lambda words: known)


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
