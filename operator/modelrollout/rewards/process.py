"""The gateway as a process: it serves from the operator's first list to SIGTERM, and is scraped a last time after that.

What was acknowledged is in the counters and nowhere else until Prometheus has scraped them. So a planned end refuses
rewards at once and shows /metrics for one more scrape interval.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import aiohttp
from yarl import URL

from modelrollout.api.base import format_duration
from modelrollout.rewards.counts import Counts
from modelrollout.rewards.gateway import Gateway
from modelrollout.rewards.intake import EARLY, Intake
from modelrollout.rewards.keys import Keys
from modelrollout.rewards.known import Known
from modelrollout.rewards.memory import Memory
from modelrollout.rewards.server import serve
from modelrollout.rewards.settings import Settings
from modelrollout.rewards.watch import Watch

log = logging.getLogger(__name__)


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
