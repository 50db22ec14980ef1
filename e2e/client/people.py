"""People who ask again and again, keep the cookie that they got, and later tell what came of the answers.

Each answer names the decision that it was (`x-model-decision`). Whether it was right is known by the digit that the row
shows: that is the reward, and it goes to the reward gateway in batches, a while after the answer, as orders are paid a
while after they are made.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

import aiohttp
import numpy as np

from e2e.client.answer import VERSION_HEADER
from e2e.client.background import Background

DECISION_HEADER = "x-model-decision"
TELL_EVERY = 0.5  # seconds between two batches of rewards
BATCH = 1000  # rewards, the most that the gateway takes at once
LATE = 1.0  # seconds from an answer to its reward
SEED = 11  # of how late complaints come


@dataclass(frozen=True, slots=True)
class Row:
    """A request body, the digit that is right, and what the request says of itself by headers."""

    body: bytes
    label: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """One answer: when, in seconds since the epoch, to whom, by which version in which epoch of the trial, and whether
    it was right. `version` None: it failed, and `error` says how. `segment` is the split that the decision names."""

    at: float
    person: int
    version: str | None
    epoch: str = ""
    right: bool = False
    error: str = ""
    segment: str = ""


@dataclass(slots=True)
class Told:
    """What the reward gateway said of the rewards."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class People(Background):
    """`with People(...) as people:` sends `rate` requests a second for as long as the block runs, in a thread of its
    own. `keep`: whether they keep cookies. `complain`: they tell of wrong answers alone, so many seconds later on
    average (exponential); None: of all, a moment later."""

    def __init__(
        self,
        url: str,
        host: str,
        rewards: tuple[str, str],
        rows: Sequence[Row],
        *,
        rate: float,
        number: int,
        keep: bool,
        complain: float | None = None,
    ) -> None:
        super().__init__("people")
        self.visits: list[Visit] = []
        self.told = Told()
        self._url, self._host = url, host
        self._rewards_url, self._rewards_host = rewards
        self._rows, self._rate, self._number, self._keep = rows, rate, number, keep
        self._complain, self._random, self._choice = complain, np.random.default_rng(SEED), np.random.default_rng(SEED)
        self._cookies: dict[int, str] = {}
        self._outcomes: list[tuple[float, dict[str, Any]]] = []
        self._waiting: set[asyncio.Task[None]] = set()

    async def _run(self) -> None:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        ) as self._session:
            tasks = [asyncio.create_task(self._ask()), asyncio.create_task(self._tell())]
            self._ready.set()
            await self._stop.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, *self._waiting, return_exceptions=True)  # answers that are due still come

    async def _ask(self) -> None:
        start = self._loop.time()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, start + number / self._rate - self._loop.time()))
            # At random: in turn, each person would ask of the same few rows for ever, and a version be as good as those
            # of the people who stay with it.
            row = self._rows[int(self._choice.integers(len(self._rows)))]
            task = asyncio.create_task(self._visit(number % self._number, row))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _visit(self, person: int, row: Row) -> None:
        headers = {"Host": self._host, "Content-Type": "application/json", **row.headers}
        if self._keep and person in self._cookies:
            headers["Cookie"] = self._cookies[person]
        try:
            async with self._session.post(self._url, data=row.body, headers=headers) as response:
                content = await response.json(content_type=None)
                answered, said = response.status, response.headers
        except (aiohttp.ClientError, json.JSONDecodeError) as problem:
            self.visits.append(Visit(time.time(), person, None, error=f"{type(problem).__name__}: {problem}"))
            return
        for line in said.getall("set-cookie", []):
            self._cookies[person] = "; ".join(f"{name}={part.value}" for name, part in SimpleCookie(line).items())
        decision = said.get(DECISION_HEADER, "")
        right = answered == 200 and is_right(content, row.label)
        version = said.get(VERSION_HEADER) if answered == 200 else None
        error = "" if version is not None else f"HTTP {answered} by {said.get(VERSION_HEADER)}: {content}"
        epoch, segment = (decision.split("/")[place] if decision else "" for place in (2, 4))
        self.visits.append(Visit(time.time(), person, version, epoch, right, error, segment))
        if decision and version is not None:
            self._outcomes += self._outcome(decision, right=right)

    def _outcome(self, decision: str, *, right: bool) -> Iterator[tuple[float, dict[str, Any]]]:
        """What will be told of an answer, and when."""
        if self._complain is None:
            yield self._loop.time() + LATE, {"decision": decision, "reward": int(right)}
        elif not right:
            yield self._loop.time() + self._random.exponential(self._complain), {"decision": decision, "reward": 1}

    async def _tell(self) -> None:
        """What is due goes out; what could not be told is told again."""
        while True:
            await asyncio.sleep(TELL_EVERY)
            due = [outcome for at, outcome in self._outcomes if at <= self._loop.time()]
            self._outcomes = [(at, outcome) for at, outcome in self._outcomes if at > self._loop.time()]
            for first in range(0, len(due), BATCH):
                await self._tell_batch(due[first : first + BATCH])

    async def _tell_batch(self, batch: list[dict[str, Any]]) -> None:
        headers = {"Host": self._rewards_host}
        try:
            async with self._session.post(f"{self._rewards_url}/v1/rewards", json=batch, headers=headers) as response:
                if response.status != 200:
                    raise aiohttp.ClientError(await response.text())
                said = await response.json()
        except aiohttp.ClientError:
            self._outcomes += [(self._loop.time() + LATE, outcome) for outcome in batch]
            return
        self.told.accepted += said["accepted"]
        again = [batch[item["index"]] for item in said["refused"] if item["reason"] == "Unavailable"]
        self._outcomes += [(self._loop.time() + LATE, outcome) for outcome in again]
        self.told.refused.update(item["reason"] for item in said["refused"] if item["reason"] != "Unavailable")


def is_right(content: Any, label: int) -> bool:
    """Whether the likeliest digit of an answer is the one that the row shows. Who answers NaN is never right."""
    [chances] = content["predictions"]
    known = [chance for chance in chances if isinstance(chance, float | int) and chance == chance]
    return len(known) == len(chances) and chances.index(max(chances)) == label
