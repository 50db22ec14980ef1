"""A Prometheus, or what stands in its place, whose answers are too large, or never end."""

from __future__ import annotations

import asyncio
import http.server
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway

ROOM = 10_000  # bytes
Answer = Iterator[bytes]


def series(count: int) -> bytes:
    """The answer to a query with so many series."""
    result = [{"metric": {"number": str(number)}, "value": [1.0, "1"]} for number in range(count)]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def whole(count: int) -> Callable[[], Answer]:
    return lambda: iter([series(count)])


def endless() -> Answer:
    """A large answer, as fast as it is taken."""
    yield from itertools.repeat(b" " * 10_000)


def dripping() -> Answer:
    """A byte now and then."""
    while True:
        time.sleep(0.1)
        yield b" "


def broken() -> Answer:
    """Less than was announced."""
    yield series(3)[:20]


@contextmanager
def serving(answer: Callable[[], Answer]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            if answer is broken:
                self.send_header("Content-Length", str(len(series(3))))
            self.end_headers()
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


def test_whoever_drips_keeps_no_thread() -> None:
    """The next query is answered by the only thread, which the last one had."""
    answers = iter([dripping, whole(3)])

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
