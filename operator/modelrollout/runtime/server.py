"""/metrics, /healthz and /readyz over HTTP.

Alive means that work moves: a process that answers while its queue stands still is dead and should be started again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from modelrollout.runtime.telemetry import Telemetry

Problem = Callable[[], str | None]
"""What is wrong, or None."""


@asynccontextmanager
async def serve(listen: str, telemetry: Telemetry, alive: Problem, ready: Problem) -> AsyncIterator[None]:
    """Serve at ``host:port`` as long as the context is open."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=telemetry.render(), headers={"Content-Type": "text/plain; version=0.0.4"})

    application = web.Application()
    application.add_routes(
        [web.get("/metrics", metrics), web.get("/healthz", _probe(alive)), web.get("/readyz", _probe(ready))]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = listen.rpartition(":")
    try:
        await web.TCPSite(runner, host or None, int(port), shutdown_timeout=1).start()
        yield
    finally:
        await runner.cleanup()


def _probe(problem: Problem) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        words = problem()
        return web.Response(text=words or "ok", status=503 if words else 200)

    return answer
