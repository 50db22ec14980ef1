"""Requests at times that are set beforehand, over connections that stay open.

The time of an answer is counted from when its request was due, not from when it could be sent: a gateway that stands
still for a second is late for everything that was due in it, and not for one request only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Answers:
    """What came back."""

    seconds: list[float] = field(default_factory=list)  # from when each was due
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


async def send(host: str, port: int, bodies: Sequence[bytes], rate: float, connections: int) -> Answers:
    """All bodies to /v1/rewards, ``rate`` a second, dealt out to the connections in turn."""
    answers = Answers()
    start = time.perf_counter() + 0.2
    dealt = [
        [(start + index / rate, bodies[index]) for index in range(first, len(bodies), connections)]
        for first in range(connections)
    ]
    await asyncio.gather(*(_connection(host, port, due, answers) for due in dealt))
    return answers


async def _connection(host: str, port: int, due: Sequence[tuple[float, bytes]], answers: Answers) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    head = f"POST /v1/rewards HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: ".encode()
    for at, body in due:
        if (wait := at - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        writer.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        status, answer = await _answer(reader)
        answers.seconds.append(time.perf_counter() - at)
        answers.statuses.append(status)
        answers.bodies.append(answer)
    writer.close()
    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)
