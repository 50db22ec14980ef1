"""What the gateway serves: rewards, /metrics, /healthz and /readyz.

It is alive whatever the operator does, so that nobody starts it again for that and loses what it counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web

from modelrollout.adapters.exposition import CONTENT_TYPE, Family, page
from modelrollout.rewards.gateway import LARGEST, Gateway


def application(gateway: Gateway) -> web.Application:
    """All of it as aiohttp knows it."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=page(_families(gateway)), headers={"Content-Type": CONTENT_TYPE})

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def ready(_: web.Request) -> web.Response:
        words = gateway.not_ready()
        return web.Response(text=words or "ok", status=503 if words else 200)

    made = web.Application(client_max_size=LARGEST)
    made.add_routes([web.post("/v1/rewards", gateway.post), web.get("/metrics", metrics)])
    made.add_routes([web.get("/healthz", healthy), web.get("/readyz", ready)])
    return made


def _families(gateway: Gateway) -> Iterator[Family]:
    yield from gateway.counts.families()
    memory, age = gateway.intake.memory, gateway.watch.age
    name = "modelrollout_rewards_list_age_seconds"
    yield name, "gauge", "Since the operator said what is on trial.", [("", {}, age)]
    name = "modelrollout_rewards_remembered"
    yield name, "gauge", "Ids of requests that were rewarded.", [("", {}, len(memory))]
    name = "modelrollout_rewards_forgotten_total"
    yield name, "counter", "Ids that were forgotten before their time.", [("", {}, memory.forgotten)]
