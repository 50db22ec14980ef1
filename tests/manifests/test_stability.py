"""Applied to a real API server, an object is as desired, and applying it again changes nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    SERVICES,
    VIRTUAL_SERVICES,
    Cluster,
    Resource,
)
from modelrollout.manifests.drift import differs
from modelrollout.manifests.meta import OWNER_LABEL, marked
from tests.kubernetes import Kubernetes
from tests.manifests.render import CASES, load

pytestmark = pytest.mark.apiserver

RESOURCES: dict[str, Resource] = {
    "Deployment": DEPLOYMENTS,
    "HorizontalPodAutoscaler": HORIZONTAL_POD_AUTOSCALERS,
    "Service": SERVICES,
    "VirtualService": VIRTUAL_SERVICES,
}


def desired_objects(case: str, namespace: str) -> list[dict[str, Any]]:
    objects = copy.deepcopy(load(CASES / case / "out.yaml"))
    for item in objects:
        item["metadata"]["namespace"] = namespace
    return [marked(item) for item in objects]


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_what_was_applied_is_not_applied_again(kubernetes: Kubernetes, case: str) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        for desired in desired_objects(case, namespace):
            resource = RESOURCES[desired["kind"]]
            first = await cluster.apply(resource, desired, "test")
            found = await cluster.list(resource, namespace, {OWNER_LABEL: "fraud"})
            (listed,) = (item for item in found if item["metadata"]["name"] == desired["metadata"]["name"])
            assert not differs(desired, first)
            assert not differs(desired, listed)
            second = await cluster.apply(resource, desired, "test")
            assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]

    kubernetes.run(body)


def test_a_rule_that_somebody_adds_is_taken_out_again(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        (desired,) = desired_objects("route-with-candidate", namespace)
        live = await cluster.apply(VIRTUAL_SERVICES, desired, "test")
        live["spec"]["http"].insert(0, {"name": "mine", "route": [{"destination": {"host": "elsewhere"}}]})
        edited = await cluster.replace(VIRTUAL_SERVICES, live)
        assert differs(desired, edited)
        restored = await cluster.apply(VIRTUAL_SERVICES, desired, "test")
        assert not differs(desired, restored)
        assert restored["spec"] == desired["spec"]

    kubernetes.run(body)


def test_a_field_that_is_no_longer_wanted_goes(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        (desired,) = desired_objects("route-with-candidate", namespace)
        live = await cluster.apply(VIRTUAL_SERVICES, desired, "test")
        without = copy.deepcopy(desired)
        del without["spec"]["gateways"]
        without = marked(without)
        assert differs(without, live)
        assert "gateways" not in (await cluster.apply(VIRTUAL_SERVICES, without, "test"))["spec"]

    kubernetes.run(body)
