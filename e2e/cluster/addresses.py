"""Names, folders and addresses of a cluster, all derived from its name.

Several clusters run side by side on one machine. What has a name on the machine (network namespace, link, cgroup,
folder) is called `mr-<name>` or lies in a folder of that name, so that nothing of one cluster is mistaken for
another's. Addresses inside the node (pods, Services) are the same in every cluster: they never leave the node's
network namespace. Only the /30 network between the machine and the node must be free on the machine.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

# A block that is rarely in use; 16384 networks of four addresses.
POOL = IPv4Network("10.213.0.0/16")
POD_NETWORK = IPv4Network("10.244.0.0/24")
SERVICE_NETWORK = IPv4Network("10.96.0.0/16")
BRIDGE_ADDRESS = IPv4Address("10.244.0.1")  # of the node among its pods
API_ADDRESS = IPv4Address("10.96.0.1")  # of the Service `kubernetes`: the first of its network
PROMETHEUS_ADDRESS = IPv4Address("10.96.0.90")
GATEWAY_ADDRESS = IPv4Address("10.96.0.80")

API_PORT = 6443
GATEWAY_PORT = 80
PROMETHEUS_PORT = 9090
ENVOY_ADMIN_PORT = 15000
MESH_PORT = 8501  # that of the Services that callers in the mesh ask for
SIDECAR_ADMIN_PORT = 15002

DEFAULT_NAME = "demo"
NAME = re.compile(r"[a-z][a-z0-9-]{0,10}[a-z0-9]|[a-z]")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One local cluster: its name, its network to the machine and the folder that holds its state."""

    name: str
    link: IPv4Network
    state: Path

    @property
    def label(self) -> str:
        """Name of the network namespace, the link, the cgroup and the Kubernetes node: 15 characters at most."""
        return label(self.name)

    @property
    def host_address(self) -> IPv4Address:
        return self.link.network_address + 1

    @property
    def node_address(self) -> IPv4Address:
        return self.link.network_address + 2

    @property
    def kubeconfig(self) -> Path:
        """For people and programs on this machine, with all rights."""
        return self.state / "kubeconfig"

    @property
    def api_url(self) -> str:
        return f"https://{self.node_address}:{API_PORT}"

    @property
    def gateway_url(self) -> str:
        port = "" if GATEWAY_PORT == 80 else f":{GATEWAY_PORT}"
        return f"http://{self.node_address}{port}"

    @property
    def mesh_url(self) -> str:
        """The side car of a caller: what is sent there goes by the routes of the gateway `mesh`."""
        return f"http://{self.node_address}:{MESH_PORT}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{self.node_address}:{PROMETHEUS_PORT}"

    def log(self, component: str) -> Path:
        return self.state / "logs" / f"{component}.log"


def label(name: str) -> str:
    return f"mr-{name}"


def check_name(name: str) -> str:
    """Return the name, or raise ValueError with the rule that it breaks."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"the cluster's name {name!r} (MODELROLLOUT_CLUSTER) must be 1 to 12 lower-case letters, digits and "
            "dashes, begin with a letter and not end with a dash: it names a network link, which takes 15 characters"
        )
    return name


def cluster_name(env: Mapping[str, str]) -> str:
    """The cluster that the environment asks for."""
    return check_name(env.get("MODELROLLOUT_CLUSTER") or DEFAULT_NAME)


def state_root(env: Mapping[str, str]) -> Path:
    """Folder of all clusters' states. Not the cache: a cluster's state is deleted with it."""
    return Path(env.get("MODELROLLOUT_STATE") or "/var/lib/modelrollout")


def cache_root(env: Mapping[str, str]) -> Path:
    """Folder of everything that is worth keeping between clusters and checkouts: programs, images."""
    home = Path(env.get("HOME") or os.path.expanduser("~"))
    return Path(env.get("MODELROLLOUT_CACHE") or home / ".cache" / "modelrollout")


def free_link(name: str, taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first /30 network of the pool, counted from a place that the name decides, that overlaps none in `taken`.

    The place depends on the name so that a cluster usually gets the same addresses again.
    Raises ValueError when the pool is exhausted.
    """
    used = [network for network in taken if network.prefixlen > 0]
    count = 2 ** (30 - POOL.prefixlen)
    first = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % count
    for offset in range(count):
        start = int(POOL.network_address) + 4 * ((first + offset) % count)
        candidate = IPv4Network((start, 30))
        if not any(candidate.overlaps(network) for network in used):
            return candidate
    raise ValueError(f"no free /30 network in {POOL}: this machine's routes take them all")
