"""The operator's process as the kernel sees it, and what it says of itself on /metrics."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from bench.process import memory_of
from e2e.harness.kubectl import Kubectl, Refused
from e2e.harness.operator_pods import OperatorPods
from e2e.harness.pods import processes_of
from e2e.installation import NAMESPACE

PORT = 8080
_SAMPLE = re.compile(r'^modelrollout_api_writes_total\{object="([^"]+)"\} ([0-9.e+]+)$', re.M)


@dataclass(frozen=True, slots=True)
class OperatorProcess:
    """One pod of the operator and its process on this machine."""

    kubectl: Kubectl
    pod: str
    process: int

    @classmethod
    def of(cls, kubectl: Kubectl, pods: OperatorPods) -> OperatorProcess:
        """The only pod's."""
        [pod] = pods.pods()
        return cls(kubectl, pod["metadata"]["name"], min(processes_of(pod["metadata"]["uid"])))

    @property
    def resident(self) -> float:
        """Resident memory, MiB."""
        return memory_of(self.process)

    @property
    def started(self) -> float:
        """When the process was started, seconds since the epoch, to a hundredth."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[19])
        boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return boot + ticks / os.sysconf("SC_CLK_TCK")

    def page(self, path: str) -> str:
        """A page of the operator, by way of the API server. Raises Refused while it does not answer."""
        return self.kubectl.run("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{self.pod}:{PORT}/proxy{path}")

    def writes(self) -> dict[str, int]:
        """Writes to the API server so far, by what was written."""
        return {name: int(float(value)) for name, value in _SAMPLE.findall(self.page("/metrics"))}

    def ready_after(self, patience: float = 60.0) -> float:
        """Seconds from the start of the process until it first says that it is ready."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self.page("/readyz")
            except Refused:
                if time.monotonic() > deadline:
                    raise
                continue
            return time.time() - self.started
