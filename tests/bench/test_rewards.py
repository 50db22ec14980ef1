"""``bench.rewards``: a few requests through all of it, and lateness that is counted from when a request was due."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from bench.rewards.__main__ import TRIAL, body, measured
from bench.rewards.load import send
from bench.rewards.measures import Run, percentile
from bench.rewards.running import gateway, operator, until


def test_everything_that_is_sent_is_counted_once(tmp_path: Path) -> None:
    with operator(TRIAL) as url, gateway(tmp_path / "log", "--operator", url) as running:
        until(running.is_ready, "it is ready")
        single = measured(running, "one by one", rate=100, seconds=1, connections=5, size=1)
        batches = measured(running, "batches", rate=1000, seconds=1, connections=5, size=100)
    assert (single.accepted, single.rewards, len(single.seconds)) == (100, 100, 100)
    assert (batches.accepted, batches.rewards, len(batches.seconds)) == (1000, 1000, 10)


def test_who_waits_is_late_for_all_that_was_due_meanwhile() -> None:
    async def measure() -> list[float]:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Stands still for half a second at the first request."""
            wait = 0.5
            for _ in range(20):
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(2)
                await asyncio.sleep(wait)
                wait = 0
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            writer.close()

        async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return (await send("127.0.0.1", port, [b"{}"] * 20, 100, 1)).seconds

    assert sum(seconds > 0.2 for seconds in asyncio.run(measure())) >= 20


@pytest.mark.parametrize(("accepted", "slow", "met"), [(1000, 10, True), (1000, 11, False), (999, 0, False)])
def test_the_goal_is_met_by_99_of_100_and_by_all_counts(accepted: int, slow: int, met: bool) -> None:
    seconds = (0.001,) * (1000 - slow) + (1.0,) * slow
    assert Run("x", 1000, accepted, 1.0, 0.1, seconds).met is met
    assert percentile(seconds, 0.5) == 0.001


def test_no_two_rewards_are_the_same() -> None:
    assert len({body(title, number, 2) for title in ("a", "b") for number in range(50)}) == 100
    assert b"prod/fraud/1764179753/" in body("a", 1, 1)
    assert str(int(time.time()))[:6].encode() in body("a", 1, 1)
