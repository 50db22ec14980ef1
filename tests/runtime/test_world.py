"""What is kept of a rollout, what takes its place, and when anything is read at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    SERVICES,
    Cluster,
    Resource,
)
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.runtime.world import MANY, SINGLE, World
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


Story = Callable[[World, Counting, tuple[str, str]], Awaitable[None]]


def play(kubernetes: Kubernetes, story: Story) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        counting = Counting(cluster)
        await story(World(counting), counting, (namespace, "fraud"))

    kubernetes.run(body)


def service(namespace: str, port: int = 1, version: int | None = None) -> dict[str, Any]:
    described: dict[str, Any] = {"name": "s", "namespace": namespace, "labels": {OWNER_LABEL: "fraud"}}
    described |= {"resourceVersion": str(version)} if version is not None else {}
    return {"apiVersion": "v1", "kind": "Service", "metadata": described, "spec": {"ports": [{"port": port}]}}


ALL = [item.plural for item in (*SINGLE, *MANY)]


def test_before_the_watches_have_listed_all_everything_is_read_once(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str]) -> None:
        await cluster.create(SERVICES, service(key[0]))
        first = await world.look(key)
        assert sorted(cluster.read) == sorted(ALL)
        cluster.read.clear()
        assert await world.look(key) == first
        assert cluster.read == []

    play(kubernetes, story)


def test_once_they_have_nothing_is_read(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str]) -> None:
        made = await cluster.create(SERVICES, service(key[0]))
        assert world.saw(key, SERVICES, made)
        world.all_listed()
        assert list((await world.look(key)).of(SERVICES)) == ["s"]
        assert (await world.look((key[0], "never heard of"))).objects == {}
        assert cluster.read == []

    play(kubernetes, story)


def test_what_we_wrote_ourselves_is_no_news(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str]) -> None:
        snapshot = await world.look(key)
        written = await cluster.apply(SERVICES, service(key[0]), "test")
        snapshot.put(SERVICES, world.learn(key, SERVICES, written))
        cluster.read.clear()
        assert not world.saw(key, SERVICES, written)
        assert await world.look(key) == snapshot, "the pass that wrote it has it, and so has the next one"
        assert cluster.read == []
        assert snapshot.of(SERVICES)["s"]["metadata"]["managedFields"] == [{"manager": "test"}], (
            "the names alone are kept"
        )

    play(kubernetes, story)


def test_after_a_failed_pass_everything_is_read_again(kubernetes: Kubernetes) -> None:
    async def story(world: World, cluster: Counting, key: tuple[str, str]) -> None:
        world.all_listed()
        made = await cluster.create(SERVICES, service(key[0]))
        world.forget(key)
        snapshot = await world.look(key)
        assert sorted(cluster.read) == sorted(ALL)
        assert snapshot.of(SERVICES)["s"]["metadata"]["uid"] == made["metadata"]["uid"]
        await cluster.delete(SERVICES, key[0], "s", made["metadata"]["uid"])
        world.forget(key)
        assert (await world.look(key)).of(SERVICES) == {}, "what is not there any more is not kept"

    play(kubernetes, story)


KNOWN = 7
TOLD: dict[str, tuple[Callable[[World, tuple[str, str]], bool], bool, int | None]] = {
    "a newer state is news": (lambda world, key: world.saw(key, SERVICES, service("n", 2, 8)), True, 2),
    "the same one is not": (lambda world, key: world.saw(key, SERVICES, service("n", 2, 7)), False, 1),
    "an older one changes nothing": (lambda world, key: world.saw(key, SERVICES, service("n", 2, 6)), False, 1),
    "numbers, not texts, are compared": (lambda world, key: world.saw(key, SERVICES, service("n", 2, 10)), True, 2),
    "that it is gone is news": (lambda world, key: world.lost(key, SERVICES, "s", "8"), True, None),
    "that an older one was gone is not": (lambda world, key: world.lost(key, SERVICES, "s", "6"), False, 1),
    "another is gone that nobody knew": (lambda world, key: world.lost(key, SERVICES, "t", "8"), False, 1),
}


@pytest.mark.parametrize("told", TOLD)
def test_an_older_state_never_takes_the_place_of_a_newer_one(kubernetes: Kubernetes, told: str) -> None:
    tell, news, port = TOLD[told]

    async def story(world: World, cluster: Counting, key: tuple[str, str]) -> None:
        world.all_listed()
        assert world.saw(key, SERVICES, service("n", 1, KNOWN))
        before = world.changes(key)
        assert tell(world, key) is news
        assert (world.changes(key) != before) is news
        found = (await world.look(key)).of(SERVICES)
        assert [item["spec"]["ports"][0]["port"] for item in found.values()] == ([] if port is None else [port])

    play(kubernetes, story)


def test_an_answer_that_comes_late_brings_nothing_back(kubernetes: Kubernetes) -> None:
    """The watch may tell that an object is gone before our own write of it is answered."""

    async def story(world: World, cluster: Counting, key: tuple[str, str]) -> None:
        world.all_listed()
        world.saw(key, DEPLOYMENTS, service("n", 1, 5))  # something that stays
        await world.look(key)
        world.saw(key, SERVICES, service("n", 1, 8))
        world.lost(key, SERVICES, "s", "9")
        world.learn(key, SERVICES, service("n", 2, 8))
        assert (await world.look(key)).of(SERVICES) == {}

    play(kubernetes, story)
