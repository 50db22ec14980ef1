"""The cgroups of a cluster: `/mr-<name>` in every hierarchy of the machine.

Two kubelets with one cgroup root kill each other's pods within seconds, so each gets a root of its own. They also
tell for certain which processes belong to a cluster, whoever started them and whatever became of pid files.
Works with version 1 (one hierarchy per controller), version 2 (one for all) and both side by side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

SYSTEM = "system"  # the node's own programs; pods are beside it, in `kubepods`


def hierarchies() -> dict[Path, str]:
    """Mount points of the machine's cgroup hierarchies, each with `cgroup` (version 1) or `cgroup2`."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind = right.split()[0]
        if kind in {"cgroup", "cgroup2"}:
            found[Path(left.split()[4])] = kind
    return found


def create(label: str) -> None:
    """Make `/label/system` in every hierarchy, ready to take processes and a kubelet."""
    for mount, kind in hierarchies().items():
        root = mount / label
        if kind == "cgroup2":
            _hand_down_controllers(mount)
        root.mkdir(exist_ok=True)
        if kind == "cgroup2":
            _hand_down_controllers(root)
        (root / SYSTEM).mkdir(exist_ok=True)
        if (mount / "cpuset.cpus").exists() and kind == "cgroup":
            # A version 1 cpuset starts empty and takes no process before it has processors and memory nodes.
            for folder in (root, root / SYSTEM):
                for name in ("cpuset.cpus", "cpuset.mems"):
                    (folder / name).write_text((folder.parent / name).read_text())


def _hand_down_controllers(folder: Path) -> None:
    available = (folder / "cgroup.controllers").read_text().split()
    for controller in available:
        # A controller that the machine keeps for itself is not ours to have; the kubelet says if it needs it.
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def system_files(label: str) -> list[Path]:
    """The files that a program of the node writes its pid to, to become part of the cluster."""
    return [mount / label / SYSTEM / "cgroup.procs" for mount in hierarchies()]


def pids(label: str) -> set[int]:
    """All processes of the cluster, those of pods included."""
    found: set[int] = set()
    for folder in _folders(label):
        with contextlib.suppress(FileNotFoundError, OSError):
            found.update(int(pid) for pid in (folder / "cgroup.procs").read_text().split())
    return found - {0}


def remove(label: str) -> list[Path]:
    """Remove the cluster's cgroups, deepest first, and return those that could not be removed."""
    left = []
    for folder in _folders(label):
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            left.append(folder)
    return left


def exist(label: str) -> bool:
    return any((mount / label).exists() for mount in hierarchies())


def _folders(label: str) -> Iterator[Path]:
    """The cluster's cgroups in all hierarchies, children before parents."""
    for mount in hierarchies():
        root = mount / label
        if root.is_dir():
            folders = [folder for folder in root.rglob("*") if folder.is_dir()]
            yield from sorted(folders, key=lambda folder: -len(folder.parts))
            yield root
