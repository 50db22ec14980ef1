"""What a story may do to the cluster itself: take Prometheus away and bring it back."""

from __future__ import annotations

from e2e.cluster import lifecycle
from e2e.cluster.addresses import Cluster


class Prometheus:
    """The Prometheus of the local cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def stop(self) -> None:
        """Nobody answers its address any more. What it has measured stays."""
        lifecycle.prometheus(self._cluster, running=False)

    def start(self) -> None:
        """It is there again."""
        lifecycle.prometheus(self._cluster, running=True)
