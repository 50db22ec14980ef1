"""Gateways that come, change and go are heard of by the rollouts that name them, and by no others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from modelrollout.adapters.cluster import GATEWAYS, Cluster, Object
from modelrollout.adapters.reflector import Reflector
from modelrollout.resource.spec import Spec
from modelrollout.runtime.entrances import Entrances
from modelrollout.runtime.world import Key
from tests.adapters.test_reflector import running
from tests.kubernetes import Kubernetes

pytestmark = pytest.mark.apiserver

GONE = "there is no Gateway public in {}"


def spec(*gateways: str) -> Spec:
    return Spec.model_validate(
        {
            "model": {"name": "fraud", "version": "1.0.1", "uri": "pvc://models/fraud/1"},
            "traffic": {"hosts": ["fraud.example.com"], "gateways": list(gateways)},
            "strategy": {"blueGreen": {}},
        }
    )


class Mesh:
    """A namespace with gateways, and what was heard of them."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.heard: list[Key] = []
        self.news = asyncio.Event()
        self.entrances = Entrances(self.hear)
        known = self.entrances
        self.reflector = Reflector(cluster, cluster._session, GATEWAYS, namespace, "", known.seen, known.gone)
        known.reflectors = {namespace: self.reflector}

    def hear(self, key: Key) -> None:
        self.heard.append(key)
        self.news.set()

    def problem(self, *gateways: str, name: str = "fraud") -> str | None:
        found = self.entrances.problem((self.namespace, name), spec(*gateways))
        return found.message if found is not None else None

    async def until(self, words: str | None) -> None:
        """What is wrong with the gateway ``public``, once something is heard of it."""
        async with asyncio.timeout(60):
            while (problem := self.problem("public")) != words and not (words and words in (problem or "")):
                self.news.clear()
                await self.news.wait()

    async def all_listed(self) -> None:
        await self.reflector.listed.wait()
        self.entrances.listed()

    async def gateway(self, *hosts: str) -> Object:
        port = {"number": 80, "name": "http", "protocol": "HTTP"}
        body = {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "public", "namespace": self.namespace},
            "spec": {"selector": {"istio": "ingress"}, "servers": [{"port": port, "hosts": list(hosts)}]},
        }
        return await self.cluster.apply(GATEWAYS, body, "test")


def play(kubernetes: Kubernetes, story: Callable[[Mesh], Awaitable[None]]) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        await story(Mesh(cluster, namespace))

    kubernetes.run(body)


def test_a_gateway_that_comes_changes_and_goes(kubernetes: Kubernetes) -> None:
    async def story(mesh: Mesh) -> None:
        async with running(mesh.reflector):
            assert mesh.problem("public") is None, "nothing has been listed"
            await mesh.all_listed()
            await mesh.until(GONE.format(mesh.namespace))
            assert mesh.problem("mesh", name="other") is None
            made = await mesh.gateway("*.example.com")
            await mesh.until(None)
            await mesh.gateway("*.test")
            await mesh.until("does not let in fraud.example.com")
            await mesh.cluster.delete(GATEWAYS, mesh.namespace, "public", made["metadata"]["uid"])
            await mesh.until(GONE.format(mesh.namespace))
        assert set(mesh.heard) == {(mesh.namespace, "fraud")}
        assert len(mesh.heard) == 4, "that it is not there, comes, changes, goes"

    play(kubernetes, story)


def test_of_what_nobody_may_see_nothing_is_said(kubernetes: Kubernetes) -> None:
    async def story(mesh: Mesh) -> None:
        mesh.problem("public")
        async with running(mesh.reflector):
            await mesh.all_listed()
            await mesh.until(GONE.format(mesh.namespace))
            assert mesh.problem("elsewhere/public") is None, "another namespace is not watched"

    play(kubernetes, story)
