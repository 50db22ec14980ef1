"""The first fetch under Istio's CNI plugin, on a real API server: pods are as its injector makes them."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, PODS
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Object, Stage, play

pytestmark = pytest.mark.apiserver

OLD, NEW = "fraud-1-0-1", "fraud-1-1-2"
HASH = "5d8c9"


async def fetchers_user(stage: Stage, name: str) -> int | None:
    live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, name)
    assert live is not None
    found: int | None = live["spec"]["template"]["spec"]["initContainers"][0]["securityContext"].get("runAsUser")
    return found


async def injected(stage: Stage, name: str) -> None:
    """A pod of a Deployment with an ordinary side car, its traffic redirected by the plugin."""
    live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, name)
    assert live is not None
    template: dict[str, Any] = live["spec"]["template"]
    image = {"image": "istio/proxyv2"}
    spec = {
        **template["spec"],
        "initContainers": [{"name": "istio-validation", **image}, *template["spec"]["initContainers"]],
        "containers": [*template["spec"]["containers"], {"name": "istio-proxy", **image}],
    }
    described: Object = {
        "name": f"{name}-{HASH}-x",
        "namespace": stage.namespace,
        "labels": template["metadata"]["labels"] | {"pod-template-hash": HASH},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-{HASH}", "uid": "r", "controller": True}
        ],
    }
    await stage.cluster.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": described, "spec": spec})
    stage.heard()


def test_the_fetcher_is_made_anew_once_its_pod_shows_that_it_has_no_network(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit()
        await stage.passes()
        assert await fetchers_user(stage, OLD) is None
        await injected(stage, OLD)
        await stage.passes()
        assert await fetchers_user(stage, OLD) == 1337
        stage.writes.clear()
        await stage.passes(2)
        assert "deployments" not in stage.writes, "once"
        await stage.pods_ready("1.0.1")
        await stage.passes()
        await stage.later(5)
        await stage.submit("1.1.2")
        await stage.passes(2)
        assert await fetchers_user(stage, NEW) == 1337, "the next version is made so from the start"

    play(kubernetes, story)
