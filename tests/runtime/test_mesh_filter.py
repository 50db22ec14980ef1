"""Users that stay by a hash need a filter of the mesh: a spec is refused until the one of the chart is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelrollout.adapters.cluster import ENVOY_FILTERS, Cluster
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.runtime.mesh_filter import missing_filter
from tests.chart.chart import VALUES, render
from tests.kubernetes import Kubernetes
from tests.manifests.test_stickiness import rollout_with

pytestmark = pytest.mark.apiserver

Edit = Callable[[dict[str, Any]], Any]
BY_HASH = {"header": {"name": "X-Customer", "method": "MeshHash"}}
OTHERS: dict[str, Any] = {
    "no affinity": None,
    "a cookie": {"cookie": {}},
    "the end of an id": {"header": {"name": "X-Customer", "method": "HexSuffix"}},
}


def asked(kubernetes: Kubernetes, namespace: str | None, affinity: Any = BY_HASH) -> Refusal | None:
    """Why a rollout with this affinity is refused."""
    _, spec = rollout_with(**({"affinity": affinity} if affinity is not None else {}))

    async def body(cluster: Cluster) -> Refusal | None:
        return await missing_filter(cluster, namespace, spec)

    return kubernetes.run(body)


def installed(kubernetes: Kubernetes, edit: Edit = lambda item: None) -> str:
    """A namespace with the chart's filters."""
    namespace = kubernetes.namespace()
    values = {"meshHash": {"headers": ["x-other", "X-Customer"], "namespace": namespace}}
    filters = [item for item in render(kubernetes.server, values) if item["kind"] == "EnvoyFilter"]

    async def body(cluster: Cluster) -> None:
        for item in filters:
            edit(item["spec"]["configPatches"][0])
            await cluster.apply(ENVOY_FILTERS, item, "test")

    kubernetes.run(body)
    return namespace


def test_with_the_filter_of_the_chart(kubernetes: Kubernetes) -> None:
    assert asked(kubernetes, installed(kubernetes)) is None


@pytest.mark.parametrize("affinity", OTHERS.values(), ids=OTHERS)
def test_nobody_else_needs_one(kubernetes: Kubernetes, affinity: Any) -> None:
    assert asked(kubernetes, None, affinity) is None


def test_an_installation_without_filters_says_how_to_have_one(kubernetes: Kubernetes) -> None:
    assert asked(kubernetes, None) == Refusal(
        Reason.MESH_FILTER_MISSING,
        "spec.traffic.affinity.header.method: MeshHash: it needs a filter of the mesh, and this installation has none; "
        "set the chart's value meshHash.headers to [x-customer], or use HexSuffix, a cookie or an echo",
    )


EDITS: dict[str, Edit] = {
    "for another rule": lambda part: part["match"]["routeConfiguration"]["vhost"]["route"].update(name="mesh-hash.x"),
    "by another header": lambda part: part["patch"]["value"]["route"].update(
        hash_policy=[{"header": {"header_name": "x-other"}}]
    ),
    "without the choice by it": lambda part: part["patch"]["value"]["route"].pop("weighted_clusters"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_filter_that_does_something_else_is_none(kubernetes: Kubernetes, edit: Edit) -> None:
    namespace = installed(kubernetes, edit)
    refusal = asked(kubernetes, namespace)
    assert refusal is not None
    assert f"no EnvoyFilter in {namespace} makes the proxies choose by x-customer" in refusal.message


def test_a_header_has_one_filter_however_it_is_written(kubernetes: Kubernetes) -> None:
    found = render(kubernetes.server, VALUES["mesh hash"])
    names = [item["metadata"]["name"] for item in found if item["kind"] == "EnvoyFilter"]
    assert names == ["modelrollout-mesh-hash-x-customer", "modelrollout-mesh-hash-1234"]
    assert not [item for item in render(kubernetes.server, {}) if item["kind"] == "EnvoyFilter"], (
        "by default there is none"
    )
