"""What a story may do to the cluster itself: take Prometheus away and bring it back."""

from __future__ import annotations

import os
import subprocess
import sys

from e2e.cluster.addresses import Cluster


class Prometheus:
    """The Prometheus of the local cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def stop(self) -> None:
        """Nobody answers its address any more. What it has measured stays."""
        self._say("stop")

    def start(self) -> None:
        """It is there again."""
        self._say("start")

    def _say(self, what: str) -> None:
        environment = {**os.environ, "MODELROLLOUT_CLUSTER": self._cluster.name}
        command = [sys.executable, "-m", "e2e.cluster", "prometheus", what]
        subprocess.run(command, env=environment, check=True)
