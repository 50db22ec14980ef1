"""A Prometheus, or what stands in its place, whose answers are too large, or never end."""

from __future__ import annotations

import asyncio
import http.server
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway

ROOM = 10_000  # bytes
Answer = Iterator[bytes]
"""What is sent, headers included."""
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HEAD = OK + b"\r\n"


def series(count: int) -> bytes:
    """The answer to a query with so many series."""
    result = [{"metric": {"number": str(number)}, "value": [1.0, "1"]} for number in range(count)]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def whole(count: int) -> Callable[[], Answer]:
    return lambda: iter([HEAD, series(count)])


def endless() -> Answer:
    """A large answer, as fast as it is taken."""
    yield HEAD
    yield from itertools.repeat(b" " * 10_000)


def huge() -> Answer:
    """300 MB of series."""
    yield HEAD
    yield b'{"status": "success", "data": {"resultType": "vector", "result": ['
    piece = b'{"metric": {"number": "1"}, "value": [1.0, "1"]},' * 20_000
    yield from itertools.repeat(piece, 300_000_000 // len(piece))
    yield b'{"metric": {}, "value": [1.0, "1"]}]}}'


def dripping() -> Answer:
    """A byte now and then."""
    yield HEAD
    while True:
        time.sleep(0.1)
        yield b" "


def dripping_headers() -> Answer:
    """A byte now and then, from the first one on."""
    for byte in itertools.chain(OK, b"X-Drip: ", itertools.repeat(ord("x"))):
        time.sleep(0.1)
        yield bytes([byte])


def broken() -> Answer:
    """Less than was announced."""
    yield OK + f"Content-Length: {len(series(3))}\r\n\r\n".encode()
    yield series(3)[:20]


@contextmanager
def serving(answer: Callable[[], Answer]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            try:
                for piece in answer():
                    self.wfile.write(piece)
            except OSError:
                pass  # whoever asked has gone

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


CASES: dict[str, tuple[Callable[[], Answer], type[Exception] | None, str]] = {
    "an answer of usual size": (whole(3), None, ""),
    "one that is too large": (whole(1000), BadQuery, "larger than .* it selects too many series"),
    "one without an end": (endless, BadQuery, "larger than"),
    "one that breaks off": (broken, PrometheusAway, "IncompleteRead"),
    "one that drips": (dripping, PrometheusAway, "the answer was not whole after 1 s|did not answer in 2 s"),
    "one whose headers drip": (dripping_headers, PrometheusAway, "the headers of the answer were not whole after 1 s"),
}


@pytest.mark.parametrize("case", CASES)
def test_no_answer_takes_more_than_its_room_and_its_time(case: str) -> None:
    answer, error, words = CASES[case]

    async def ask(url: str) -> int:
        prometheus = Prometheus(url, timeout=1, threads=1, most=ROOM)
        try:
            return len(await prometheus.query("up"))
        finally:
            prometheus.close()

    with serving(answer) as url:
        if error is None:
            assert asyncio.run(ask(url)) == 3
            return
        with pytest.raises(error, match=words):
            asyncio.run(ask(url))


ASK = """
import asyncio, resource, sys
from modelrollout.adapters.prometheus import MOST_OF_USERS, BadQuery, Prometheus

async def ask():
    prometheus = Prometheus(sys.argv[1], timeout=60, threads=1, most=MOST_OF_USERS)
    try:
        await prometheus.query("up")
    except BadQuery as error:
        return str(error)
    finally:
        prometheus.close()

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(asyncio.run(ask()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
"""What a process takes in memory at most, in KiB, for the answer to a user's query."""


def test_an_answer_of_300_mb_takes_some_mb_of_memory() -> None:
    with serving(huge) as url:
        done = subprocess.run([sys.executable, "-c", ASK, url], capture_output=True, text=True, check=True, timeout=120)
    words, grown = done.stdout.splitlines()
    assert "the answer is larger than 4 MiB" in words
    assert int(grown) < 32 * 1024


@pytest.mark.parametrize("drips", [dripping, dripping_headers])
def test_whoever_drips_keeps_no_thread(drips: Callable[[], Answer]) -> None:
    """The next query is answered by the only thread, which the last one had."""
    answers = iter([drips, whole(3)])

    async def ask(url: str) -> int:
        prometheus = Prometheus(url, timeout=2, threads=1, most=ROOM)
        try:
            with pytest.raises(PrometheusAway):
                await prometheus.query("up")
            return len(await prometheus.query("up"))
        finally:
            prometheus.close()

    with serving(lambda: next(answers)()) as url:
        assert asyncio.run(ask(url)) == 3


def test_who_asks_a_few_at_a_time_leaves_a_thread_for_others() -> None:
    """Three specs are checked by queries without an end, and a metric is asked for."""
    asked, arrived, over = itertools.count(1), threading.Event(), threading.Event()

    def answer() -> Answer:
        if next(asked) != 2:  # the second is the metric
            arrived.set()
            over.wait()
        yield from whole(3)()

    async def ask(url: str) -> tuple[int, list[int]]:
        prometheus = Prometheus(url, timeout=60, threads=2, most=ROOM)
        few = prometheus.a_few(1)
        try:
            slow = [asyncio.create_task(few.query("up")) for _ in range(3)]
            await asyncio.to_thread(arrived.wait)
            async with asyncio.timeout(30):
                found = len(await prometheus.query("up"))
            over.set()
            return found, [len(item) for item in await asyncio.gather(*slow)]
        finally:
            over.set()
            prometheus.close()

    with serving(answer) as url:
        assert asyncio.run(ask(url)) == (3, [3, 3, 3])
