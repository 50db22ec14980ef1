"""Who says how many pods there are, on a real API server: its server-side apply, its scale subresource."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, SERVICES, Cluster
from modelrollout.manifests.meta import OWNER_LABEL
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Object, Stage, play
from tests.runtime.test_dry_run import accepted

pytestmark = pytest.mark.apiserver

SERVES = "fraud-1-0-1"
AUTOSCALING = {"autoscaling": {"min": 2, "max": 9}}


async def scale(stage: Stage, pods: int, name: str = SERVES) -> None:
    """As ``kubectl scale`` and every autoscaler do it."""
    body = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": name, "namespace": stage.namespace},
        "spec": {"replicas": pods},
    }
    await stage.cluster._send("PUT", DEPLOYMENTS.path(stage.namespace, name, "scale"), body=body)
    stage.heard()


async def pods(stage: Stage, name: str = SERVES) -> int:
    """How many a Deployment is to have."""
    live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, name)
    assert live is not None
    found: int = live["spec"]["replicas"]
    return found


async def autoscalers(cluster: Cluster, namespace: str) -> dict[str, Object]:
    """The bounds of each."""
    found = await cluster.list(HORIZONTAL_POD_AUTOSCALERS, namespace, {OWNER_LABEL: "fraud"})
    return {item["metadata"]["name"]: item["spec"] for item in found}


async def serves(stage: Stage, ready: int = 1, **serving: Any) -> None:
    """A first version, with so many pods ready."""
    await stage.submit(serving=serving)
    await stage.passes()
    await stage.pods_ready("1.0.1", ready)
    await stage.passes()
    await stage.later(5)
    assert (await stage.status())["phase"] == "Healthy"


async def scaled_by_others(stage: Stage) -> None:
    await serves(stage)
    await scale(stage, 5)
    await stage.passes(2)
    assert await pods(stage) == 5
    stage.writes.clear()
    await stage.passes(2)
    assert stage.writes == []


async def left_to_others(stage: Stage) -> None:
    """Server-side apply takes away what is applied no longer, and a Deployment without a number has one pod."""
    await serves(stage, 3, replicas=3)
    await stage.submit(serving={})
    await stage.passes(2)
    assert await pods(stage) == 3
    await scale(stage, 6)
    await stage.submit(serving={"drain": "5s"}, deletionPolicy="Orphan")  # writes the Deployment anew
    await stage.passes(2)
    assert await pods(stage) == 6


async def held_by_a_number(stage: Stage) -> None:
    await serves(stage, 3, replicas=3)
    await scale(stage, 5)
    await stage.passes(2)
    assert await pods(stage) == 3


async def one_for_each_version(stage: Stage) -> None:
    await serves(stage, 2, **AUTOSCALING)
    assert await autoscalers(stage.cluster, stage.namespace) == {
        SERVES: await expected(stage, SERVES, least=2),
    }
    await scale(stage, 6)
    await stage.pods_ready("1.0.1", 6)
    await stage.submit("1.1.2", serving=AUTOSCALING)
    await stage.passes(2)
    assert await pods(stage) == 6
    assert await pods(stage, "fraud-1-1-2") == 6, "a new version begins as large as the one that serves"
    bounds = {name: item["minReplicas"] for name, item in (await autoscalers(stage.cluster, stage.namespace)).items()}
    assert bounds == {SERVES: 6, "fraud-1-1-2": 6}


async def expected(stage: Stage, name: str, least: int) -> Object:
    """What an autoscaler is, with the API server's own metric."""
    target = {"type": "Utilization", "averageUtilization": 80}
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": least,
        "maxReplicas": 9,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }


async def not_wanted_any_more(stage: Stage) -> None:
    await serves(stage, 2, **AUTOSCALING)
    await stage.submit(serving={"replicas": 4})
    await stage.passes(2)
    assert await autoscalers(stage.cluster, stage.namespace) == {}
    assert await pods(stage) == 4


async def gone_with_its_version(stage: Stage) -> None:
    await serves(stage, 2, **AUTOSCALING)
    await stage.submit("1.1.2", serving=AUTOSCALING)
    await stage.passes(2)
    await stage.submit("1.0.1", serving=AUTOSCALING)
    await stage.passes(2)
    await stage.later(60)
    assert set(await autoscalers(stage.cluster, stage.namespace)) == {SERVES}


async def refused(stage: Stage) -> None:
    await stage.submit(serving={"autoscaling": {"max": 9, "metrics": [{"type": "Weather"}]}})
    await stage.passes(2)
    outcome, reason, message = accepted(await stage.status())
    assert (outcome, reason) == ("False", "ObjectRefused")
    assert "spec.serving.autoscaling" in message
    assert "Weather" in message
    assert await autoscalers(stage.cluster, stage.namespace) == {}


async def somebody_elses_service(stage: Stage) -> None:
    """What stands in the way of a version is told, also where others may scale it."""
    await serves(stage)
    described = {"name": f"{SERVES}-matched", "namespace": stage.namespace}
    ports = [{"port": 8501, "name": "web"}]
    theirs: Object = {"apiVersion": "v1", "kind": "Service", "metadata": described, "spec": {"ports": ports}}
    await stage.cluster.apply(SERVICES, theirs, "somebody")
    match = [{"headers": {"x-group": {"exact": "beta"}}}]
    await stage.submit("1.1.2", traffic={"hosts": [f"fraud.{stage.namespace}"], "match": match})
    await stage.passes(3)
    assert "the API server refuses its objects" in (await stage.status())["stable"]["message"]


STORIES = {
    "what others scale stays, and costs no write": scaled_by_others,
    "a number that is written no longer stays as it was": left_to_others,
    "a number that is written holds": held_by_a_number,
    "an autoscaler for each version": one_for_each_version,
    "an autoscaler that nobody wants any more": not_wanted_any_more,
    "an autoscaler goes with its version": gone_with_its_version,
    "an autoscaler that Kubernetes does not take": refused,
    "a Service of somebody else's": somebody_elses_service,
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_who_says_how_many(kubernetes: Kubernetes, story: Any) -> None:
    play(kubernetes, story)
