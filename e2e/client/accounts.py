"""Callers that a service can tell from each other: by an id of their own, or by what the last answer told them to send.

In a closed loop, one request of each at a time: what is asked here is who answers whom, and not how fast.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc

from e2e.client.answer import VERSION_HEADER
from e2e.client.background import Background
from e2e.client.predict import METHOD, predict_request
from e2e.client.rest import Rest

ID_HEADER = "x-account"
TIMEOUT = 5.0  # seconds


@dataclass(slots=True)
class Account:
    """One caller. ``answers`` are when, in seconds since the epoch, and by which version; None: it failed, and
    ``errors`` say how."""

    name: str
    answers: list[tuple[float, str | None]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def versions(self, since: float) -> list[str]:
        """Those that have answered requests sent after some time."""
        return [version for at, version in self.answers if at > since and version is not None]


def accounts(number: int) -> list[Account]:
    """With UUIDs for ids, by a hash: the same in each run."""
    return [Account(str(uuid.uuid5(uuid.NAMESPACE_URL, f"account {index}"))) for index in range(number)]


class Accounts(Background):
    """`with Accounts(...) as them:` lets each of them ask about once every ``pause`` seconds, for as long as the block
    runs, in a thread of its own."""

    def __init__(self, url: str, host: str, bodies: Sequence[bytes], number: int, pause: float = 2.0) -> None:
        super().__init__("accounts")
        self.all = accounts(number)
        self._url, self._host, self._bodies, self._pause = url, host, bodies, pause

    async def _run(self) -> None:
        self._ready.set()
        await asyncio.gather(*(self._ask(account, index) for index, account in enumerate(self.all)))

    async def _ask(self, account: Account, index: int) -> None:
        await asyncio.sleep(self._pause * index / len(self.all))  # not all at once
        async with Rest(self._url, {"Host": self._host, ID_HEADER: account.name}, TIMEOUT) as rest:
            while not self._stop.is_set():
                at = time.time()
                reply = await rest.send(self._bodies[index % len(self._bodies)])
                answered = reply.status == 200
                account.answers.append((at, reply.version if answered else None))
                if not answered:
                    account.errors.append(f"HTTP {reply.status} by {reply.version}: {reply.error}")
                await asyncio.sleep(self._pause)

    def wait_for_rounds(self, rounds: int, since: float, timeout: float = 60.0) -> None:
        """Until each of them has asked so often after ``since`` and heard of it. Raises AssertionError when that takes
        more than ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while any(sum(at > since for at, _ in account.answers) < rounds for account in self.all):
            assert time.monotonic() < deadline, f"not each of them has asked {rounds} times within {timeout:.0f} s"
            time.sleep(0.1)


class Echoing:
    """A caller by gRPC that sends back the header that the last answer carried."""

    def __init__(self, channel: grpc.Channel, model: str, header: str) -> None:
        self.echo: str | None = None
        self.versions: list[str] = []
        self._call = channel.unary_unary(METHOD)
        self._model, self._header = model, header

    def ask(self, body: bytes) -> None:
        """One call. Raises grpc.RpcError when it fails."""
        metadata = ((self._header, self.echo),) if self.echo is not None else ()
        request = predict_request(body, self._model, "pixels")
        _, call = self._call.with_call(request, timeout=TIMEOUT, metadata=metadata)
        told = dict(call.initial_metadata())
        self.echo = told.get(self._header)
        self.versions.append(str(told[VERSION_HEADER]))
