"""The gateway as a process: it serves from the operator's first list to SIGTERM, and is scraped a last time after that.

What was acknowledged is in the counters and nowhere else until Prometheus has scraped them. So a planned end refuses
rewards at once and shows /metrics for one more scrape interval.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from modelrollout.adapters.exposition import CONTENT_TYPE, Family, page
from modelrollout.api.base import format_duration
from modelrollout.rewards.counts import Counts
from modelrollout.rewards.gateway import LARGEST, Gateway
from modelrollout.rewards.intake import EARLY, Intake
from modelrollout.rewards.keys import Keys
from modelrollout.rewards.known import Known
from modelrollout.rewards.memory import Memory
from modelrollout.rewards.settings import Settings
from modelrollout.rewards.watch import Watch

log = logging.getLogger(__name__)


class CannotServe(Exception):
    """The gateway cannot begin; the message says what is wrong and how to put it right."""


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, and for ``drain`` seconds more; a second signal ends that. Raises CannotServe,
    BadKeys, or whatever ended a part that must not end."""
    signals = _signals()
    keys = Keys(settings.hmac_key_file) if settings.hmac_key_file is not None else None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        gateway = build(settings, session, keys)
        async with serve(settings.listen, gateway):
            parts = [gateway.watch.run(), *([keys.run()] if keys is not None else [])]
            await _until(signals, parts, gateway, settings.drain)


def build(
    settings: Settings,
    session: aiohttp.ClientSession,
    keys: Keys | None = None,
    clock: Callable[[], float] = time.time,
    timer: Callable[[], float] = time.monotonic,
) -> Gateway:
    """The parts, in the order in which they depend on each other. ``clock`` gives the time of day."""
    counts = Counts(timer)
    memory = Memory(settings.window + EARLY, settings.remember, timer)
    watch = Watch(URL(settings.operator) / "v1" / "arms", session, settings.poll, counts.follow, clock)

    def known() -> Known:
        assert watch.known is not None, "the gateway asks for the list before it takes rewards"
        return watch.known

    intake = Intake(known, memory, counts, settings.window, settings.max_reward, clock)
    return Gateway(intake, counts, watch, keys)


@asynccontextmanager
async def serve(listen: str, gateway: Gateway) -> AsyncIterator[None]:
    """Serve at ``host:port`` as long as the context is open. Raises CannotServe."""
    # Not decompressed: what is signed is what is sent, and a small body stays small.
    runner = web.AppRunner(application(gateway), access_log=None, shutdown_timeout=2, auto_decompress=False)
    await runner.setup()
    host, _, port = listen.rpartition(":")
    try:
        try:
            await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
        except OSError as error:
            raise CannotServe(f"--listen: {listen} cannot be served: {error}") from error
        yield
    finally:
        await runner.cleanup()


def application(gateway: Gateway) -> web.Application:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=page(_families(gateway)), headers={"Content-Type": CONTENT_TYPE})

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def ready(_: web.Request) -> web.Response:
        words = gateway.not_ready()
        return web.Response(text=words or "ok", status=503 if words else 200)

    application = web.Application(client_max_size=LARGEST)
    application.add_routes([web.post("/v1/rewards", gateway.post), web.get("/metrics", metrics)])
    application.add_routes([web.get("/healthz", healthy), web.get("/readyz", ready)])
    return application


def _families(gateway: Gateway) -> Iterator[Family]:
    yield from gateway.counts.families()
    memory = gateway.intake.memory
    for name, kind, text, value in (
        (
            "modelrollout_rewards_list_age_seconds",
            "gauge",
            "Since the operator said what is on trial.",
            gateway.watch.age,
        ),
        ("modelrollout_rewards_remembered", "gauge", "Ids of requests that were rewarded.", len(memory)),
        ("modelrollout_rewards_forgotten_total", "counter", "Ids that went before their time.", memory.forgotten),
    ):
        yield name, kind, text, [("", {}, value)]


def _signals() -> asyncio.Queue[int]:
    """What the process is told. As process 1 of a container there is no default action for SIGTERM."""
    heard: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, heard.put_nowait, number)
    return heard


async def _until(
    signals: asyncio.Queue[int], parts: list[Coroutine[Any, Any, None]], gateway: Gateway, drain: float
) -> None:
    """Work until the first signal, or until a part ends that must not; then be scraped a last time."""
    told = asyncio.ensure_future(signals.get())
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
        gateway.draining = True
        log.info("no more rewards; /metrics is shown for %s", format_duration(drain))
        with suppress(TimeoutError):
            await asyncio.wait_for(signals.get(), drain)
    finally:
        for running in (told, *tasks):
            running.cancel()
        await asyncio.gather(told, *tasks, return_exceptions=True)
