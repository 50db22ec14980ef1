"""Pods of any kind: whether they are ready, and how one dies without a warning or hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
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
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


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
