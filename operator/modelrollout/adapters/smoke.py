"""Smoke requests: real requests through the gateway to a version that has no traffic yet.

They carry the rollout's host and the preview header, so they take the way that users' requests take: gateway, route,
Service, pod. That a request reached the version meant is read from the answer, which the route marks with it. The
Service is that of the split for previews, which no metric is asked for: these answers are nobody's evidence.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from modelrollout.api.traffic import VERSION_HEADER, Header
from modelrollout.core.observation import SmokeResult

AT_ONCE = 4
NOT_UNDERSTOOD = range(400, 500)
"""How a server says that a request is wrong; that the model is another one than was meant looks the same."""

PERHAPS_THE_REQUEST = "the request may be what is wrong: correct it and say modelrollout retry"


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """What is sent where: bodies (JSON text, with a name for each) to ``host`` behind ``url``, meant for ``version``.

    ``time_limit`` of one request, ``whole_limit`` of all and ``max_latency`` of a good answer in seconds; None for no
    bound.
    """

    url: str
    host: str
    model: str
    version: str
    preview: Header
    bodies: Sequence[tuple[str, str]]
    time_limit: float
    max_latency: float | None = None
    whole_limit: float = 20.0


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """Why a request did not come as far as the version: that is not the version's fault."""

    words: str


_Problem = str | _Obstacle | None


async def run(session: aiohttp.ClientSession, test: SmokeTest) -> SmokeResult:
    """Send every request once, a few at a time. Failures in words, not as errors.

    What the version did wrong counts, whatever else stood in the way; an obstacle alone is said as one.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, body: str) -> tuple[str, _Problem]:
        async with gate:
            return name, await _ask(session, test, body)

    tasks = [asyncio.create_task(one(name, body)) for name, body in test.bodies]
    try:
        await asyncio.wait(tasks, timeout=test.whole_limit)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return _result(test, [task.result() for task in tasks if not task.cancelled()])


def _result(test: SmokeTest, answered: Sequence[tuple[str, _Problem]]) -> SmokeResult:
    failures = tuple(f"{name}: {problem}" for name, problem in answered if isinstance(problem, str))
    if failures:
        return SmokeResult(len(answered), failures)
    obstacles = [f"{name}: {problem.words}" for name, problem in answered if isinstance(problem, _Obstacle)]
    if len(answered) < len(test.bodies):
        obstacles.append(
            f"only {len(answered)} of {len(test.bodies)} requests were answered within {test.whole_limit:g} s; "
            "give fewer or smaller ones"
        )
    return SmokeResult(len(answered), obstacle=obstacles[0] if obstacles else None)


async def _ask(session: aiohttp.ClientSession, test: SmokeTest, body: str) -> _Problem:
    """What is wrong with the answer to one request, or None."""
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        async with session.post(
            f"{test.url}/v1/models/{test.model}:predict",
            data=body.encode(),
            headers={
                "Host": test.host,
                "Content-Type": "application/json",
                test.preview.name: test.preview.value,
            },
            timeout=aiohttp.ClientTimeout(total=test.time_limit, sock_connect=test.time_limit / 2),
            allow_redirects=False,
        ) as response:
            text = await response.read()
            took = clock() - started
            return _judge(test, response.status, response.headers.get(VERSION_HEADER), text, took)
    except aiohttp.ClientError as error:  # before TimeoutError: that of a connection is both
        return _Obstacle(f"{test.url} cannot be reached: {error}")
    except TimeoutError:
        return f"no answer within {test.time_limit:g} s"


def _judge(test: SmokeTest, status: int, answered_by: str | None, text: bytes, took: float) -> _Problem:
    if answered_by != test.version:
        by = f"by version {answered_by}" if answered_by else "by something that is not this rollout's route"
        return _Obstacle(f"answered {by} with status {status}: the request did not reach {test.version}")
    if status in NOT_UNDERSTOOD:
        return f"status {status}: {_short(text)} ({PERHAPS_THE_REQUEST})"
    if status != 200:
        return f"status {status}: {_short(text)}"
    try:
        answer = json.loads(text)
    except ValueError:
        return f"the answer is not JSON: {_short(text)}"
    if not all_finite(answer):
        return f"the answer holds a number that is not finite: {_short(text)}"
    if test.max_latency is not None and took > test.max_latency:
        return f"answered in {took * 1000:.0f} ms, maxLatency is {test.max_latency * 1000:.0f} ms"
    return None


def all_finite(value: Any) -> bool:
    """Whether no number anywhere in a JSON value is NaN or infinite."""
    match value:
        case float():
            return math.isfinite(value)
        case list():
            return all(map(all_finite, value))
        case dict():
            return all(map(all_finite, value.values()))
        case _:
            return True


def _short(text: bytes) -> str:
    return " ".join(text[:200].decode(errors="replace").split())
