"""A stage for the gateway: the real application over real HTTP, beside an operator that says what a test tells it to.

Only the clock is the test's own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from modelrollout.api.live import LiveTrial, LiveTrials
from modelrollout.rewards import watch
from modelrollout.rewards.gateway import Gateway
from modelrollout.rewards.keys import Keys
from modelrollout.rewards.process import build
from modelrollout.rewards.server import application
from modelrollout.rewards.settings import Settings

EPOCH = 1764179753
NOW = 1764183600.0
TRIAL = LiveTrial(
    namespace="prod",
    rollout="fraud",
    first_epoch=EPOCH,
    epoch=EPOCH,
    versions=("2.4.1186", "2.4.1187"),
    segments=("everybody",),
)
NAMES = 'rollout_namespace="prod",rollout="fraud",version="2.4.1187"'
SEGMENT = f'{NAMES},segment="everybody"'


def decision(**changes: object) -> str:
    """The header's value of one answer of a minute ago."""
    parts = {
        "namespace": "prod",
        "rollout": "fraud",
        "epoch": EPOCH,
        "version": "2.4.1187",
        "segment": "everybody",
        "at": int(NOW) - 60,
        "request": "6e0f",
    }
    return "/".join(str(value) for value in (parts | changes).values())


def reward(value: object = 1, **changes: object) -> dict[str, object]:
    """An outcome of that decision."""
    return {"decision": decision(**changes), "reward": value}


@dataclass
class Operator:
    """What the operator says: the trials, or with None that it does not know."""

    trials: tuple[LiveTrial, ...] | None = (TRIAL,)
    asked: int = 0

    async def arms(self, _: web.Request) -> web.Response:
        self.asked += 1
        if self.trials is None:
            return web.Response(status=503)
        return web.Response(text=LiveTrials(trials=self.trials).model_dump_json(by_alias=True))

    def application(self) -> web.Application:
        made = web.Application()
        made.add_routes([web.get("/v1/arms", self.arms)])
        return made


@dataclass
class Stage:
    """One gateway."""

    gateway: Gateway
    operator: Operator
    client: TestClient[web.Request, web.Application]
    now: list[float] = field(default_factory=lambda: [NOW])

    async def post(self, given: object, **headers: str) -> tuple[int, Any]:
        """Send something (bytes as they are); status and body of the answer."""
        body = given if isinstance(given, bytes) else json.dumps(given).encode()
        async with self.client.post("/v1/rewards", data=BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.json()

    async def metrics(self) -> dict[str, float]:
        """What is scraped: value by series."""
        async with self.client.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    async def get(self, path: str) -> tuple[int, str]:
        async with self.client.get(path) as answer:
            return answer.status, await answer.text()


Story = Callable[[Stage], Awaitable[None]]


def play(story: Story, *, operator: Operator | None = None, keys: Path | None = None, **settings: Any) -> None:
    """A story from beginning to end."""

    async def body() -> None:
        async with staged(operator or Operator(), keys, settings) as stage:
            await story(stage)

    asyncio.run(body())


@asynccontextmanager
async def staged(operator: Operator, keys: Path | None, settings: dict[str, Any]) -> AsyncIterator[Stage]:
    now = [NOW]
    async with TestServer(operator.application()) as server, aiohttp.ClientSession() as session:
        made = Settings(f"http://{server.host}:{server.port}", **settings)
        signed = Keys(keys) if keys is not None else None
        gateway = build(made, session, signed, clock=lambda: now[0], timer=lambda: now[0])
        async with TestClient(TestServer(application(gateway), auto_decompress=False)) as client:
            with mock.patch.object(watch, "LEAST", 0.02):
                asking = asyncio.create_task(gateway.watch.run())
                await gateway.watch.newer()
                yield Stage(gateway, operator, client, now)
                asking.cancel()
