"""The operator's own pods: kill one, have two of them, ask who leads."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.harness.kubectl import Kubectl, Object
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

    def leader(self) -> str:
        """The pod that holds the Lease."""
        holder: str = self._kubectl.get("lease", LEASE, self._namespace)["spec"]["holderIdentity"]
        return holder

    def kill(self, name: str | None = None) -> None:
        """SIGKILL to the operator's process, with no chance to finish anything. The only pod, when none is named.

        The pod is deleted as well, so that a new one starts at once: a container that died several times is
        restarted by the kubelet only after a growing pause. On a cluster elsewhere its forced deletion is the kill.
        """
        pod = next(pod for pod in self.pods() if name in (None, pod["metadata"]["name"]))
        if self._installation.target.local:  # its processes run on this machine
            for process in processes_of(pod["metadata"]["uid"]):
                os.kill(process, signal.SIGKILL)
        self._kubectl.run(
            "delete", "pod", pod["metadata"]["name"], "-n", self._namespace, "--grace-period=0", "--force"
        )

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


def is_ready(pod: Object) -> bool:
    """Whether a pod says that it is ready."""
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))


def processes_of(pod_uid: str) -> list[int]:
    """The processes of a pod on this machine, but the one that only holds the pod's namespaces open.

    They are found by the pod's control groups, whose paths have its unique id in them.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            groups, command = (entry / "cgroup").read_text(), (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it ended while we looked
        if (pod_uid in groups or pod_uid.replace("-", "_") in groups) and not command.startswith(b"/pause"):
            found.append(int(entry.name))
    if not found:
        raise AssertionError(f"no process of pod {pod_uid} runs on this machine")
    return found
