"""What kopf did not tell of rollouts is found by comparing their versions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, SERVICES, Cluster
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.runtime.entrances import Entrances
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.watches import Watches
from modelrollout.runtime.world import Key, World
from tests.kubernetes import Kubernetes
from tests.runtime.stage import set_up

pytestmark = pytest.mark.apiserver

Play = Callable[[Watches, Cluster, Key, dict[str, Any]], Awaitable[None]]


async def untold(watches: Watches, cluster: Cluster, key: Key, made: dict[str, Any]) -> None:
    """A rollout of which nobody ever told."""


async def told(watches: Watches, cluster: Cluster, key: Key, made: dict[str, Any]) -> None:
    watches.heard(made, False)


async def gone(watches: Watches, cluster: Cluster, key: Key, made: dict[str, Any]) -> None:
    watches.heard(made, False)
    await cluster.delete(MODEL_ROLLOUTS, *key, made["metadata"]["uid"])


async def changed(watches: Watches, cluster: Cluster, key: Key, made: dict[str, Any]) -> None:
    watches.heard(made, False)
    made = {**made, "metadata": {**made["metadata"], "annotations": {"example.com/x": "y"}}}
    await cluster.replace(MODEL_ROLLOUTS, made)


CASES: dict[str, tuple[Play, bool]] = {
    "all is known": (told, False),
    "one was never told of": (untold, True),
    "one is gone": (gone, True),
    "one has changed": (changed, True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_rollout_that_is_not_as_it_is_known_is_looked_at(kubernetes: Kubernetes, case: str) -> None:
    play, looked_at = CASES[case]

    async def body(cluster: Cluster) -> None:
        async with set_up(cluster, kubernetes.namespace()) as stage:
            made = await stage.submit()
            watches = some_watches(cluster, stage.namespace)
            watches.world.all_listed()
            await play(watches, cluster, stage.key, made)
            await taken(watches.queue)
            await watches.compare()
            assert (await taken(watches.queue) == [stage.key]) is looked_at
            there = (await watches.world.look(stage.key)).rollout is not None
            assert there is (play is not gone)

    kubernetes.run(body)


def test_the_children_of_a_rollout_wake_it_and_those_of_nobody_wake_none(kubernetes: Kubernetes) -> None:
    async def body(cluster: Cluster) -> None:
        async with set_up(cluster, kubernetes.namespace()) as stage:
            watches = some_watches(cluster, stage.namespace)
            watches.heard(await stage.submit(), False)
            await taken(watches.queue)
            for owner in ("fraud", "nobody"):
                described: dict[str, Any] = {"name": owner, "namespace": stage.namespace, "resourceVersion": "1"}
                described["labels"] = {OWNER_LABEL: owner}
                watches._seen(SERVICES, {"metadata": described})
            assert await taken(watches.queue) == [stage.key]
            watches._gone(SERVICES, (stage.namespace, "fraud"), "2")
            assert await taken(watches.queue) == [stage.key]

    kubernetes.run(body)


def some_watches(cluster: Cluster, namespace: str) -> Watches:
    unused: Any = None
    queue = WorkQueue[Key](time.monotonic)
    return Watches(unused, cluster, unused, World(cluster), queue, (namespace,), "test", lambda: None, Entrances())


async def taken(queue: WorkQueue[Key]) -> list[Key]:
    """All keys that are due."""
    found = []
    while len(queue):
        async with asyncio.timeout(1):
            key = await queue.take()
        queue.gone(key)
        found.append(key)
    return found
