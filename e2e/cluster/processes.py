"""Starts, finds and ends the programs of a node.

A program is started in a session of its own (it outlives the shell that started it), inside the node's namespaces
and cgroups, with its words going to `<state>/logs/<name>.log`. What was started is remembered in
`<state>/processes/<name>.json`: pid, start time (pids are used again, start times are not) and a fingerprint of the
command, its environment and its configuration files, so that a changed configuration restarts exactly what it concerns.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster import cgroups
from e2e.cluster.addresses import Cluster
from e2e.cluster.report import ClusterError, tail

GRACE = 5.0  # seconds that a program has to end in peace

# Enters the cgroups before anything else, so that children cannot escape: $1 is the list of files.
ENTER_CGROUPS = 'for file in $1; do echo $$ >"$file"; done; shift; exec "$@"'


@dataclass(frozen=True, slots=True)
class Program:
    """One program of the node, as it should run."""

    name: str
    command: tuple[str, ...]
    ready_url: str | None = None  # answers 200 once the program can be used
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)  # configuration files and their content

    def fingerprint(self) -> str:
        files = {str(path): text for path, text in self.files.items()}
        told = json.dumps([self.command, dict(self.env), files], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Running:
    """What is known of a program that was started."""

    pid: int
    started: int  # clock ticks since boot
    fingerprint: str

    def alive(self) -> bool:
        return start_time(self.pid) == self.started


Question = Callable[[], bool]


def start_time(pid: int) -> int | None:
    """Start of a process in clock ticks since boot; None when there is no such process or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _record(cluster: Cluster, name: str) -> Path:
    return cluster.state / "processes" / f"{name}.json"


def running(cluster: Cluster, name: str) -> Running | None:
    """The program of that name if it is alive."""
    try:
        known = Running(**json.loads(_record(cluster, name).read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None
    return known if known.alive() else None


def start(cluster: Cluster, program: Program, entry: tuple[str, ...] = ()) -> Running:
    """Start a program. `entry` is the command that enters the node's namespaces."""
    for path, text in program.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    log = cluster.log(program.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    groups = " ".join(str(path) for path in cgroups.system_files(cluster.label))
    command = ["sh", "-c", ENTER_CGROUPS, "sh", groups, *entry, *program.command]
    with log.open("a") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env={"PATH": os.environ["PATH"], **program.env},
            start_new_session=True,
        )
    started = start_time(process.pid)
    if started is None:
        raise ClusterError(f"{program.name} ended at once. The end of {log}:\n{tail(log)}")
    known = Running(process.pid, started, program.fingerprint())
    record = _record(cluster, program.name)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"pid": known.pid, "started": known.started, "fingerprint": known.fingerprint}))
    return known


def stop(cluster: Cluster, name: str, grace: float = GRACE) -> bool:
    """End a program, by force after `grace` seconds. False when it was not running."""
    known = running(cluster, name)
    if known is not None:
        _signal([known.pid], signal.SIGTERM)
        if not _gone(lambda: not known.alive(), grace):
            end({known.pid})
    _record(cluster, name).unlink(missing_ok=True)
    return known is not None


def end(pids: Iterable[int]) -> None:
    """Kill processes and wait until they are gone. Raises ClusterError when some stay for 10 s."""
    doomed = {pid: started for pid in pids if (started := start_time(pid)) is not None}
    _signal(doomed, signal.SIGKILL)
    if not _gone(lambda: all(start_time(pid) != started for pid, started in doomed.items()), 10.0):
        raise ClusterError(f"these processes do not end: {sorted(doomed)}")


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _gone(gone: Question, seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not gone():
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)  # those started by this very command are its children
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def wait_until(cluster: Cluster, needed: Iterable[str], done: Question, what: str, seconds: float) -> None:
    """Wait for something that the programs in `needed` bring about.

    Raises ClusterError as soon as one of them has ended, or after `seconds`, with the end of the logs.
    """
    names = list(needed)
    limit = time.monotonic() + seconds
    while not done():
        dead = [name for name in names if running(cluster, name) is None]
        if dead or time.monotonic() > limit:
            reason = f"{dead[0]} has ended" if dead else f"it is not there after {seconds:.0f} s"
            logs = "\n".join(f"The end of {cluster.log(name)}:\n{tail(cluster.log(name))}" for name in dead or names)
            raise ClusterError(f"waited for {what}, but {reason}.\n{logs}")
        time.sleep(0.05)
