"""A server whose watches are of no use: it is asked again, after growing waits, and not as fast as it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web

from modelrollout.adapters import reflector
from modelrollout.adapters.cluster import SERVICES, Cluster
from modelrollout.adapters.listening import serve_http
from modelrollout.adapters.reflector import Reflector

ROUNDS = 6
GROWING = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]


def ends_at_once() -> web.Response:
    return web.Response(body=b"")


def knows_nothing() -> web.Response:
    return web.Response(status=410)


def says_so_in_an_event() -> web.Response:
    return web.Response(body=b'{"type": "ERROR", "object": {"code": 410}}\n')


SICK: dict[str, tuple[Callable[[], web.Response], int]] = {  # and how often everything is listed
    "it ends each watch at once": (ends_at_once, 1),
    "it knows no version, not even its own list's": (knows_nothing, ROUNDS),
    "the same as an event": (says_so_in_an_event, ROUNDS),
}


@pytest.mark.parametrize(("answer", "lists"), SICK.values(), ids=SICK)
def test_it_is_asked_less_and_less(
    answer: Callable[[], web.Response], lists: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    asked: list[str] = []
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == ROUNDS:
            enough.set()
            await asyncio.Event().wait()

    async def server(request: web.Request) -> web.Response:
        asked.append("watch" if "watch" in request.query else "list")
        if "watch" in request.query:
            return answer()
        return web.json_response({"items": [], "metadata": {"resourceVersion": "7"}})

    async def body() -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", server)
        async with serve_http("listen", "127.0.0.1:0", application) as port, aiohttp.ClientSession() as session:
            cluster = Cluster(session, f"http://127.0.0.1:{port}")
            ignored: Callable[..., None] = lambda *told: None  # noqa: E731
            watching = asyncio.create_task(Reflector(cluster, session, SERVICES, None, "", ignored, ignored).run())
            async with asyncio.timeout(60):
                await enough.wait()
            watching.cancel()

    monkeypatch.setattr(reflector, "sleep", sleep)
    asyncio.run(body())
    assert waits == GROWING
    assert (asked.count("watch"), asked.count("list")) == (ROUNDS, lists)
