"""Smoke requests over real HTTP, to a small server in the gateway's place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from aiohttp import web

from modelrollout.adapters.smoke import SmokeTest, run
from modelrollout.api.traffic import Header
from modelrollout.core.observation import SmokeResult

GOOD = b'{"predictions": [[0.1, 0.9]]}'


@dataclass
class Gateway:
    """How it answers, and what it was asked."""

    body: bytes = GOOD
    status: int = 200
    version: str | None = "2.4.1187"
    waits: float = 0.0
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked.append((request.host, request.path, dict(request.headers), await request.read()))
        await asyncio.sleep(self.waits)
        self.at_once -= 1
        headers = {"x-model-version": self.version} if self.version else {}
        return web.Response(body=self.body, status=self.status, headers=headers)


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/{path:.*}", gateway.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


TEST = SmokeTest(
    url="",
    host="fraud.example.com",
    model="fraud",
    version="2.4.1187",
    preview=Header(name="x-model-preview", value="green"),
    bodies=[("request 1", '{"instances": [[1, 2]]}')],
    time_limit=5.0,
)


def smoke(gateway: Gateway, test: SmokeTest = TEST) -> SmokeResult:
    async def body() -> SmokeResult:
        async with serving(gateway) as url, aiohttp.ClientSession() as session:
            return await run(session, replace(test, url=test.url or url))

    return asyncio.run(body())


def test_a_request_goes_the_way_of_users_requests() -> None:
    gateway = Gateway()
    assert smoke(gateway) == SmokeResult(1)
    ((host, path, headers, body),) = gateway.asked
    assert (host, path, body) == ("fraud.example.com", "/v1/models/fraud:predict", b'{"instances": [[1, 2]]}')
    assert headers["x-model-preview"] == "green"


NAN = b'{"predictions": [[NaN]]}'
STABLE = "answered by version 2.3.1160 with status 200: the request did not reach 2.4.1187"
NOBODY = "answered by something that is not this rollout's route with status 404: the request did not reach 2.4.1187"

ANSWERS: dict[str, tuple[Gateway, str]] = {
    "an error": (Gateway(status=500, body=b'{"error": "boom"}'), 'status 500: {"error": "boom"}'),
    "another shape": (
        Gateway(status=400, body=b"no\n such  input"),
        "status 400: no such input (the request may be what is wrong: correct it and say modelrollout retry)",
    ),
    "no JSON": (Gateway(body=b"<html>"), "the answer is not JSON: <html>"),
    "not a number": (Gateway(body=NAN), 'the answer holds a number that is not finite: {"predictions": [[NaN]]}'),
    "infinite": (
        Gateway(body=b'{"outputs": {"a": [-Infinity]}}'),
        'the answer holds a number that is not finite: {"outputs": {"a": [-Infinity]}}',
    ),
}


@pytest.mark.parametrize(("gateway", "words"), ANSWERS.values(), ids=ANSWERS)
def test_a_bad_answer_in_words(gateway: Gateway, words: str) -> None:
    assert smoke(gateway) == SmokeResult(1, (f"request 1: {words}",))


@pytest.mark.parametrize(
    ("gateway", "words"),
    [
        pytest.param(Gateway(version="2.3.1160"), STABLE, id="answered by stable"),
        pytest.param(Gateway(version=None, status=404), NOBODY, id="answered by nobody's version"),
    ],
)
def test_a_request_that_came_elsewhere_is_not_the_versions_fault(gateway: Gateway, words: str) -> None:
    assert smoke(gateway) == SmokeResult(1, obstacle=f"request 1: {words}")


def test_a_slow_answer() -> None:
    result = smoke(Gateway(waits=0.2), replace(TEST, max_latency=0.05))
    (failure,) = result.failures
    assert failure.endswith("maxLatency is 50 ms")


def test_no_answer_in_time() -> None:
    result = smoke(Gateway(waits=2.0), replace(TEST, time_limit=0.1))
    assert result.failures == ("request 1: no answer within 0.1 s",)


def test_no_gateway() -> None:
    result = smoke(Gateway(), replace(TEST, url="http://127.0.0.1:9"))
    assert (result.sent, result.failures, result.passed) == (1, (), False)
    assert result.obstacle is not None
    assert result.obstacle.startswith("request 1: http://127.0.0.1:9 cannot be reached")


def test_every_request_counts_and_few_are_sent_at_once() -> None:
    gateway = Gateway(waits=0.02)
    bodies = [(f"row {number}", json.dumps({"instances": [[number]]})) for number in range(20)]
    assert smoke(gateway, replace(TEST, bodies=bodies)) == SmokeResult(20)
    assert len(gateway.asked) == 20
    assert gateway.most_at_once <= 4


MANY = [(f"row {number}", json.dumps({"instances": [[number]]})) for number in range(9)]


def test_all_requests_together_have_a_limit() -> None:
    result = smoke(Gateway(waits=2.0), replace(TEST, bodies=MANY, whole_limit=0.3))
    assert (result.sent, result.failures) == (0, ())
    assert result.obstacle == "only 0 of 9 requests were answered within 0.3 s; give fewer or smaller ones"


def test_what_the_version_did_wrong_counts_also_when_the_time_is_over() -> None:
    result = smoke(Gateway(waits=5.0), replace(TEST, bodies=MANY, time_limit=0.5, whole_limit=0.9))
    assert result.failures[0] in [f"row {number}: no answer within 0.5 s" for number in range(4)], "four at a time"
    assert (len(result.failures), result.obstacle) == (result.sent, None)
    assert result.sent < len(MANY)
