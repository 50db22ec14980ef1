"""The Lease on a real API server: one holder at a time, and a new one when it falls silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientSession

from modelrollout.adapters.cluster import LEASES, Cluster, Object, Resource
from modelrollout.runtime.leader import Lease, LeaseLost
from modelrollout.runtime.process import _acquire
from tests.kubernetes import Kubernetes

pytestmark = pytest.mark.apiserver

Story = Callable[[Callable[[str], Lease], Cluster, str], Awaitable[None]]


SHORT = 6.0  # seconds of a Lease that is waited for; a busy machine may hold up a renewal for a second or two
LONG = 3600.0  # of a Lease that nobody can wait for


def play(kubernetes: Kubernetes, story: Story, duration: float = SHORT) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        def lease(holder: str) -> Lease:
            return Lease(cluster, namespace, "modelrollout", holder, duration=duration, renew_every=0.2)

        async with asyncio.timeout(60):
            await story(lease, cluster, namespace)

    kubernetes.run(body)


async def holder(cluster: Cluster, namespace: str) -> str:
    live = await cluster.get(LEASES, namespace, "modelrollout")
    assert live is not None
    found: str = live["spec"]["holderIdentity"]
    return found


def test_of_two_who_want_it_one_gets_it(kubernetes: Kubernetes) -> None:
    async def story(lease: Callable[[str], Lease], cluster: Cluster, namespace: str) -> None:
        wanting = [asyncio.create_task(lease(name).acquire()) for name in ("a", "b", "c")]
        done, waiting = await asyncio.wait(wanting, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.5)
        assert (len(done), sum(task.done() for task in waiting)) == (1, 0)
        for task in waiting:
            task.cancel()

    play(kubernetes, story, LONG)


def test_it_is_kept_as_long_as_it_is_renewed(kubernetes: Kubernetes) -> None:
    async def story(lease: Callable[[str], Lease], cluster: Cluster, namespace: str) -> None:
        first = lease("a")
        await first.acquire()
        keeping, wanting = asyncio.create_task(first.keep()), asyncio.create_task(lease("b").acquire())
        await asyncio.sleep(SHORT * 1.5)
        assert not keeping.done()
        assert not wanting.done()
        assert await holder(cluster, namespace) == "a"
        keeping.cancel()
        wanting.cancel()

    play(kubernetes, story)


def test_another_takes_over_from_one_that_fell_silent(kubernetes: Kubernetes) -> None:
    async def story(lease: Callable[[str], Lease], cluster: Cluster, namespace: str) -> None:
        await lease("a").acquire()
        await lease("b").acquire()
        assert await holder(cluster, namespace) == "b"

    play(kubernetes, story)


def test_one_that_comes_back_with_the_same_name_goes_on_at_once(kubernetes: Kubernetes) -> None:
    async def story(lease: Callable[[str], Lease], cluster: Cluster, namespace: str) -> None:
        await lease("a").acquire()
        await lease("a").acquire()

    play(kubernetes, story, LONG)


def test_what_is_given_back_is_taken_at_once(kubernetes: Kubernetes) -> None:
    async def story(lease: Callable[[str], Lease], cluster: Cluster, namespace: str) -> None:
        first = lease("a")
        await first.acquire()
        await first.release()
        await lease("b").acquire()
        await first.release()
        assert await holder(cluster, namespace) == "b", "only the holder gives it back"

    play(kubernetes, story, LONG)


class Slow(Cluster):
    """Its answer to who asks for the Lease comes later than what was asked for happens."""

    def __init__(self, session: ClientSession, server: str) -> None:
        super().__init__(session, server)
        self.made = asyncio.Event()

    async def create(self, resource: Resource, body: Object) -> Object:
        made = await super().create(resource, body)
        self.made.set()
        await asyncio.sleep(LONG)
        return made


def test_who_is_told_to_end_while_it_asks_gives_back_what_it_was_given(kubernetes: Kubernetes) -> None:
    async def story(lease: Callable[[str], Lease], cluster: Cluster, namespace: str) -> None:
        first, stop = lease("a"), asyncio.Event()
        first.cluster = slow = Slow(cluster._session, cluster._server)
        asking = asyncio.create_task(_acquire(first, stop))
        await slow.made.wait()
        stop.set()
        assert await asking is False
        await lease("b").acquire()

    play(kubernetes, story, LONG)


def test_a_holder_that_lost_it_must_end(kubernetes: Kubernetes) -> None:
    async def story(lease: Callable[[str], Lease], cluster: Cluster, namespace: str) -> None:
        first = lease("a")
        await first.acquire()
        live = await cluster.get(LEASES, namespace, "modelrollout")
        assert live is not None
        live["spec"]["holderIdentity"] = "b"
        await cluster.replace(LEASES, live)
        with pytest.raises(LeaseLost, match="is held by b now"):
            await first.keep()

    play(kubernetes, story)


def test_a_holder_that_cannot_renew_ends_before_another_may_start(kubernetes: Kubernetes) -> None:
    async def story(lease: Callable[[str], Lease], cluster: Cluster, namespace: str) -> None:
        first = lease("a")
        await first.acquire()
        wanting = asyncio.create_task(lease("b").acquire())
        await asyncio.sleep(0.3)
        first.cluster = Cluster(cluster._session, "https://127.0.0.1:9")
        with pytest.raises(LeaseLost, match="could not be renewed"):
            await first.keep()
        assert not wanting.done()
        await wanting

    play(kubernetes, story)
