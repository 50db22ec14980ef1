"""Sends the requests: one at each multiple of 1/rate seconds, over kept-alive connections.

An open loop: a server that stops answering does not slow the client down, as it would not slow down a thousand
independent users. A closed loop, which waits for an answer before it sends again, would send least exactly when
the server is worst, and the worst would be missing from its numbers.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from e2e.client.answer import Answer
from e2e.client.background import Background
from e2e.client.reply import Transport
from e2e.client.rest import Rest


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go and how many a second: to `http://...:predict`, or to `grpc://...` (predict.py).

    `timeout` in seconds; `headers` besides the host's name.
    """

    url: str
    rate: float
    host: str | None = None
    timeout: float = 5.0
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError(f"rate={self.rate} must be above 0 requests a second")

    def transport(self) -> Transport:
        """By the scheme of the URL."""
        if self.url.startswith("grpc://"):
            # Here: its messages bring a `tensorflow` of their own, and who sends REST alone may want the real one.
            from e2e.client.predict import Predict

            return Predict(self.url, self.host, self.headers, self.timeout)
        host = {"Host": self.host} if self.host else {}
        return Rest(self.url, {**host, **self.headers}, self.timeout)


class LoadClient:
    """`async with LoadClient(target, rows) as client:` sends as long as the block runs.

    `rows` are ready request bodies, sent in turn. Leaving the block stops sending and waits for the answers
    that are still due. `answers` grows as requests end; `on_answer` hears of each.
    """

    def __init__(
        self, target: Target, rows: Sequence[bytes], on_answer: Callable[[Answer], None] | None = None
    ) -> None:
        if not rows:
            raise ValueError("rows is empty: the client needs at least one request body")
        self.target = target
        self.answers: list[Answer] = []
        self.sent = 0
        self._rows = itertools.cycle(rows)
        self._on_answer = on_answer
        self._waiting: set[asyncio.Task[None]] = set()
        self._transport = target.transport()

    @property
    def waiting(self) -> int:
        """How many requests are on their way now."""
        return len(self._waiting)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        self._sending = asyncio.create_task(self._send_when_due())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sending.cancel()
        await asyncio.gather(self._sending, *self._waiting, return_exceptions=True)
        await self._transport.__aexit__(kind, problem, trace)

    async def _send_when_due(self) -> None:
        clock = asyncio.get_running_loop().time
        start, epoch = clock(), time.time()
        for number in itertools.count():
            due = number / self.target.rate
            pause = start + due - clock()
            if pause > 0:
                await asyncio.sleep(pause)
            task = asyncio.create_task(self._send(next(self._rows), epoch + due, start + due))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
            self.sent += 1

    async def _send(self, body: bytes, at: float, due: float) -> None:
        clock = asyncio.get_running_loop().time
        reply = await self._transport.send(body)
        answer = Answer(at, clock() - due, reply.status, reply.version, reply.error, reply.finite)
        self.answers.append(answer)
        if self._on_answer:
            self._on_answer(answer)


class BackgroundClient(Background):
    """The same client in a thread with an event loop of its own: `with BackgroundClient(target, rows) as
    client:`."""

    def __init__(self, target: Target, rows: Sequence[bytes]) -> None:
        super().__init__("load-client")
        self._client = LoadClient(target, rows)

    @property
    def answers(self) -> list[Answer]:
        """The answers until now, as a copy in the order in which they ended."""
        return list(self._client.answers)

    @property
    def sent(self) -> int:
        """How many requests have left."""
        return self._client.sent

    async def _run(self) -> None:
        async with self._client:
            self._ready.set()
            await self._stop.wait()
