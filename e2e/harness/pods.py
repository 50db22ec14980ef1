"""Pods of any kind: whether they are ready, and how one dies without a warning or hangs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from e2e.harness.kubectl import Kubectl, Object


def is_ready(pod: Object) -> bool:
    """Whether a pod says that it is ready."""
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))


def kill(kubectl: Kubectl, pod: Object, *, local: bool) -> None:
    """SIGKILL to all processes of a pod, with no chance to finish anything.

    The pod is deleted as well, so that a new one starts at once: a container that died several times is restarted by
    the kubelet only after a growing pause. On a cluster elsewhere its forced deletion is the kill.
    """
    if local:  # its processes run on this machine
        for process in processes_of(pod["metadata"]["uid"]):
            os.kill(process, signal.SIGKILL)
    delete(kubectl, pod)


def delete(kubectl: Kubectl, pod: Object) -> None:
    """A pod is taken away at once, without the time to end in peace."""
    metadata = pod["metadata"]
    kubectl.run("delete", "pod", metadata["name"], "-n", metadata["namespace"], "--grace-period=0", "--force")


@contextmanager
def hung(pod: Object) -> Iterator[None]:
    """A pod on this machine whose processes stand still (SIGSTOP): it takes connections and answers nobody.

    They go on afterwards, or the pod could not end in peace.
    """
    processes = processes_of(pod["metadata"]["uid"])
    _tell(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _tell(processes, signal.SIGCONT)


@contextmanager
def slow(pod: Object, stands: float, runs: float) -> Iterator[None]:
    """The same, but again and again they go on for some seconds, after they stood still for some."""
    with alternating(processes_of(pod["metadata"]["uid"]), stands, runs):
        yield


@contextmanager
def alternating(processes: Sequence[int], stands: float, runs: float) -> Iterator[None]:
    """Processes of this machine that stand still for some seconds and run for some, in turn; they run afterwards."""
    over = threading.Event()

    def alternate() -> None:
        while not over.is_set():
            _tell(processes, signal.SIGSTOP)
            over.wait(stands)
            _tell(processes, signal.SIGCONT)
            over.wait(runs)

    thread = threading.Thread(target=alternate, name="slow")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell(processes: Sequence[int], number: signal.Signals) -> None:
    """All of them that are still there."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


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
