"""Watches whose connections stay open and carry nothing any more: that is noticed, and they begin anew."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

import kopf
import pytest

from modelrollout.adapters import reflector
from modelrollout.adapters.access import open_access
from modelrollout.adapters.cluster import SERVICES, Cluster
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.runtime import handlers
from modelrollout.runtime.entrances import Entrances
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.watches import Watches
from modelrollout.runtime.world import Key, World
from tests.kubernetes import Kubernetes
from tests.proxy import Proxy
from tests.runtime.stage import Stage, set_up

pytestmark = pytest.mark.apiserver

SECONDS = 1.0  # in place of the 150 in which bookmarks are missed


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch is taken for dead soon."""
    usual = handlers.watch_settings

    def settings() -> kopf.OperatorSettings:
        changed = usual()
        changed.watching.inactivity_timeout = SECONDS
        return changed

    monkeypatch.setattr(reflector, "SILENCE", SECONDS)
    monkeypatch.setattr(handlers, "watch_settings", settings)


@asynccontextmanager
async def watching(kubeconfig: Path, namespace: str) -> AsyncIterator[tuple[World, WorkQueue[Key]]]:
    """What the watches of a namespace tell, and whom they wake."""
    with mock.patch.dict(os.environ, KUBECONFIG=str(kubeconfig)):
        async with open_access() as access:
            api = access.session(connections=10, timeout=30, connect_timeout=10)
            endless = access.session(connections=0, timeout=0, connect_timeout=10)
            async with api, endless:
                cluster, queue = Cluster(api, access.server, patient=True), WorkQueue[Key]()
                world = World(cluster)
                watches = Watches(
                    access, cluster, endless, world, queue, (namespace,), "test", lambda: None, Entrances()
                )
                running = asyncio.create_task(watches.run())
                try:
                    yield world, queue
                finally:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)


async def changed(stage: Stage, version: str) -> tuple[str, str]:
    """The rollout has another version and a Service of that name; the resource version of each."""
    name = f"fraud-{version.replace('.', '-')}"
    described = {"name": name, "namespace": stage.namespace, "labels": {OWNER_LABEL: stage.name}}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": described, "spec": {"ports": [{"port": 1}]}}
    made = await stage.cluster.apply(SERVICES, body, "test"), await stage.submit(version)
    return made[0]["metadata"]["resourceVersion"], made[1]["metadata"]["resourceVersion"]


async def heard(world: World, queue: WorkQueue[Key], key: Key, versions: tuple[str, str]) -> None:
    """Returns once both are known."""
    async with asyncio.timeout(60):
        while True:
            assert await queue.take() == key
            queue.gone(key)
            services = (await world.look(key)).of(SERVICES).values()
            known = {item["metadata"]["resourceVersion"] for item in services} | {world.rollouts().get(key)}
            if set(versions) <= known:
                return


@pytest.mark.usefixtures("impatient")
def test_what_happens_in_silence_is_heard_of_all_the_same(kubernetes: Kubernetes, tmp_path: Path) -> None:
    namespace, kubeconfig = kubernetes.namespace(), tmp_path / "kubeconfig"

    async def body(cluster: Cluster) -> None:
        async with set_up(cluster, namespace) as stage, watching(kubeconfig, namespace) as (world, queue):
            await heard(world, queue, stage.key, await changed(stage, "1.0.1"))  # may be listed
            await heard(world, queue, stage.key, await changed(stage, "1.0.2"))  # is told by the watches
            proxy.silence()
            await heard(world, queue, stage.key, await changed(stage, "1.0.3"))

    with Proxy.to(kubernetes.server.url) as proxy:
        kubeconfig.write_text(kubernetes.server.kubeconfig.read_text().replace(kubernetes.server.url, proxy.url))
        kubernetes.run(body)
