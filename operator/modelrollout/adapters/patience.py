"""What becomes of a request that the API server has not taken: it cannot be reached, or it answers 429, or what stands
before it answers 502 or 503 in its place.

Who writes is told soon, because what was decided may be wrong later. Who reads waits: one asks again and again, and all
others wait for that one. A thousand who ask are of no use to a server that is sick, and they go on at one moment, when
it is well, in place of each at the end of a growing wait of its own.
"""

from __future__ import annotations

import logging
from asyncio import Lock, sleep
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import aiohttp

TOO_MANY = 429  # nothing of the request was carried out
_UNANSWERED = frozenset({TOO_MANY, 502, 503})  # of who reads; who writes cannot know what came of it
TRIES = 4
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said. ``retry_after`` as it stands in the header."""

    status: int
    text: bytes
    retry_after: str | None


Ask = Callable[[], Awaitable[Answer]]


def pause(retry_after: str | None, tries: int) -> float:
    """Seconds to wait after an answer 429: what the API server asks for, longer each time, and never long: a rollback
    may be waiting.
    https://kubernetes.io/docs/concepts/cluster-administration/flow-control/"""
    asked = float(retry_after) if retry_after is not None and retry_after.isdecimal() else 1.0
    return min(LONGEST_PAUSE, max(SHORTEST_PAUSE, asked) * tries)


async def ask_again(ask: Ask, unanswered: Collection[int] = (TOO_MANY,)) -> Answer:
    """An answer that is none of these, unless they are said ``TRIES`` times."""
    tries = 0
    while True:
        answer = await ask()
        tries += 1
        if answer.status not in unanswered or tries == TRIES:
            return answer
        await sleep(pause(answer.retry_after, tries))


class Line:
    """Those who read from one API server."""

    def __init__(self) -> None:
        self._first = Lock()  # held by the one that asks for all
        self._answers = 0  # that it had

    async def ask(self, ask: Ask) -> Answer:
        """At once while all is well; behind the one that asks for all while it is not. 429, 502 and 503 are given only
        when they are said ``TRIES`` times more; a server that cannot be reached is waited for without an end."""
        answers, wait = self._answers, 0.0
        if not self._first.locked():
            found = await _unless_unreached(ask)
            if found is not None and found.status not in _UNANSWERED:
                return found
            wait = pause(found.retry_after if found is not None else None, 1)
        async with self._first:
            if self._answers == answers:  # nobody has been answered meanwhile
                await sleep(wait)
                return await self._ask_for_all(ask)
        return await self.ask(ask)

    async def _ask_for_all(self, ask: Ask) -> Answer:
        async def patiently() -> Answer:
            while True:
                try:
                    return await ask()
                except aiohttp.ClientConnectionError as error:
                    log.warning("the API server cannot be reached, asking again: %s", error)
                    await sleep(pause(None, 1))

        found = await ask_again(patiently, _UNANSWERED)
        self._answers += found.status not in _UNANSWERED
        return found


async def _unless_unreached(ask: Ask) -> Answer | None:
    try:
        return await ask()
    except aiohttp.ClientConnectionError:
        return None
