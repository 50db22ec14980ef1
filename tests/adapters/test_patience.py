"""Who reads while the API server is away or asked too much: one asks for all, and all go on at one moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
import pytest

from modelrollout.adapters import patience
from modelrollout.adapters.patience import TOO_MANY, TRIES, Answer, Line

READERS = 50
WELL, BUSY, AWAY = Answer(200, b"{}", None), Answer(TOO_MANY, b"{}", "3"), None
NOBODY_BEHIND = Answer(503, b"no healthy upstream", None)


@dataclass
class Server:
    """Answers so, in order, once the first requests of all readers are in; then well. None: it cannot be reached."""

    answers: Sequence[Answer | None]
    asked: list[int] = field(default_factory=list)
    under_way: int = 0
    most: int = 0  # under way at one time, after the first of each reader

    def reader(self, number: int) -> Callable[[], asyncio.Future[Answer]]:
        def ask() -> asyncio.Future[Answer]:
            return asyncio.ensure_future(self._ask(number))

        return ask

    async def _ask(self, number: int) -> Answer:
        self.asked.append(number)
        count, self.under_way = len(self.asked), self.under_way + 1
        if count > READERS:
            self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        first = self.answers[0] if self.answers else WELL
        later = self.answers[count - READERS] if READERS <= count < READERS + len(self.answers) else WELL
        answer = first if count <= READERS else later
        if answer is None:
            raise aiohttp.ClientConnectionError("connection refused")
        return answer


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each wait; nobody waits for them."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(patience, "sleep", sleep)
    return waits


def read(server: Server) -> list[int]:
    """The statuses that all readers get."""

    async def body() -> list[int]:
        line = Line()
        found = await asyncio.gather(*(line.ask(server.reader(number)) for number in range(READERS)))
        return [answer.status for answer in found]

    return asyncio.run(body())


CASES: dict[str, tuple[Sequence[Answer | None], int, list[float]]] = {
    "all is well": ([], 0, []),
    "it is away for ten minutes": ([AWAY] * 601, 600, [1.0] * 601),
    "429, and how long to wait": ([BUSY, BUSY, BUSY], 2, [3.0, 3.0, 5.0]),
    "a load balancer with nobody behind it": ([NOBODY_BEHIND] * 3, 2, [1.0, 1.0, 2.0]),
    "away, and then 429 while it comes up": ([AWAY, AWAY, BUSY], 2, [1.0, 1.0, 3.0]),
}


@pytest.mark.parametrize("case", CASES)
def test_one_asks_for_all(case: str, slept: list[float]) -> None:
    answers, in_vain, waits = CASES[case]
    server = Server(answers)
    assert read(server) == [200] * READERS
    assert len(server.asked) == READERS * (2 if answers else 1) + in_vain, (
        "all the others asked once more, when it was well"
    )
    assert slept == waits, "nobody but the one that asks for all has waited"


@pytest.mark.parametrize("answer", [BUSY, NOBODY_BEHIND], ids=["429", "503"])
def test_who_is_told_so_again_and_again_hears_of_it(answer: Answer, slept: list[float]) -> None:
    server = Server([answer] * (READERS * TRIES + 1))
    assert read(server) == [answer.status] * READERS
    assert server.most == 1, "they asked one after the other"


def test_who_gives_up_asking_for_all_leaves_that_to_the_next(slept: list[float]) -> None:
    async def body() -> list[int]:
        line, back = Line(), asyncio.Event()

        async def ask() -> Answer:
            await asyncio.sleep(0)
            if not back.is_set():
                raise aiohttp.ClientConnectionError("connection refused")
            return WELL

        readers = [asyncio.create_task(line.ask(ask)) for _ in range(READERS)]
        for _ in range(20):
            await asyncio.sleep(0)
        for reader in readers[:-1]:  # the one that asks, and all who wait but the last
            reader.cancel()
        await asyncio.sleep(0)
        back.set()
        return [(await readers[-1]).status, (await line.ask(ask)).status]

    assert asyncio.run(body()) == [200, 200]


def test_who_comes_later_waits_with_the_others(slept: list[float]) -> None:
    async def body() -> tuple[list[str], int]:
        line, told, back = Line(), list[str](), asyncio.Event()

        async def away() -> Answer:
            if not back.is_set():
                raise aiohttp.ClientConnectionError("connection refused")
            told.append("first")
            return WELL

        async def later() -> Answer:
            told.append("later")
            return WELL

        first = asyncio.create_task(line.ask(away))
        for _ in range(5):
            await asyncio.sleep(0)
        second = asyncio.create_task(line.ask(later))
        for _ in range(5):
            await asyncio.sleep(0)
        before = len(told)
        back.set()
        await asyncio.gather(first, second)
        return told, before

    assert asyncio.run(body()) == (["first", "later"], 0)
