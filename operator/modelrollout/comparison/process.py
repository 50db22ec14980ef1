"""The comparer as a process: it takes copies until SIGTERM, and is scraped a last time after that.

It takes them from its start on, whether model servers are there or not: what they do not answer is counted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from modelrollout.adapters.listening import serve_http, signals, until_told
from modelrollout.api.base import format_duration
from modelrollout.comparison.compare import Comparison
from modelrollout.comparison.counts import Counts
from modelrollout.comparison.examples import Examples
from modelrollout.comparison.grpc_copies import serve_grpc
from modelrollout.comparison.intake import Intake
from modelrollout.comparison.replay import Replays
from modelrollout.comparison.rest import PARSER, Rest
from modelrollout.comparison.server import application
from modelrollout.comparison.servers import connected
from modelrollout.comparison.settings import Settings
from modelrollout.comparison.tally import Tally
from modelrollout.comparison.waiting import Waiting

AT_A_TIME = 32  # copies that are replayed; with a hung arm and a timeout of 2 s still ten in a second

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparer:
    """The parts of one process, once they are built."""

    intake: Intake
    replays: Replays

    def drain(self, seconds: float) -> None:
        """Take no more copies. Those that wait are still replayed."""
        self.intake.draining = True
        log.info("no more requests are taken; /metrics is shown for %s", format_duration(seconds))


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, and for ``drain`` seconds more; a second signal ends that. Raises CannotServe, or
    whatever ended a part that must not end."""
    heard = signals()
    # What it says of requests that it cannot read has parts of them in it.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    async with (
        built(settings) as comparer,
        serve_http("--listen", settings.listen, application(comparer.intake)),
        serve_http("--listen-rest", settings.listen_rest, Rest(comparer.intake).application(), **PARSER),
        serve_grpc(settings.listen_grpc, comparer.intake),
    ):
        parts = [comparer.replays.run() for _ in range(AT_A_TIME)]
        await until_told(heard, parts, lambda: comparer.drain(settings.drain), settings.drain)


@asynccontextmanager
async def built(settings: Settings) -> AsyncIterator[Comparer]:
    """The parts, in the order in which they depend on each other; connections are open as long as the context is."""
    shadow, control, arms = settings.shadow, settings.control, settings.arms
    labels = {"rollout_namespace": settings.namespace, "rollout": settings.rollout, "trial": settings.trial}
    counts = Counts(labels, control, arms, time.time())
    waiting, comparison = Waiting(), Comparison(shadow.compare)
    examples = Examples(control, shadow.compare, time.monotonic)
    tally = Tally(control, comparison, counts, examples)
    async with connected(settings.places, shadow.timeout, comparison.only_rule) as servers:
        rng, noise = np.random.default_rng(), shadow.noise_sample / 100
        yield Comparer(
            Intake(waiting, counts, shadow.max_body),
            Replays(control, arms, noise, waiting, servers, tally, rng),
        )
