"""The mesh's filters as a watch tells of them: a rollout that goes by one is told when it is taken away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modelrollout.adapters.cluster import ENVOY_FILTERS, Cluster
from modelrollout.runtime.mesh_filters import MeshFilters
from modelrollout.runtime.watches import Watches
from tests.kubernetes import Kubernetes
from tests.manifests.test_stickiness import rollout_with
from tests.runtime.stage import set_up
from tests.runtime.test_mesh_filter import BY_HASH, OTHERS, installed
from tests.runtime.test_watches import some_watches


def a_filter(name: str, header: str) -> dict[str, Any]:
    """As the chart makes it."""
    route = {"hash_policy": [{"header": {"header_name": header}}], "weighted_clusters": {"use_hash_policy": True}}
    match = {"routeConfiguration": {"vhost": {"route": {"name": f"mesh-hash.{header}"}}}}
    return {
        "metadata": {"namespace": "istio-system", "name": name},
        "spec": {"configPatches": [{"match": match, "patch": {"value": {"route": route}}}]},
    }


def test_whoever_goes_by_a_filter_that_is_gone_is_told_with_the_way_out() -> None:
    _, spec = rollout_with(affinity=BY_HASH)
    changes: list[None] = []
    filters = MeshFilters("istio-system", lambda: changes.append(None))
    assert "it cannot be seen whether" in (filters.scattered(spec) or "")
    filters.seen(ENVOY_FILTERS, a_filter("a", "x-customer"))
    filters.all_listed()
    assert filters.scattered(spec) is None
    filters.seen(ENVOY_FILTERS, a_filter("b", "x-customer"))
    filters.gone(ENVOY_FILTERS, ("istio-system", "a"), "2")
    assert filters.scattered(spec) is None, "another one does the same"
    assert len(changes) == 2, "and that is no news"
    filters.seen(ENVOY_FILTERS, a_filter("b", "x-other"))
    words = filters.scattered(spec) or ""
    assert words.startswith("users do not stay with their version: no EnvoyFilter in istio-system makes the proxies")
    assert "set the chart's value meshHash.headers to [x-customer]" in words
    assert len(changes) == 3


@pytest.mark.parametrize("affinity", OTHERS.values(), ids=OTHERS)
def test_nobody_else_needs_one(affinity: Any) -> None:
    _, spec = rollout_with(**({"affinity": affinity} if affinity is not None else {}))
    assert MeshFilters("istio-system").scattered(spec) is None
    assert MeshFilters().scattered(None) is None


@pytest.mark.apiserver
def test_a_filter_that_is_deleted_wakes_the_rollouts(kubernetes: Kubernetes) -> None:
    namespace = installed(kubernetes)
    _, spec = rollout_with(affinity=BY_HASH)

    async def body(cluster: Cluster) -> None:
        async with set_up(cluster, kubernetes.namespace()) as stage:
            watches = some_watches(cluster, stage.namespace)
            watches.session, watches.filters = cluster._session, MeshFilters(namespace)
            watches.heard(await stage.submit(), False)
            await woken(watches)
            (reflector,) = watches.of_filters()
            watching = asyncio.create_task(watches._watched(reflector, watches.filters.all_listed))
            try:
                await woken(watches)
                assert watches.filters.scattered(spec) is None
                before = watches.world.changes(stage.key)
                for item in await cluster.list(ENVOY_FILTERS, namespace):
                    await cluster.delete(ENVOY_FILTERS, namespace, item["metadata"]["name"], item["metadata"]["uid"])
                while watches.filters.scattered(spec) is None:
                    await woken(watches)
                assert watches.world.changes(stage.key) > before, "a whole pass looks at it"
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    kubernetes.run(body)


async def woken(watches: Watches) -> None:
    """A rollout is to be looked at."""
    async with asyncio.timeout(60):
        key = await watches.queue.take()
    watches.queue.gone(key)
