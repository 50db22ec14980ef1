"""Asks the operator what is on trial: every few seconds, and at once when a decision is newer than the list.

The gateway has no rights in the cluster. While the operator is away the last list holds, and its age is told: nothing
begins or ends without the operator. Of several replicas one knows; so each address that its name has is asked.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from pydantic import ValidationError
from yarl import URL

from modelrollout.api.live import LiveTrials
from modelrollout.rewards.known import Known

LEAST = 1.0  # seconds between two questions, whoever wants to know
_TIMEOUT = 3.0  # seconds for one answer

log = logging.getLogger(__name__)


class NoAnswer(Exception):
    """Nobody said what is on trial; the message says who was asked and what came of it."""


@dataclass(slots=True)
class Watch:
    """The newest list. ``told`` is called with each."""

    url: URL
    session: aiohttp.ClientSession
    every: float
    told: Callable[[LiveTrials], None]
    clock: Callable[[], float] = time.time
    known: Known | None = None
    _wanted: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _next: asyncio.Future[None] = field(init=False)
    _silent: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._next = asyncio.get_running_loop().create_future()

    @property
    def age(self) -> float:
        """Seconds since the list was asked for; infinite before the first."""
        return max(0.0, self.clock() - self.known.at) if self.known is not None else float("inf")

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            asked = time.monotonic()
            await self._ask()
            try:
                async with asyncio.timeout(self.every):
                    await self._wanted.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(asked + LEAST - time.monotonic())

    async def newer(self) -> None:
        """Returns when the operator has been asked once more, whatever came of it. All who wait share one question."""
        self._wanted.set()
        await asyncio.shield(self._next)

    async def _ask(self) -> None:
        answered, self._next = self._next, asyncio.get_running_loop().create_future()
        self._wanted.clear()
        asked = self.clock()
        try:
            listed = await ask(self.session, self.url)
        except NoAnswer as error:
            if not self._silent:
                log.warning("%s; what was on trial before still is, until it answers", error)
            self._silent = True
        else:
            self.known, self._silent = Known.of(listed, asked), False
            self.told(listed)
        finally:
            answered.set_result(None)


async def ask(session: aiohttp.ClientSession, url: URL) -> LiveTrials:
    """What the replica that knows says. Raises NoAnswer."""
    heard = []
    try:
        async with asyncio.timeout(_TIMEOUT):
            for address in await _addresses(url):
                answer = await _one(session, url, address)
                if isinstance(answer, LiveTrials):
                    return answer
                heard.append(f"{address}: {answer}")
    except (OSError, TimeoutError) as error:
        heard.append(str(error) or "no answer in time")
    raise NoAnswer(f"{url}: {'; '.join(heard)}")


async def _addresses(url: URL) -> list[str]:
    """Of a headless Service one for each replica."""
    found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _one(session: aiohttp.ClientSession, url: URL, address: str) -> LiveTrials | str:
    """One replica's list, or why there is none."""
    headers = {"Host": url.authority}
    try:
        async with session.get(url.with_host(address), headers=headers, allow_redirects=False) as answer:
            if answer.status != 200:
                return f"status {answer.status}"
            return LiveTrials.model_validate_json(await answer.read())
    except ValidationError as error:
        return f"no list of trials ({error.error_count()} faults)"
    except aiohttp.ClientError as error:
        return str(error) or type(error).__name__
