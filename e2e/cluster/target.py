"""The cluster that the demo, the stories and the benchmarks use: the local one, or the user's own.

A user's cluster is named by KUBECONFIG. It has Istio and Prometheus, and images reach it by the user's own way, so
three more variables say what no program can find out by itself; README.md in this folder explains them.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from e2e.cluster import addresses, images, lifecycle
from e2e.cluster.addresses import Cluster
from e2e.cluster.report import ClusterError, run_long

PROMETHEUS_INSIDE = f"http://prometheus.istio-system:{addresses.PROMETHEUS_PORT}"


@dataclass(frozen=True, slots=True)
class Target:
    """One cluster as seen from this machine.

    `prometheus_url_inside` is for pods, `prometheus_url_outside` for this machine. `cluster` is None for a user's own.
    """

    kubeconfig: Path
    gateway_url: str
    prometheus_url_inside: str
    prometheus_url_outside: str
    cluster: Cluster | None = None
    load_command: str = ""  # how an image archive gets into a user's cluster, with {archive} for its path

    @property
    def local(self) -> bool:
        return self.cluster is not None

    @property
    def mesh_url(self) -> str:
        """The side car of a caller in the mesh. Raises ClusterError for a user's cluster."""
        if self.cluster is None:
            raise ClusterError("a cluster elsewhere has no side car that is reached from this machine")
        return self.cluster.mesh_url

    @property
    def host_address(self) -> IPv4Address:
        """Address of this machine for pods: a server that listens there can be reached by them.

        Raises ClusterError for a user's cluster.
        """
        if self.cluster is None:
            raise ClusterError("pods of a cluster elsewhere have no known address of this machine")
        return self.cluster.host_address

    def load_image(self, archive: Path) -> None:
        """Bring an image archive (see `images.build`) into the cluster; nothing where it is there already."""
        if self.cluster is not None:
            images.load(self.cluster, archive)
            return
        if "{archive}" not in self.load_command:
            raise ClusterError(
                f"{archive.name} has to get into the cluster of {self.kubeconfig}: set MODELROLLOUT_LOAD_COMMAND "
                "to the command that does it, such as 'kind load image-archive {archive}'"
            )
        command = [word.replace("{archive}", str(archive)) for word in shlex.split(self.load_command)]
        run_long(f"loading {archive.name}", command, log=images.folder() / "logs" / "load.log")


def find_target(env: Mapping[str, str] = os.environ) -> Target:
    """The cluster of KUBECONFIG, or the local one. Raises ClusterError saying what is missing."""
    path = env.get("KUBECONFIG", "")
    name = local_name(path, env) if path else addresses.cluster_name(env)
    if name is None:
        return theirs(path, env)
    cluster = lifecycle.find(name, env)
    if cluster is None:
        raise ClusterError(f"there is no local cluster {name}: `make cluster-up` makes it, or set KUBECONFIG")
    return ours(cluster)


def ours(cluster: Cluster) -> Target:
    """A local cluster as a target."""
    urls = (cluster.gateway_url, PROMETHEUS_INSIDE, cluster.prometheus_url)
    return Target(cluster.kubeconfig, *urls, cluster=cluster)


def local_name(kubeconfig: str, env: Mapping[str, str]) -> str | None:
    """Name of the local cluster that a kubeconfig belongs to, None when it is none of them."""
    path = Path(kubeconfig)
    inside = path.parent.parent == addresses.state_root(env) and path.name == "kubeconfig"
    return path.parent.name if inside else None


def theirs(kubeconfig: str, env: Mapping[str, str]) -> Target:
    """A user's own cluster as a target."""
    if not Path(kubeconfig).is_file():
        raise ClusterError(f"KUBECONFIG is {kubeconfig!r}: it must name one file that exists; unset it for a local one")
    wanted = {
        "MODELROLLOUT_GATEWAY_URL": "the Istio ingress gateway, reachable from here",
        "MODELROLLOUT_PROMETHEUS_URL": "Prometheus, reachable from here",
    }
    missing = [f"{name} ({what})" for name, what in wanted.items() if not env.get(name)]
    if missing:
        raise ClusterError(
            f"KUBECONFIG names a cluster of your own ({kubeconfig}); set {' and '.join(missing)} as well, "
            "or unset KUBECONFIG for a local cluster"
        )
    outside = env["MODELROLLOUT_PROMETHEUS_URL"]
    return Target(
        kubeconfig=Path(kubeconfig),
        gateway_url=env["MODELROLLOUT_GATEWAY_URL"],
        prometheus_url_inside=env.get("MODELROLLOUT_PROMETHEUS_URL_INSIDE") or outside,
        prometheus_url_outside=outside,
        load_command=env.get("MODELROLLOUT_LOAD_COMMAND", ""),
    )
