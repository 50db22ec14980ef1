"""A host in the mesh that no Service answers to: said when the spec is accepted, and nothing is refused for it."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import EVENTS, SERVICES, VIRTUAL_SERVICES
from modelrollout.runtime.references import RECHECK
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, play

pytestmark = pytest.mark.apiserver


async def told(stage: Stage) -> list[str]:
    """The Events about it."""
    found = await stage.cluster.list(EVENTS, stage.namespace)
    return [item["message"] for item in found if item["reason"] == "HostWithoutService"]


CASES: dict[str, tuple[dict[str, Any], bool, bool]] = {
    "no Service of that name": ({"hosts": ["fraud"]}, False, True),
    "there is one": ({"hosts": ["fraud"]}, True, False),
    "callers come through a gateway": ({"hosts": ["fraud.example.com"], "gateways": ["public"]}, False, False),
}


@pytest.mark.parametrize(("traffic", "there", "expected"), CASES.values(), ids=CASES)
def test_it_is_told_where_nobody_can_resolve_it(
    kubernetes: Kubernetes, traffic: dict[str, Any], there: bool, expected: bool
) -> None:
    async def story(stage: Stage) -> None:
        if there:
            await stage.service()
        await stage.installed(traffic=traffic)
        found = await told(stage)
        assert bool(found) is expected
        if expected:
            assert (
                f"kubectl create service clusterip fraud --tcp=8501:8501 --tcp=8500:8500 -n {stage.namespace}"
                in found[0]
            )
            assert len(found) == 1

    play(kubernetes, story)


def test_one_that_goes_away_later_is_missed(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.service()
        await stage.installed(traffic={"hosts": ["fraud"]})
        live = await stage.cluster.get(SERVICES, stage.namespace, "fraud")
        assert live is not None
        await stage.cluster.delete(SERVICES, stage.namespace, "fraud", live["metadata"]["uid"])
        stage.heard()
        await stage.passes(2)
        assert await told(stage) == [], "of thousands at rest nobody asks all the time"
        stage.clock.skipped += RECHECK
        stage.heard()
        await stage.passes(2)
        assert len(await told(stage)) == 1
        found = {item["type"]: item["status"] for item in (await stage.status())["conditions"]}
        assert found["ResolvedRefs"] == "False"

    play(kubernetes, story)


def test_a_host_of_the_world_in_the_mesh_takes_the_owners_word(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.submit(traffic={"hosts": ["storage.example.com"]})
        await stage.passes(2)
        said = (await stage.status())["message"]
        assert f"storage.example.com is no Service of namespace {stage.namespace}" in said
        assert await stage.cluster.get(VIRTUAL_SERVICES, stage.namespace, "fraud") is None

    play(kubernetes, story)
