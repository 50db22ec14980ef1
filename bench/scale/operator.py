"""The operator's process: its start, its end, and what the kernel and its own pages say of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from bench.process import memory_of, processor_seconds

SOURCES = Path(__file__).parents[2] / "operator"


@dataclass
class Operator:
    """One process; ``port`` has its pages."""

    process: subprocess.Popen[bytes]
    port: int
    started: float

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return processor_seconds(self.process.pid)

    def memory(self, kind: str = "VmRSS") -> float:
        """MiB; ``VmHWM`` is the most that it ever was."""
        return memory_of(self.process.pid, kind)

    def page(self, path: str = "/metrics") -> str:
        """One of its pages."""
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=30).text

    def looked_at(self) -> int:
        """Rollouts that it has looked at, or has read the status of."""
        try:
            return len(re.findall(r'^modelrollout_weight\{.*role="stable"', self.page(), re.M))
        except requests.RequestException:
            return 0

    def writes_in(self, seconds: float) -> float:
        """Writes to the API server in the next so many seconds."""
        before = self._written()
        time.sleep(seconds)
        return self._written() - before

    def _written(self) -> float:
        return sum(map(float, re.findall(r"^modelrollout_api_writes_total\{.*\} (\S+)", self.page(), re.M)))

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, and wait until it has."""
        self.process.send_signal(how)
        self.process.wait(timeout=60)


def start(folder: Path, port: int, prometheus: str) -> Operator:
    """As the chart would set it, the Lease included."""
    settings = {
        "PROMETHEUS_URL": prometheus,
        "GATEWAY_URL": "http://127.0.0.1:9",
        "FETCH_IMAGE": "modelrollout:0",
        "LEASE_NAMESPACE": "modelrollout-system",
        "IDENTITY": f"operator-{time.time():.0f}",
        "LISTEN": f"127.0.0.1:{port}",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELROLLOUT_")}
    environment |= {f"MODELROLLOUT_{name}": value for name, value in settings.items()}
    environment["MALLOC_ARENA_MAX"] = "2"  # as in the image
    environment |= {"KUBECONFIG": str(folder / "operator.kubeconfig"), "PYTHONPATH": str(SOURCES)}
    with (folder / "operator.log").open("ab") as log:
        command = [sys.executable, "-c", "from modelrollout.cli.main import main; main()", "operator"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    return Operator(process, port, time.time())
