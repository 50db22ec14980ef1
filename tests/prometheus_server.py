"""A real Prometheus that scrapes a source which a test writes by hand, once a second."""

from __future__ import annotations

import asyncio
import http.server
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import requests

from e2e.cluster.toolchain import toolchain
from modelrollout.adapters.prometheus import Prometheus

Result = TypeVar("Result")
SCRAPE_SECONDS = 1.0


@dataclass
class Source:
    """What the next scrape shows. ``answers`` False: the source does not answer."""

    lines: dict[str, float] = field(default_factory=dict)
    answers: bool = True

    @property
    def text(self) -> str:
        """In Prometheus' text format."""
        return "".join(f"{series} {float(value)!r}\n" for series, value in self.lines.items())


@dataclass
class Scraped:
    """One Prometheus and its source."""

    url: str
    source: Source
    process: subprocess.Popen[bytes]

    def run(self, test: Callable[[Prometheus], Awaitable[Result]]) -> Result:
        """A coroutine that is given a client."""

        async def body() -> Result:
            prometheus = Prometheus(self.url, timeout=5, threads=4)
            try:
                return await test(prometheus)
            finally:
                prometheus.close()

        return asyncio.run(body())

    def wait_for_scrape(self) -> None:
        """Until a scrape has begun after this call and its samples can be asked for; one that failed is one, too."""
        begun = time.time()
        until(lambda: self._last_scrape() > begun)

    def wait_until_settled(self) -> None:
        """Until the newest scrape is among those that users' own queries are asked of: half an interval is left for
        one that is under way."""
        time.sleep(max(0.0, self._last_scrape() + SCRAPE_SECONDS / 2 + 0.05 - time.time()))

    def _last_scrape(self) -> float:
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": "timestamp(up)"}, timeout=5).json()
        return max((float(item["value"][1]) for item in answer["data"]["result"]), default=0.0)


@contextmanager
def running(folder: Path) -> Iterator[Scraped]:
    """A Prometheus that has scraped its source once."""
    source = Source({"modelrollout_test_source": 1.0})
    with _serving(source) as source_port:
        port = free_port()
        (folder / "prometheus.yaml").write_text(_CONFIGURATION.format(source=source_port))
        command = [
            str(toolchain().program("prometheus")),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with (folder / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            scraped = Scraped(f"http://127.0.0.1:{port}", source, process)
            until(lambda: _is_ready(scraped))
            scraped.wait_for_scrape()
            yield scraped
        finally:
            process.terminate()
            process.wait(timeout=20)


_CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: test
  fallback_scrape_protocol: PrometheusText0.0.4
  static_configs: [{{targets: ["127.0.0.1:{source}"]}}]
"""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scrape that Prometheus gave up is no news, and none of another test's output."""


@contextmanager
def _serving(source: Source) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if source.answers else 503)
            self.end_headers()
            self.wfile.write(source.text.encode() if source.answers else b"")

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _is_ready(scraped: Scraped) -> bool:
    assert scraped.process.poll() is None, "Prometheus ended; see prometheus.log"
    try:
        return requests.get(f"{scraped.url}/-/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for it. Raises AssertionError when it does not happen."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
