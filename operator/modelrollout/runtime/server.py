"""/metrics, /healthz, /readyz and /v1/arms over HTTP.

Alive means that work moves: a process that answers while its queue stands still is dead and should be started again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from modelrollout.adapters.exposition import CONTENT_TYPE
from modelrollout.api.live import LiveTrials
from modelrollout.runtime.telemetry import Telemetry

Problem = Callable[[], str | None]
"""What is wrong, or None."""

Known = Callable[[], LiveTrials | None]
"""The trials of now; None where they are not known."""

_STANDS_BY = "this replica does not know the trials: it stands by, or has just begun; ask the others, or again\n"


@asynccontextmanager
async def serve(listen: str, telemetry: Telemetry, alive: Problem, ready: Problem, arms: Known) -> AsyncIterator[None]:
    """Serve at ``host:port`` as long as the context is open."""

    async def metrics(_: web.Request) -> web.Response:
        text = await asyncio.to_thread(telemetry.render)
        return web.Response(text=text, headers={"Content-Type": CONTENT_TYPE})

    application = web.Application()
    application.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/healthz", _probe(alive)),
            web.get("/readyz", _probe(ready)),
            web.get("/v1/arms", _arms(arms)),
        ]
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    host, _, port = listen.rpartition(":")
    try:
        await web.TCPSite(runner, host or None, int(port)).start()
        yield
    finally:
        await runner.cleanup()


def _probe(problem: Problem) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        words = problem()
        return web.Response(text=words or "ok", status=503 if words else 200)

    return answer


def _arms(known: Known) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        trials = known()
        if trials is None:
            return web.Response(text=_STANDS_BY, status=503)
        return web.Response(text=trials.model_dump_json(by_alias=True), content_type="application/json")

    return answer
