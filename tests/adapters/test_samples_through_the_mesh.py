"""Samples through the mesh, over real HTTP, to a small server in the gateway's place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.adapters.samples import NOT_SENT, Destination, Mesh, Unreachable, send_all, session_without_cookies
from modelrollout.api.traffic import Header
from modelrollout.core.validate.answer import Answer
from tests.adapters.gateway import Gateway, serving

VERSION = "2.4.1187"
MESH = Mesh("", "fraud.example.com", Header(name="x-model-preview", value="green"), VERSION)
TO = Destination("", "fraud", 1, 5.0, MESH)
REQUESTS = [("request 1", {"instances": [[1, 2]]})]


def answers(gateway: Gateway, to: Destination = TO, requests: Any = REQUESTS) -> tuple[Answer, ...]:
    async def body() -> tuple[Answer, ...]:
        async with serving(gateway) as url, session_without_cookies() as asking:
            assert to.mesh is not None
            return await send_all(asking, replace(to, mesh=replace(to.mesh, url=to.mesh.url or url)), requests)

    return asyncio.run(body())


def test_a_request_goes_the_way_of_users_requests() -> None:
    gateway = Gateway()
    [answer] = answers(gateway)
    assert (answer.status, answer.fault) == (200, None)
    ((host, path, headers, body),) = gateway.asked
    assert (host, path, body) == ("fraud.example.com", "/v1/models/fraud:predict", b'{"instances": [[1, 2]]}')
    assert headers["x-model-preview"] == "green"


FAULTS: dict[str, tuple[Gateway, str]] = {
    "an error": (Gateway(status=500, body=b'{"error": "boom"}'), 'status 500: {"error": "boom"}'),
    "another shape": (
        Gateway(status=400, body=b"no\n such  input"),
        "status 400: no such input (the request may be what is wrong: correct it before a retry)",
    ),
    "no JSON": (Gateway(body=b"<html>"), "the answer is not JSON: <html>"),
    "not a number": (Gateway(body=b'{"predictions": [[NaN]]}'), "[0][0] is nan, which is no finite number"),
    "infinite": (
        Gateway(body=b'{"outputs": {"a": [-Infinity]}}'),
        "a[0] is -inf, which is no finite number",
    ),
    "no outputs": (Gateway(body=b'{"result": 1}'), "the answer has neither predictions nor outputs"),
}


@pytest.mark.parametrize(("gateway", "words"), FAULTS.values(), ids=FAULTS)
def test_a_bad_answer_in_words(gateway: Gateway, words: str) -> None:
    assert [answer.fault for answer in answers(gateway)] == [words]


ELSEWHERE: dict[str, tuple[Gateway, str]] = {
    "answered by stable": (
        Gateway(version="2.3.1160"),
        "answered by version 2.3.1160 with status 200: the request did not reach 2.4.1187",
    ),
    "answered by nobody's version": (
        Gateway(version=None, status=404),
        "answered by something that is not this rollout's route with status 404: the request did not reach 2.4.1187",
    ),
}


@pytest.mark.parametrize(("gateway", "words"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_request_that_came_elsewhere_is_not_the_versions_fault(gateway: Gateway, words: str) -> None:
    with pytest.raises(Unreachable) as raised:
        answers(gateway)
    assert str(raised.value) == words


def test_no_gateway() -> None:
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        answers(Gateway(), replace(TO, mesh=replace(MESH, url="http://127.0.0.1:9")))


def test_what_one_answer_sets_comes_with_no_other_request() -> None:
    """The gateway's name is the same for all rollouts."""
    gateway = Gateway(cookie="session=of-somebody-else")

    async def body() -> None:
        async with serving(gateway) as url, session_without_cookies() as asking:
            to = replace(TO, mesh=replace(MESH, url=url.replace("127.0.0.1", "localhost")))
            await send_all(asking, to, REQUESTS)
            await send_all(asking, replace(to, model="risk"), REQUESTS)

    asyncio.run(body())
    assert ["Cookie" in headers for _, _, headers, _ in gateway.asked] == [False, False]


def test_after_one_that_is_not_answered_no_other_is_sent() -> None:
    gateway = Gateway(waits=2.0)
    found = answers(gateway, replace(TO, time_limit=0.1), [*REQUESTS, ("request 2", {})])
    assert [answer.fault for answer in found] == ["no answer within 0.1 s", NOT_SENT]
    assert len(gateway.asked) == 1
