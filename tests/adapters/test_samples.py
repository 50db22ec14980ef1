"""Samples sent to a real HTTP server, and answers that no server should give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from modelrollout.adapters.listening import serve_http
from modelrollout.adapters.samples import LARGEST_ANSWER, NOT_SENT, Destination, Unreachable, send_all
from modelrollout.core.validate.answer import Answer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REQUESTS = [("a", {"instances": [[1.0]]}), ("b", {"instances": [[2.0]]})]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server of version 7 of model m."""
    app = web.Application()
    app.router.add_post("/v1/models/m/versions/7:predict", handler)
    async with serve_http("listen", "127.0.0.1:0", app) as port:
        yield f"127.0.0.1:{port}"


def send(handler: Handler, time_limit: float = 5.0) -> tuple[Answer, ...]:
    """The answers to both requests."""

    async def body() -> tuple[Answer, ...]:
        async with serving(handler) as address, aiohttp.ClientSession() as session:
            return await send_all(session, Destination(address, "m", 7, time_limit), REQUESTS)

    return asyncio.run(body())


def saying(text: str, status: int = 200) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type="application/json")

    return handle


async def echo(request: web.Request) -> web.Response:
    """What it was asked."""
    return web.json_response({"predictions": (await request.json())["instances"]})


async def endless(request: web.Request) -> web.StreamResponse:
    """More than anybody reads."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"[" * 65536)


async def silent(request: web.Request) -> web.Response:
    """Never."""
    await asyncio.sleep(60)
    return web.Response()


async def hanging_up(request: web.Request) -> web.Response:
    """Without a word."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def test_answers_in_their_order() -> None:
    one, two = send(echo)
    assert (one.sample, one.status, one.outputs, one.problem) == ("a", 200, [[1.0]], None)
    assert (two.sample, two.outputs) == ("b", [[2.0]])
    assert 0 < one.seconds < 5


ODD: dict[str, tuple[Handler, Any]] = {
    "a status": (saying('{"error": "no such\\n input"}', 500), 'status 500: {"error": "no such\\n input"}'),
    "what the server did not understand": (
        saying("no such input", 400),
        "status 400: no such input (the request may be what is wrong: correct it before a retry)",
    ),
    "no JSON": (saying("<html>"), "the answer is not JSON: <html>"),
    "nested without end": (saying("[" * 100_000), "the answer is not JSON: " + "[" * 200 + " …"),
    "without end": (endless, f"the answer is larger than {LARGEST_ANSWER // 1024} KiB"),
    "hanging up": (hanging_up, "the server ended the connection without an answer"),
}


@pytest.mark.parametrize(("handler", "problem"), ODD.values(), ids=ODD)
def test_what_is_wrong_is_in_the_answer(handler: Handler, problem: str) -> None:
    assert send(handler)[0].problem == problem


def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:9/")

    assert send(elsewhere)[0].status == 302


def test_a_server_that_hangs_is_not_asked_again() -> None:
    one, two = send(silent, time_limit=0.3)
    assert (one.problem, two.problem) == ("no answer within 0.3 s", NOT_SENT)


def test_one_that_cannot_be_reached_is_not_at_fault() -> None:
    async def body() -> None:
        async with aiohttp.ClientSession() as session:
            await send_all(session, Destination("127.0.0.1:9", "m", 7, 2.0), REQUESTS)

    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 cannot be reached"):
        asyncio.run(body())
