"""The comparer as a process of its own, for tests."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

SECONDS = 60.0  # that anything may take on a busy machine
NAMES = ("--namespace", "prod", "--rollout", "fraud", "--trial", "17")


@dataclass(frozen=True)
class Running:
    """One comparer: its ports, and its log."""

    process: subprocess.Popen[bytes]
    page: int
    rest: int
    grpc: int
    log: Path

    def get(self, path: str) -> requests.Response:
        """From the page's port."""
        return requests.get(f"http://127.0.0.1:{self.page}{path}", timeout=10)

    def post(self, body: str, path: str) -> int:
        """The status of the answer to a copy by REST."""
        return requests.post(f"http://127.0.0.1:{self.rest}{path}", data=body, timeout=10).status_code

    def counted(self, name: str, labels: str) -> float:
        """One series."""
        text = self.get("/metrics").text
        series = f'modelrollout_shadow_{name}{{rollout_namespace="prod",rollout="fraud",trial="17",{labels}}} '
        (found,) = [line.removeprefix(series) for line in text.splitlines() if line.startswith(series)]
        return float(found)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/readyz").ok
        except requests.ConnectionError:
            return False


def until(happened: Callable[[], object], what: str) -> None:
    """Wait for something that must come."""
    end = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < end, f"after {SECONDS:g} s still not true: {what}"
        time.sleep(0.05)


@contextmanager
def comparer(log: Path, *options: str) -> Iterator[Running]:
    """One that runs until the end. ``options`` come last, so they may be others."""
    page, rest, grpc = free_ports(3)
    program = [sys.executable, "-c", "from modelrollout.cli.main import main; main()", "compare", *NAMES]
    addresses = {"--listen": page, "--listen-rest": rest, "--listen-grpc": grpc}
    listen = [word for option, port in addresses.items() for word in (option, f"127.0.0.1:{port}")]
    with log.open("wb") as output:
        process = subprocess.Popen([*program, *listen, *options], stdout=output, stderr=output)
    try:
        yield Running(process, page, rest, grpc, log)
    finally:
        process.kill()
        process.wait()


def free_ports(number: int) -> list[int]:
    """Ports that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
