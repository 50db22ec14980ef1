"""The node's namespaces: a network of its own, linked to the machine by one pair of interfaces, and mounts of its own.

All rules of kube-proxy, all pod interfaces and ports stay inside the network namespace; the machine sees one link
with a /30 network. Inside the mount namespace, the folders that containerd, the kubelet and the network plugins
expect at fixed places (`/run`, `/var/log`, `/var/lib/kubelet`, ...) are the cluster's own.

The mount namespace is kept by one sleeping process, the *holder*; when that is gone the node cannot be entered any
more and is made anew. `ip netns exec` is not used: it mounts a fresh `/sys`, and the cgroups would be gone.
"""

from __future__ import annotations

import contextlib
import json
import os
from ipaddress import IPv4Network
from pathlib import Path

from e2e.cluster import cgroups, processes
from e2e.cluster.addresses import BRIDGE_ADDRESS, POD_NETWORK, Cluster, label
from e2e.cluster.processes import Program
from e2e.cluster.report import ClusterError, run

HOLDER = "holder"
UPLINK = "uplink"  # the node's end of the link to the machine
BRIDGE = "cni0"
# Folders of the machine that the node's programs expect at fixed places and that must be the cluster's own.
PRIVATE_FOLDERS = ("/var/log", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni")


def networks_in_use() -> list[IPv4Network]:
    """All networks that this machine has a route to, the default route apart."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]))
    wanted = [str(route["dst"]) for route in routes if route["dst"] != "default"]
    return [IPv4Network(network, strict=False) for network in wanted]


def network_exists(cluster: Cluster) -> bool:
    return Path("/run/netns", cluster.label).exists()


def exists(cluster: Cluster) -> bool:
    """Whether anything of the cluster is on this machine, its folder apart."""
    return network_exists(cluster) or cgroups.exist(cluster.label) or bool(members(cluster))


def create(cluster: Cluster) -> None:
    """Make cgroups, network and mounts. Needs a machine that has none of them (see `remove`)."""
    cgroups.create(cluster.label)
    _create_network(cluster)
    _create_mounts(cluster)


def entry(cluster: Cluster) -> tuple[str, ...]:
    """The command that runs another one inside the node."""
    holder = processes.running(cluster, HOLDER)
    pid = holder.pid if holder else 0
    return ("nsenter", f"--net=/run/netns/{cluster.label}", f"--mount=/proc/{pid}/ns/mnt", "--")


def _create_network(cluster: Cluster) -> None:
    name = cluster.label
    run(["ip", "netns", "add", name])
    run(["ip", "link", "add", name, "type", "veth", "peer", "name", UPLINK, "netns", name])
    run(["ip", "address", "add", f"{cluster.host_address}/30", "dev", name])
    run(["ip", "link", "set", name, "up"])
    inside = f"""
        set -e
        ip link set lo up
        ip address add {cluster.node_address}/30 dev {UPLINK}
        ip link set {UPLINK} up
        # Without a default route a Service's address has no route at all, and kube-proxy never sees the packet.
        ip route add default via {cluster.host_address}
        # The bridge has its address before the first pod, because it is the node's address.
        ip link add {BRIDGE} type bridge
        ip address add {BRIDGE_ADDRESS}/{POD_NETWORK.prefixlen} dev {BRIDGE}
        ip link set {BRIDGE} up
        echo 1 >/proc/sys/net/ipv4/ip_forward
    """
    run(["nsenter", f"--net=/run/netns/{name}", "sh", "-c", inside])
    # The machine knows no way back to the pods: what they send to it goes out under the node's address.
    masquerade = f"""
        table ip modelrollout {{
            chain postrouting {{
                type nat hook postrouting priority srcnat;
                ip saddr {POD_NETWORK} oifname "{UPLINK}" masquerade
            }}
        }}
    """
    run(["nsenter", f"--net=/run/netns/{name}", "nft", "-f", "-"], given=masquerade)


def _create_mounts(cluster: Cluster) -> None:
    binds = []
    for folder in PRIVATE_FOLDERS:
        own = cluster.state / "mounts" / folder.strip("/").replace("/", "-")
        own.mkdir(parents=True, exist_ok=True)
        Path(folder).mkdir(parents=True, exist_ok=True)
        binds.append(f"mount --bind {own} {folder}")
    ready = cluster.state / "mounts" / "ready"
    script = "\n".join(
        [
            "set -e",
            *binds,
            "mount -t tmpfs -o mode=755 tmpfs /run",
            # containerd and the kubelet hand mounts on to pods.
            "mount --make-rshared /",
            f"touch {ready}",
            "exec sleep infinity",
        ]
    )
    holder = Program(HOLDER, ("unshare", "--mount", "--propagation", "private", "sh", "-c", script))
    network = ("nsenter", f"--net=/run/netns/{cluster.label}", "--")
    processes.start(cluster, holder, network)
    processes.wait_until(cluster, [HOLDER], ready.exists, f"the node's mounts ({HOLDER})", 10.0)


def members(cluster: Cluster) -> set[int]:
    """All processes of the cluster: by cgroup, by network namespace and by the holder's mounts."""
    found = cgroups.pids(cluster.label)
    namespaces = set()
    with contextlib.suppress(FileNotFoundError):
        namespaces.add(os.stat(f"/run/netns/{cluster.label}").st_ino)
    holder = processes.running(cluster, HOLDER)
    if holder is not None:
        namespaces.add(os.stat(f"/proc/{holder.pid}/ns/mnt").st_ino)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if {os.stat(folder / "ns" / kind).st_ino for kind in ("net", "mnt")} & namespaces:
                found.add(int(folder.name))
    return found - {os.getpid()}


def remove(cluster: Cluster) -> None:
    """End all processes of the cluster and remove its namespaces and cgroups, in whatever state they are."""
    while pids := {pid for pid in members(cluster) if processes.start_time(pid) is not None}:
        processes.end(pids)
    if network_exists(cluster):
        run(["ip", "netns", "delete", cluster.label])
    link = Path("/sys/class/net", cluster.label)
    if link.exists():
        try:
            run(["ip", "link", "delete", cluster.label])
        except ClusterError:  # it goes with its namespace, a moment later than that
            if link.exists():
                raise
    if cgroups.exist(cluster.label):
        processes.wait_until(
            cluster, [], lambda: not cgroups.remove(cluster.label), f"the cgroups {cluster.label} to be empty", 10.0
        )


def remove_common() -> None:
    """Remove what all clusters share, unless there still is one: the empty folders that only served to mount on."""
    names = Path("/run/netns")
    if any(names.glob(label("*"))):
        return  # removing a folder here would take away the mount on it inside the other cluster
    for folder in PRIVATE_FOLDERS:
        with contextlib.suppress(OSError):  # not empty: somebody else's
            Path(folder).rmdir()
    # `ip netns add` mounts the folder on itself, which only the table of mounts shows.
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    if str(names) in mounted and not any(names.iterdir()):
        run(["umount", names])
        names.rmdir()
