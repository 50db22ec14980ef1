"""A real API server behind one that answers 429: what is asked, what is written, and above all what is said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from modelrollout.adapters import patience
from modelrollout.adapters.cluster import Cluster
from tests.busy_server import Busy, busy
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, set_up
from tests.runtime.test_order import told

pytestmark = pytest.mark.apiserver

OLD, NEW = "1.0.1", "1.0.2"
WITH_10 = {"fraud-1-0-1": 90, "fraud-1-0-2": 10}
Story = Callable[[Stage, Busy], Awaitable[None]]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait for the API server; nobody waits for them."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(patience, "sleep", sleep)
    return waits


def play(kubernetes: Kubernetes, story: Story) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        async with busy(cluster) as (behind, proxy), set_up(behind, namespace) as stage:
            await story(stage, proxy)

    kubernetes.run(body)


async def with_10(stage: Stage) -> None:
    """The new version has a tenth of the requests."""
    await stage.installed()
    await stage.submit(NEW, strategy={"canary": {"steps": [{"setWeight": 10, "for": "1s"}, {"setWeight": 50}]}})
    await stage.passes(2)
    await stage.pods_ready(NEW)
    await stage.later(5)
    await stage.later(5)
    await stage.command("skip")
    await stage.later(5)
    assert await stage.weights() == WITH_10


def nothing(method: str, path: str) -> bool:
    return False


def everything(method: str, path: str) -> bool:
    return True


def events(method: str, path: str) -> bool:
    return method == "POST" and path.endswith("/events")


def routes(method: str, path: str) -> bool:
    return method == "PATCH" and "virtualservices" in path


def test_nobody_is_told_that_it_has_left_while_the_route_has_it(kubernetes: Kubernetes, slept: list[float]) -> None:
    async def story(stage: Stage, proxy: Busy) -> None:
        await with_10(stage)
        before = (await stage.status())["message"]
        proxy.refuses = routes
        await stage.command("abort-quarantine")
        said = []
        for _ in range(4):
            await stage.reconciler.one_pass(stage.key)
            said.append((await stage.status())["message"])
            assert await stage.weights() == WITH_10
        assert said[0] == before, "what nobody could make so is not stored"
        assert not [words for words in said[1:] if "they go another way: the VirtualService is refused" not in words]
        assert slept == [1.0, 2.0, 3.0] * 4, "it waits as long as it is told, and longer each time"
        proxy.refuses = nothing
        await stage.later(1)
        assert await stage.weights() == {"fraud-1-0-1": 100}
        assert "they go another way" not in (await stage.status())["message"]

    play(kubernetes, story)


@pytest.mark.parametrize("breaks", [False, True], ids=["429", "the connection breaks"])
def test_what_could_not_be_told_is_told_later(kubernetes: Kubernetes, slept: list[float], breaks: bool) -> None:
    async def story(stage: Stage, proxy: Busy) -> None:
        await stage.submit(OLD)
        proxy.refuses, proxy.breaks = events, breaks
        tried = await stage.reconciler.reconcile(stage.key)
        assert tried is not None
        assert tried.requeue_after <= 5.0, "it is soon tried again"
        assert await told(stage) == []
        proxy.refuses = nothing
        await stage.passes(2)
        found = {item["reason"]: item["count"] for item in await told(stage)}
        assert found["ReleaseStarted"] == 1
        assert stage.reconciler.applier.untold == {}

    play(kubernetes, story)


def test_a_minute_of_it_is_few_requests(kubernetes: Kubernetes, slept: list[float]) -> None:
    async def story(stage: Stage, proxy: Busy) -> None:
        await with_10(stage)
        proxy.refuses = everything
        stage.heard()
        while sum(slept) < 60:
            await stage.reconciler.one_pass(stage.key)
        assert len(proxy.refused) <= 60, "less than one a second, six kinds of objects together"
        proxy.refuses = nothing
        await stage.passes()
        assert await stage.weights() == WITH_10

    play(kubernetes, story)
