"""Edits of ``spec.serving`` on a real API server: no Deployment's pod template changes for one, whatever goes on."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, EVENTS
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Object, Stage, play

pytestmark = pytest.mark.apiserver

OLD, NEW = "fraud-1-0-1", "fraud-1-1-2"
EDITS: dict[str, Object] = {
    "image": {"image": "registry.example.com/serving:9"},
    "imagePullPolicy": {"imagePullPolicy": "Always"},
    "resources": {"resources": {"limits": {"memory": "2Gi"}}},
    "args": {"args": ["--enable_batching=true"]},
    "template": {"template": {"spec": {"priorityClassName": "high"}}},
}


async def pods_of(stage: Stage, name: str) -> Object:
    """The pod template of a Deployment."""
    live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, name)
    assert live is not None
    found: Object = live["spec"]["template"]
    return found


async def edit(stage: Stage, version: str, **serving: Any) -> None:
    await stage.submit(version, serving=serving)
    await stage.passes(3)


@pytest.mark.parametrize("serving", EDITS.values(), ids=EDITS)
def test_an_edit_holds_for_the_next_version(kubernetes: Kubernetes, serving: Object) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        before = await pods_of(stage, OLD)
        await edit(stage, "1.0.1", **serving)
        assert await pods_of(stage, OLD) == before, "while it serves"
        told = [item["reason"] for item in await stage.cluster.list(EVENTS, stage.namespace)]
        assert told.count("HoldsForNextVersion") == 1
        await edit(stage, "1.1.2", **serving)
        assert await pods_of(stage, NEW) != before
        await stage.pods_ready("1.1.2")
        await stage.passes(3)
        new = await pods_of(stage, NEW)
        await edit(stage, "1.1.2", replicas=1)
        assert (await pods_of(stage, OLD), await pods_of(stage, NEW)) == (before, new), "while one is under trial"

    play(kubernetes, story)


def test_how_many_pods_there_are_holds_at_once(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        before = await pods_of(stage, OLD)
        await edit(stage, "1.0.1", replicas=4, image="registry.example.com/serving:9")
        live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, OLD)
        assert live is not None
        assert (live["spec"]["replicas"], live["spec"]["template"]) == (4, before)

    play(kubernetes, story)


def test_a_deployment_that_somebody_deletes_is_made_anew_as_it_was(kubernetes: Kubernetes) -> None:
    """Not as the spec would have the next version, which nobody has judged."""

    async def story(stage: Stage) -> None:
        await stage.installed(serving={"args": ["--old"]})
        before = await pods_of(stage, OLD)
        await edit(stage, "1.0.1", args=["--new"], image="registry.example.com/serving:9")
        live = await stage.cluster.get(DEPLOYMENTS, stage.namespace, OLD)
        assert live is not None
        await stage.cluster.delete(DEPLOYMENTS, stage.namespace, OLD, live["metadata"]["uid"])
        stage.heard()
        await stage.passes(2)
        assert await pods_of(stage, OLD) == before

    play(kubernetes, story)
