"""An API server that is asked too much answers 429 and how long to wait; nothing of the request was carried out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from modelrollout.adapters import patience
from modelrollout.adapters.cluster import SERVICES, ApiError, Cluster
from modelrollout.adapters.listening import serve_http
from modelrollout.adapters.patience import pause


@dataclass
class Busy:
    """Refuses so many requests, and then answers."""

    refused: int
    heard: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append(f"{request.method} {await request.text()}")
        if len(self.heard) <= self.refused:
            body = {"kind": "Status", "message": "too many requests, please try again later"}
            return web.json_response(body, status=429, headers={"Retry-After": "1"})
        return web.json_response({"metadata": {"name": "a"}})


async def ask(busy: Busy) -> str:
    """What a request comes to."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", busy.answer)
    body = {"metadata": {"name": "a", "namespace": "prod"}}
    async with serve_http("listen", "127.0.0.1:0", application) as port, aiohttp.ClientSession() as session:
        try:
            found = await Cluster(session, f"http://127.0.0.1:{port}").apply(SERVICES, body, "test")
        except ApiError as error:
            return str(error)
        return str(found["metadata"]["name"])


CASES: dict[str, tuple[int, int, str]] = {
    "not at all": (0, 1, "a"),
    "once": (1, 2, "a"),
    "three times": (3, 4, "a"),
    "for longer": (9, 4, "too many requests, please try again later (HTTP 429)"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_same_request_is_sent_again(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused, sent, answer = CASES[case]
    monkeypatch.setattr(patience, "LONGEST_PAUSE", 0.01)
    busy = Busy(refused)
    assert asyncio.run(ask(busy)) == answer
    assert busy.heard == ['PATCH {"metadata":{"name":"a","namespace":"prod"}}'] * sent


PAUSES = [("1", 1, 1.0), ("1", 3, 3.0), ("0", 1, 0.5), ("60", 1, 5.0), (None, 1, 1.0), ("soon", 2, 2.0), ("²", 1, 1.0)]


@pytest.mark.parametrize(("retry_after", "tries", "seconds"), PAUSES)
def test_how_long_it_waits(retry_after: str | None, tries: int, seconds: float) -> None:
    assert pause(retry_after, tries) == seconds
