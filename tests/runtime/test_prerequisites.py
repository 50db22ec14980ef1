"""What an operator waits for before it works, and what it does not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from modelrollout.adapters.cluster import ApiError, Resource
from modelrollout.runtime import prerequisites
from modelrollout.runtime.prerequisites import CannotStart, wait_for_types

AWAY = aiohttp.ClientConnectionError("connection refused")
FORBIDDEN = ApiError(403, "modelrollouts is forbidden: User operator cannot list it (HTTP 403)")
NO_SUCH = ApiError(404, "the server could not find the requested resource (HTTP 404)")
BOOTING = ApiError(503, "the request was made before all known HTTP paths have been installed (HTTP 503)")


@dataclass
class Answering:
    """An API server that fails in this order, and then answers."""

    failures: Sequence[Exception]
    asked: list[str | None] = field(default_factory=list)

    async def page(self, resource: Resource, namespace: str | None, fields: Mapping[str, str], most: int) -> list[Any]:
        self.asked.append(namespace)
        if len(self.asked) <= len(self.failures):
            raise self.failures[len(self.asked) - 1]
        return []


CASES: dict[str, tuple[Sequence[Exception], str]] = {
    "all is there": ([], ""),
    "the API server is away for ten minutes": ([AWAY] * 300, ""),
    "it comes up: its paths, its roles": ([AWAY, BOOTING, FORBIDDEN, FORBIDDEN], ""),
    "it comes up, goes, and comes up again": ([*[FORBIDDEN] * 4, AWAY, *[FORBIDDEN] * 4], ""),
    "it is asked too much": ([ApiError(429, "too many requests")] * 30, ""),
    "nobody lets us see it": ([FORBIDDEN] * 5, "modelrollouts: .*cannot list it"),
    "there is no such type": ([NO_SUCH] * 5, "the CRD of ModelRollout is not installed"),
}


@pytest.mark.parametrize("case", CASES)
def test_only_what_is_said_again_and_again_ends_the_process(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    failures, words = CASES[case]
    monkeypatch.setattr(prerequisites, "AGAIN", 0.0)
    server: Any = Answering(failures)
    waiting = wait_for_types(server, ("a", "b"), asyncio.Event())
    if words:
        with pytest.raises(CannotStart, match=words):
            asyncio.run(waiting)
        return
    assert asyncio.run(waiting) is True
    assert server.asked[len(failures) :] == ["a", "b", "a", "b"], "both types, in each namespace"


def test_who_is_told_to_stop_waits_no_longer() -> None:
    async def body() -> bool:
        stop = asyncio.Event()
        stop.set()
        server: Any = Answering([AWAY] * 1000)
        return await wait_for_types(server, (), stop)

    assert asyncio.run(body()) is False
