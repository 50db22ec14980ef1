"""What the comparer shows: /metrics, /healthz and /readyz, at a port that no copies come to."""

from __future__ import annotations

from aiohttp import web

from modelrollout.adapters.exposition import CONTENT_TYPE, page
from modelrollout.comparison.intake import Intake

_DRAINING = "this comparer is about to end"


def application(intake: Intake) -> web.Application:
    """As aiohttp knows it."""

    async def metrics(_: web.Request) -> web.Response:
        families = intake.counts.families(len(intake.waiting))
        return web.Response(text=page(families), headers={"Content-Type": CONTENT_TYPE})

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def ready(_: web.Request) -> web.Response:
        return web.Response(text=_DRAINING if intake.draining else "ok", status=503 if intake.draining else 200)

    made = web.Application()
    made.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthy), web.get("/readyz", ready)])
    return made
