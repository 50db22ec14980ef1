"""What a Reflector tells: all that there is, what becomes of it, and what went while no watch was there to tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from modelrollout.adapters.cluster import SERVICES, Cluster, Object, Resource
from modelrollout.adapters.reflector import Outdated, Place, Reflector
from modelrollout.manifests.meta import OWNER_LABEL
from tests.kubernetes import Kubernetes

pytestmark = pytest.mark.apiserver


@dataclass
class Told:
    """What was told, and the reflector that told it."""

    cluster: Cluster
    namespace: str
    lines: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def reflector(self) -> Reflector:
        return Reflector(
            self.cluster, self.cluster._session, SERVICES, self.namespace, OWNER_LABEL, self.seen, self.gone
        )

    def seen(self, resource: Resource, item: Object) -> None:
        self._tell(f"{item['metadata']['name']} {item['spec']['ports'][0]['port']}")

    def gone(self, resource: Resource, place: Place, version: str) -> None:
        self._tell(f"{place[1]} gone")

    def _tell(self, line: str) -> None:
        self.lines.append(line)
        self.changed.set()

    async def until(self, *lines: str) -> None:
        async with asyncio.timeout(60):
            while self.lines != list(lines):
                self.changed.clear()
                await self.changed.wait()

    async def make(self, name: str, port: int = 1, label: str = "fraud") -> Object:
        described: dict[str, Any] = {"name": name, "namespace": self.namespace}
        described |= {"labels": {OWNER_LABEL: label}} if label else {}
        body = {"apiVersion": "v1", "kind": "Service", "metadata": described, "spec": {"ports": [{"port": port}]}}
        return await self.cluster.apply(SERVICES, body, "test")

    async def delete(self, made: Object) -> None:
        await self.cluster.delete(SERVICES, self.namespace, made["metadata"]["name"], made["metadata"]["uid"])


def play(kubernetes: Kubernetes, story: Callable[[Told], Awaitable[None]]) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        await story(Told(cluster, namespace))

    kubernetes.run(body)


@asynccontextmanager
async def running(reflector: Reflector) -> AsyncIterator[None]:
    task = asyncio.create_task(reflector.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_it_tells_what_there_is_and_what_becomes_of_it(kubernetes: Kubernetes) -> None:
    async def story(told: Told) -> None:
        await told.make("a")
        reflector = told.reflector()
        async with running(reflector):
            async with asyncio.timeout(60):
                await reflector.listed.wait()
            assert told.lines == ["a 1"]
            made = await told.make("b")
            await told.make("a", port=2)
            await told.delete(made)
            await told.until("a 1", "b 1", "a 2", "b gone")

    play(kubernetes, story)


def test_what_went_while_no_watch_was_there_is_told_after_the_next_list(kubernetes: Kubernetes) -> None:
    """A watch from a version that the API server does not know any more ends with 410: after minutes, not in a test."""

    async def story(told: Told) -> None:
        await told.make("a")
        made = await told.make("b")
        reflector = told.reflector()
        async with running(reflector):
            await told.until("a 1", "b 1")
        await told.delete(made)
        await told.make("c")
        with pytest.raises(Outdated):
            reflector._hear({"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}})
        reflector._since = ""  # as after that
        async with running(reflector):
            await told.until("a 1", "b 1", "c 1", "b gone")

    play(kubernetes, story)


def test_a_watch_that_ends_goes_on_where_it_was(kubernetes: Kubernetes) -> None:
    async def story(told: Told) -> None:
        await told.make("a")
        reflector = told.reflector()
        async with running(reflector):
            await told.until("a 1")
        await told.make("b")
        reflector.listed.clear()
        async with running(reflector):
            await told.until("a 1", "b 1")
            assert not reflector.listed.is_set(), "nothing was listed again"

    play(kubernetes, story)


def test_only_what_carries_the_label_is_told_and_what_loses_it_is_gone(kubernetes: Kubernetes) -> None:
    async def story(told: Told) -> None:
        async with running(told.reflector()):
            await told.make("stranger", label="")
            await told.make("a")
            await told.make("a", label="")
            await told.until("a 1", "a gone")

    play(kubernetes, story)


def test_objects_larger_than_any_buffer_are_told_whole(kubernetes: Kubernetes) -> None:
    async def story(told: Told) -> None:
        async with running(told.reflector()):
            described: dict[str, Any] = {"name": "a", "namespace": told.namespace, "labels": {OWNER_LABEL: "fraud"}}
            described["annotations"] = {"example.com/large": "x" * 200_000}
            body = {"apiVersion": "v1", "kind": "Service", "metadata": described, "spec": {"ports": [{"port": 1}]}}
            await told.cluster.apply(SERVICES, body, "test")
            await told.until("a 1")

    play(kubernetes, story)
