"""A stage for the comparer: its real servers by REST and gRPC, beside model servers that say what a test tells them to.

The model servers are real HTTP and gRPC servers on this machine. What they answer is a function of the request alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
import grpc
import grpc.aio
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from modelrollout.adapters.listening import serve_http
from modelrollout.adapters.serving_probe import load
from modelrollout.api.shadow import Shadow
from modelrollout.comparison.grpc_copies import serve_grpc
from modelrollout.comparison.process import Comparer, built
from modelrollout.comparison.rest import PARSER, Rest
from modelrollout.comparison.server import application
from modelrollout.comparison.settings import Place, Settings

CONTROL, ARM, OTHER = "1.0.0", "1.1.0", "1.2.0"
PATH = "/v1/models/fraud:predict"
NAMES = 'rollout_namespace="prod",rollout="fraud",trial="17"'
PREDICT: Any = load("tensorflow_serving.apis.predict_pb2")
SERVICE = "/tensorflow.serving.PredictionService"

Rows = Callable[[list[Any]], Any]
"""The body of an answer for the instances of a request; or a response of aiohttp."""


def saying(value: Any) -> Rows:
    """The same to everybody."""
    return lambda _: value


def scoring(*scores: float) -> Rows:
    """These for each row."""
    return lambda rows: {"predictions": [list(scores)] * len(rows)}


def alternating(*answers: Any) -> Rows:
    """One after the other, and again from the first."""
    asked = -1

    def answer(_: list[Any]) -> Any:
        nonlocal asked
        asked += 1
        return answers[asked % len(answers)]

    return answer


@dataclass
class Model:
    """One version's servers."""

    answer: Rows
    asked: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def rest(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.raw_path, dict(request.headers), body))
        found = self.answer(json.loads(body).get("instances", []))
        if isinstance(found, Awaitable):
            found = await found
        return found if isinstance(found, web.StreamResponse) else web.json_response(found)

    async def predict(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        self.asked.append(("Predict", dict(context.invocation_metadata() or ()), request))
        found = self.answer([])
        if isinstance(found, grpc.StatusCode):
            await context.abort(found, "so the test says")
        return bytes(found)


@dataclass
class Stage:
    """One comparer, and the models by version."""

    comparer: Comparer
    models: Mapping[str, Model]
    session: aiohttp.ClientSession
    page_port: int
    rest_port: int
    grpc_port: int

    async def post(self, body: bytes | Any, path: str = PATH, **headers: str) -> int:
        """The status of the answer to one copy by REST."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            **{key.replace("_", "-"): value for key, value in headers.items()},
        }
        url = URL(f"http://127.0.0.1:{self.rest_port}{path}", encoded=True)
        async with self.session.post(url, data=BytesIO(data), headers=headers) as answer:
            assert await answer.read() == b""
            return answer.status

    async def call(self, body: bytes, method: str = f"{SERVICE}/Predict", **metadata: str) -> bytes:
        """The answer to one copy by gRPC."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            given = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
            return bytes(await channel.unary_unary(method)(body, metadata=given, timeout=30))

    async def ask(self, rows: int = 1, times: int = 1) -> None:
        """Copies of requests with so many rows, and their replays."""
        for _ in range(times):
            assert await self.post({"instances": [[1.0]] * rows}) == 202
        await self.replayed()

    async def until(self, name: str, **labels: str) -> None:
        """Wait for something to be counted that must come."""
        async with asyncio.timeout(60):
            while not await self.counted(name, **labels):  # noqa: ASYNC110  # the page is all that is seen from outside
                await asyncio.sleep(0.01)

    async def replayed(self) -> None:
        """Replay all that waits."""
        waiting = self.comparer.replays.waiting
        while len(waiting):
            await self.comparer.replays.replay(await waiting.next())

    async def metrics(self) -> dict[str, float]:
        """What is scraped: value by series, without the labels that all have."""
        async with self.session.get(f"http://127.0.0.1:{self.page_port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        series = (line.rpartition(" ") for line in lines if line[0] != "#")
        return {name.replace(NAMES + ",", "").replace(NAMES, ""): float(value) for name, _, value in series}

    async def counted(self, name: str, **labels: str) -> float:
        """One series of ``modelrollout_shadow_NAME``."""
        written = ",".join(f'{key}="{value}"' for key, value in labels.items())
        return (await self.metrics())[f"modelrollout_shadow_{name}{{{written}}}"]


Story = Callable[[Stage], Awaitable[None]]


def play(story: Story, control: Rows, *arms: Rows, **settings: Any) -> None:
    """A story from beginning to end. ``settings`` as in the spec; by default no noise is sampled."""

    async def body() -> None:
        versions = dict(zip((CONTROL, ARM, OTHER), (control, *arms), strict=False))
        async with staged({version: Model(rows) for version, rows in versions.items()}, settings) as stage:
            await story(stage)

    asyncio.run(body())


@asynccontextmanager
async def staged(models: Mapping[str, Model], settings: Mapping[str, Any]) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        places = {version: await stack.enter_async_context(serving(model)) for version, model in models.items()}
        shadow = Shadow.model_validate({"noiseSample": 0, "timeout": "30s", **settings})
        made = Settings("prod", "fraud", "17", CONTROL, places, shadow)
        comparer = await stack.enter_async_context(built(made))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        shown, copies = application(comparer.intake), Rest(comparer.intake).application()
        page = await stack.enter_async_context(serve_http("--listen", "127.0.0.1:0", shown))
        rest = await stack.enter_async_context(serve_http("--listen-rest", "127.0.0.1:0", copies, **PARSER))
        port = await stack.enter_async_context(serve_grpc("127.0.0.1:0", comparer.intake))
        yield Stage(comparer, models, session, page, rest, port)


@asynccontextmanager
async def serving(model: Model) -> AsyncIterator[Place]:
    """A model's servers."""
    app = web.Application()
    app.add_routes([web.post("/{path:.*}", model.rest)])
    handler = grpc.unary_unary_rpc_method_handler(model.predict)
    server = grpc.aio.server()
    service = SERVICE.removeprefix("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Predict": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with TestServer(app) as rest:
        assert rest.port is not None
        yield Place("127.0.0.1", rest.port, port)
    await server.stop(None)
