"""Connections to model servers are kept: a new one for each replay costs the server, and so its users, more than the
answer. One that the server has just closed is no failure of the version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from modelrollout.api.compared import Outcome
from modelrollout.comparison.copy import Copy, Protocol
from modelrollout.comparison.servers import connected
from modelrollout.comparison.settings import Place

ANSWER = b'{"predictions": [1.0]}'
COPY = Copy(Protocol.REST, "/v1/models/digits:predict", b'{"instances": [[1.0]]}', {"Content-Type": "application/json"})


@dataclass
class Server:
    """Answers so many requests of a connection, and closes it when the next one comes."""

    answers: int
    connections: int = 0
    asked: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        for _ in range(self.answers):
            if not await self._read(reader):
                break
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
            writer.write(head.encode() + ANSWER)
        else:
            await self._read(reader)
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        except asyncio.IncompleteReadError:
            return False
        length = next(line for line in head.splitlines() if line.startswith("content-length:"))
        await reader.readexactly(int(length.partition(":")[2]))
        self.asked += 1
        return True


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[int]:
    """At a port of its own."""
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for writer in server.writers:
            writer.close()


async def ask(server: Server, times: int) -> list[Outcome]:
    """So many replays, one after the other."""
    async with listening(server) as port, connected({"1.1.2": Place("127.0.0.1", port, 1)}, 5.0, None) as servers:
        return [(await servers.ask("1.1.2", COPY)).outcome for _ in range(times)]


def test_replays_share_connections() -> None:
    server = Server(answers=1000)
    assert asyncio.run(ask(server, 60)) == [Outcome.OK] * 60
    assert server.connections < 30


@pytest.mark.parametrize("answers", [1, 3])
def test_a_connection_that_was_just_closed_is_no_failure(answers: int) -> None:
    server = Server(answers)
    assert asyncio.run(ask(server, 20)) == [Outcome.OK] * 20
    assert server.connections > 20 / (answers + 1)


def test_a_server_that_answers_nobody_fails() -> None:
    assert asyncio.run(ask(Server(answers=0), 3)) == [Outcome.FAILED] * 3
