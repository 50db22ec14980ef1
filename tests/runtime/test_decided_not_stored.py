"""A decision that has reached the route and not the status: it holds, and is told once it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, ApiError, Cluster, Object, Resource
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, set_up
from tests.runtime.test_order import told
from tests.runtime.test_too_busy import NEW, WITH_10, with_10

pytestmark = pytest.mark.apiserver

ALONE = {"fraud-1-0-1": 100}
Fault = Callable[[Callable[[], Awaitable[Object]]], Awaitable[Object]]


async def refuses(write: Callable[[], Awaitable[Object]]) -> Object:
    raise ApiError(500, "etcdserver: request timed out")


async def answers_too_late(write: Callable[[], Awaitable[Object]]) -> Object:
    """The write comes through, and nobody hears of it."""
    await write()
    raise TimeoutError


async def hangs(write: Callable[[], Awaitable[Object]]) -> Object:
    """Until the time of the pass is over."""
    await asyncio.sleep(3600)
    return await write()


class Forgetful(Cluster):
    """Stores statuses of rollouts, or does with them what a ``fault`` does."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster._session, cluster._server)
        self.fault: Fault | None = None

    async def apply_status(self, resource: Resource, desired: Object) -> Object:
        async def write() -> Object:
            return await super(Forgetful, self).apply_status(resource, desired)

        return await (self.fault(write) if self.fault is not None else write())


def play(kubernetes: Kubernetes, story: Callable[[Stage, Forgetful], Awaitable[None]]) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        forgetful = Forgetful(cluster)
        async with set_up(forgetful, namespace) as stage:
            await with_10(stage)
            await story(stage, forgetful)

    kubernetes.run(body)


async def lose_pods(stage: Stage, ready: int) -> None:
    """The candidate's pods are gone, or back: what is seen of it next is not what was decided by."""
    await stage.pods_ready(NEW, ready)


FAULTS: dict[str, Fault] = {
    "the API server refuses": refuses,
    "its answer comes too late": answers_too_late,
    "it does not answer": hangs,
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_who_has_lost_its_requests_does_not_get_them_back(
    kubernetes: Kubernetes, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was lost; by the next pass its pods are back, and by what that pass sees it might have stayed."""

    async def story(stage: Stage, cluster: Forgetful) -> None:
        object.__setattr__(stage.reconciler, "pass_timeout", 5.0)
        await lose_pods(stage, ready=0)
        cluster.fault = fault
        await stage.reconciler.one_pass(stage.key)
        assert await stage.weights() == ALONE
        cluster.fault = None
        await lose_pods(stage, ready=1)
        await stage.passes(3)
        assert await stage.weights() == ALONE
        status = await stage.status()
        assert [item["version"] for item in status["takenBack"]] == [NEW]
        found = {item["reason"]: item["count"] for item in await told(stage)}
        assert (found["CandidateLost"], found.get("RouteRestored")) == (1, None)

    play(kubernetes, story)


def test_somebody_elses_word_stands_above_it(kubernetes: Kubernetes) -> None:
    """Another process may lead by now: what it has stored is what holds, and it tells of it."""

    async def story(stage: Stage, cluster: Forgetful) -> None:
        await lose_pods(stage, ready=0)
        cluster.fault = refuses
        await stage.reconciler.one_pass(stage.key)
        cluster.fault = None
        await lose_pods(stage, ready=1)
        live = await stage.cluster.get(MODEL_ROLLOUTS, stage.namespace, stage.name)
        assert live is not None
        body: dict[str, Any] = {key: live[key] for key in ("apiVersion", "kind")}
        named = {"name": stage.name, "namespace": stage.namespace}
        await cluster.apply_status(
            MODEL_ROLLOUTS, {**body, "metadata": named, "status": {**live["status"], "message": "by another"}}
        )
        stage.heard()
        await stage.passes(3)
        assert await stage.weights() == WITH_10
        assert "CandidateLost" not in {item["reason"] for item in await told(stage)}

    play(kubernetes, story)
