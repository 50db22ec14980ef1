"""The gateway as a process of its own, and an operator that it asks; for the benchmark and for tests."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from modelrollout.api.live import LiveTrial, LiveTrials

SECONDS = 60.0  # that anything may take on a busy machine


@dataclass
class Running:
    """One gateway."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://{self.address}{path}", timeout=10)

    def post(self, given: object, headers: dict[str, str] | None = None) -> requests.Response:
        url = f"http://{self.address}/v1/rewards"
        return requests.post(url, data=json.dumps(given), headers=headers, timeout=10)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/readyz").ok
        except requests.ConnectionError:
            return False


def until(happened: Callable[[], bool], what: str) -> None:
    """Wait for something that must come."""
    end = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < end, f"after {SECONDS:g} s still not true: {what}"
        time.sleep(0.05)


@contextmanager
def operator(*trials: LiveTrial) -> Iterator[str]:
    """Says that these are on trial; gives its URL."""
    text = LiveTrials(trials=trials).model_dump_json(by_alias=True).encode()

    class Arms(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/arms" else 404)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Arms) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def gateway(log: Path, *options: str, listen: str | None = None, before: Sequence[str] = ()) -> Iterator[Running]:
    """A gateway that runs until the end. ``before`` comes before its command, for example taskset."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = listen or f"127.0.0.1:{free.getsockname()[1]}"
    program = [sys.executable, "-c", "from modelrollout.cli.main import main; main()", "rewards"]
    with log.open("wb") as output:
        command = [*before, *program, "--listen", address, *options]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield Running(process, address, log)
    finally:
        process.kill()
        process.wait()
