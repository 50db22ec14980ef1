"""What is read, and when it is read again: events that are news, our own writes, and watches that fall silent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    MODEL_ROLLOUTS,
    PODS,
    SERVICES,
    VIRTUAL_SERVICES,
    Cluster,
    Resource,
)
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.runtime.world import LONGEST_KEPT, World
from tests.kubernetes import Kubernetes

pytestmark = pytest.mark.apiserver


class Counting(Cluster):
    """Counts what is read."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster._session, cluster._server)
        self.read: list[str] = []

    async def get(self, resource: Resource, namespace: str | None, name: str) -> dict[str, Any] | None:
        self.read.append(resource.plural)
        return await super().get(resource, namespace, name)

    async def list(self, resource: Resource, *arguments: Any) -> Any:
        self.read.append(resource.plural)
        return await super().list(resource, *arguments)


Story = Callable[[World, Counting, tuple[str, str], list[float]], Awaitable[None]]


def play(kubernetes: Kubernetes, story: Story) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        counting, now = Counting(cluster), [1000.0]
        await story(World(counting, lambda: now[0]), counting, (namespace, "fraud"), now)

    kubernetes.run(body)


def service(namespace: str, port: int = 1) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": namespace, "labels": {OWNER_LABEL: "fraud"}},
        "spec": {"ports": [{"port": port}]},
    }


ALL = [item.plural for item in (MODEL_ROLLOUTS, DEPLOYMENTS, SERVICES, VIRTUAL_SERVICES, PODS)]


def test_a_second_look_reads_nothing(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str], now: list[float]) -> None:
        first = await world.look(key)
        assert sorted(cluster.read) == sorted(ALL)
        cluster.read.clear()
        assert await world.look(key) is first
        assert cluster.read == []

    play(kubernetes, story)


def test_an_event_has_only_its_kind_read_again(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str], now: list[float]) -> None:
        await world.look(key)
        made = await cluster.create(SERVICES, service(key[0]))
        cluster.read.clear()
        assert world.is_news(key, SERVICES, "s", made["metadata"]["resourceVersion"])
        snapshot = await world.look(key)
        assert cluster.read == ["services"]
        assert list(snapshot.of(SERVICES)) == ["s"]
        assert not world.is_news(key, SERVICES, "s", made["metadata"]["resourceVersion"]), "it is known by now"

    play(kubernetes, story)


def test_what_we_wrote_ourselves_is_no_news(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str], now: list[float]) -> None:
        snapshot = await world.look(key)
        written = await cluster.apply(SERVICES, service(key[0]), "test")
        world.learn(key, SERVICES, written)
        cluster.read.clear()
        assert not world.is_news(key, SERVICES, "s", written["metadata"]["resourceVersion"])
        assert await world.look(key) is snapshot
        assert cluster.read == []
        assert snapshot.of(SERVICES)["s"]["metadata"]["managedFields"] == [{"manager": "test"}], (
            "the names alone are kept"
        )

    play(kubernetes, story)


def test_an_object_that_is_gone_is_always_news(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str], now: list[float]) -> None:
        await world.look(key)
        assert world.is_news(key, SERVICES, "s", None) is False, "it was not there before"
        world.learn(key, SERVICES, await cluster.apply(SERVICES, service(key[0]), "test"))
        assert world.is_news(key, SERVICES, "s", None)

    play(kubernetes, story)


def test_of_a_rollout_that_is_not_busy_everything_is_news(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str], now: list[float]) -> None:
        assert world.is_news(key, SERVICES, "s", "1")
        await world.look(key)
        world.forget(key)
        assert world.is_news(key, SERVICES, "s", "1")

    play(kubernetes, story)


def test_nothing_is_kept_for_long_whatever_the_watches_say(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str], now: list[float]) -> None:
        await world.look(key)
        await cluster.create(SERVICES, service(key[0]))
        now[0] += LONGEST_KEPT + 1
        assert list((await world.look(key)).of(SERVICES)) == ["s"]

    play(kubernetes, story)
