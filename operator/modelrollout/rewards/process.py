"""The gateway as a process: it serves from the operator's first list to SIGTERM, and is scraped a last time after that.

What was acknowledged is in the counters and nowhere else until Prometheus has scraped them. So a planned end refuses
rewards at once and shows /metrics for one more scrape interval.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import aiohttp
from yarl import URL

from modelrollout.adapters.listening import serve_http, signals, until_told
from modelrollout.api.base import format_duration
from modelrollout.rewards.counts import Counts
from modelrollout.rewards.gateway import Gateway
from modelrollout.rewards.intake import EARLY, Intake
from modelrollout.rewards.keys import Keys
from modelrollout.rewards.known import Known
from modelrollout.rewards.memory import Memory
from modelrollout.rewards.server import application
from modelrollout.rewards.settings import Settings
from modelrollout.rewards.watch import Watch

log = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, and for ``drain`` seconds more; a second signal ends that. Raises CannotServe,
    BadKeys, or whatever ended a part that must not end."""
    heard = signals()
    keys = Keys(settings.hmac_key_file) if settings.hmac_key_file is not None else None
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        gateway = build(settings, session, keys)
        # Not decompressed: what is signed is what is sent, and a small body stays small.
        async with serve_http("--listen", settings.listen, application(gateway)):
            parts = [gateway.watch.run(), *([keys.run()] if keys is not None else [])]
            await until_told(heard, parts, lambda: _drain(gateway, settings.drain), settings.drain)


def _drain(gateway: Gateway, seconds: float) -> None:
    gateway.draining = True
    log.info("no more rewards; /metrics is shown for %s", format_duration(seconds))


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
