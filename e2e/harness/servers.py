"""What a story may do to the cluster itself: take one of its servers away and bring it back, or make it slow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.cluster import processes
from e2e.cluster.addresses import Cluster
from e2e.harness import pods


class Servers:
    """The programs of the local cluster, by the names that `python -m e2e.cluster status` has."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def restart(self, name: str) -> None:
        """It ends in peace, and is there again."""
        with self.away(name):
            pass

    @contextmanager
    def away(self, name: str, *, killed: bool = False) -> Iterator[None]:
        """Nobody answers its address while the block runs; what it has stored stays. Afterwards it is ready again,
        whatever happens. ``killed``: it has no chance to tell anybody that it goes."""
        self._say(name, "kill" if killed else "stop")
        try:
            yield
        finally:
            self._say(name, "start")

    @contextmanager
    def slow(self, name: str, stands: float, runs: float) -> Iterator[None]:
        """It stands still (SIGSTOP) again and again for some seconds, and runs for some in between."""
        known = processes.running(self._cluster, name)
        assert known is not None, f"{name} does not run"
        with pods.alternating([known.pid], stands, runs):
            yield

    def _say(self, name: str, what: str) -> None:
        environment = {**os.environ, "MODELROLLOUT_CLUSTER": self._cluster.name}
        command = [sys.executable, "-m", "e2e.cluster", "program", name, what]
        subprocess.run(command, env=environment, check=True)
