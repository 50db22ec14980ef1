"""The operator's own pods: kill one, have two of them, ask who leads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.harness import pods
from e2e.harness.kubectl import Kubectl, Object
from e2e.harness.pods import is_ready
from e2e.installation import NAMESPACE, Installation, install_operator

SELECTOR = "app.kubernetes.io/name=modelrollout"
LEASE = "modelrollout"
READY_SECONDS = 60.0


class OperatorPods:
    """The pods of the operator."""

    def __init__(self, kubectl: Kubectl, installation: Installation) -> None:
        self._kubectl = kubectl
        self._namespace = NAMESPACE
        self._installation = installation

    def pods(self) -> list[Object]:
        """The pods that are not on their way out."""
        found = self._kubectl.list("pods", self._namespace, SELECTOR)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def names(self) -> list[str]:
        """Their names."""
        return sorted(pod["metadata"]["name"] for pod in self.pods())

    def incarnations(self) -> dict[str, int]:
        """For each pod how often its container was restarted."""
        return {
            pod["metadata"]["name"]: sum(item["restartCount"] for item in pod["status"]["containerStatuses"])
            for pod in self.pods()
        }

    def leader(self) -> str:
        """The pod that holds the Lease."""
        holder: str = self._kubectl.get("lease", LEASE, self._namespace)["spec"]["holderIdentity"]
        return holder

    def kill(self, name: str | None = None) -> None:
        """SIGKILL to the operator's process, and a new pod at once. The only pod, when none is named."""
        pod = next(pod for pod in self.pods() if name in (None, pod["metadata"]["name"]))
        pods.kill(self._kubectl, pod, local=self._installation.target.local)

    def wait_leader(self, other_than: str, timeout: float = READY_SECONDS) -> str:
        """Until another pod than this one holds the Lease. Its name. ``timeout`` in seconds."""
        deadline = time.monotonic() + timeout
        while (leader := self.leader()) == other_than:
            if time.monotonic() > deadline:
                raise AssertionError(f"{other_than} still holds the Lease after {timeout:.0f} s")
            time.sleep(0.2)
        return leader

    def wait_ready(self, replicas: int = 1) -> None:
        """Until so many pods are there and ready, and no others."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            pods = self.pods()
            if len(pods) == replicas and all(is_ready(pod) for pod in pods):
                return
            if time.monotonic() > deadline:
                names = [pod["metadata"]["name"] for pod in pods if is_ready(pod)]
                raise AssertionError(f"not {replicas} ready pods of the operator within {READY_SECONDS:.0f} s: {names}")
            time.sleep(0.2)

    @contextmanager
    def replicas(self, count: int) -> Iterator[None]:
        """So many replicas for a while, by the chart's own value; then one again."""
        self._scale(count)
        try:
            yield
        finally:
            self._scale(1)

    def _scale(self, count: int) -> None:
        install_operator(self._installation, replicas=count)
        self.wait_ready(count)
