"""The programs of the node: command lines and configuration files, as values.

Nothing is started here. Configuration lives in `config/` as the programs' own YAML, TOML and JSON, with `$name` where
an address or a path goes in.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from string import Template

from e2e.cluster import addresses, certificates
from e2e.cluster.addresses import Cluster
from e2e.cluster.node import BRIDGE
from e2e.cluster.processes import Program
from e2e.cluster.report import ClusterError
from e2e.cluster.toolchain import HERE, Toolchain

PAUSE_IMAGE = "localhost/modelrollout/pause:1"
ETCD = "etcd"
CONTAINERD = "containerd"
API_SERVER = "kube-apiserver"
KUBELET = "kubelet"
ISTIOD = "istiod"
ENVOY = "envoy"
SIDECAR = "sidecar"
PROMETHEUS = "prometheus"


def fill(cluster: Cluster, name: str, **more: object) -> str:
    """The text of `config/<name>` with the cluster's addresses and paths in it."""
    values = {
        "label": cluster.label,
        "state": cluster.state,
        "pki": certificates.folder(cluster),
        "kubeconfig": certificates.kubeconfig(cluster, certificates.ADMIN),
        "pause_image": PAUSE_IMAGE,
        "bridge": BRIDGE,
        "bridge_address": addresses.BRIDGE_ADDRESS,
        "pod_network": addresses.POD_NETWORK,
        "gateway_address": addresses.GATEWAY_ADDRESS,
        "gateway_port": addresses.GATEWAY_PORT,
        "prometheus_address": addresses.PROMETHEUS_ADDRESS,
        "prometheus_port": addresses.PROMETHEUS_PORT,
        "envoy_admin_port": addresses.ENVOY_ADMIN_PORT,
        "sidecar_admin_port": addresses.SIDECAR_ADMIN_PORT,
        "mesh_port": addresses.MESH_PORT,
    }
    return Template((HERE / "config" / name).read_text()).substitute({**values, **more})


def _config(cluster: Cluster, name: str, **more: str) -> dict[Path, str]:
    return {cluster.state / "config" / name: fill(cluster, name, **more)}


def every(cluster: Cluster, tools: Toolchain, envoy_path: Path, scrape_interval: str) -> list[Program]:
    """All of them, in the order in which they are started."""
    first = [*foundation(cluster, tools), api_server(cluster, tools)]
    return [*first, *kubernetes(cluster, tools), *mesh(cluster, tools, envoy_path, scrape_interval)]


def foundation(cluster: Cluster, tools: Toolchain) -> list[Program]:
    """What everything else stands on: the store and the container runtime."""
    return [etcd(cluster, tools), containerd(cluster)]


def kubernetes(cluster: Cluster, tools: Toolchain) -> list[Program]:
    """The rest of Kubernetes; needs a running API server."""
    return [
        controller_manager(cluster, tools),
        scheduler(cluster, tools),
        kubelet(cluster, tools),
        kube_proxy(cluster, tools),
    ]


def mesh(cluster: Cluster, tools: Toolchain, envoy_path: Path, scrape_interval: str) -> list[Program]:
    """Names, Istio, its gateway, a caller's side car and Prometheus. istiod needs Istio's resource types to be there,
    the side car the object that bounds it."""
    return [
        coredns(cluster, tools),
        istiod(cluster, tools),
        gateway(cluster, envoy_path),
        sidecar(cluster, envoy_path),
        prometheus(cluster, tools, scrape_interval),
    ]


def etcd(cluster: Cluster, tools: Toolchain) -> Program:
    metrics = f"http://{cluster.node_address}:2381"
    command = (
        f"{tools.program(ETCD)} --data-dir={cluster.state}/etcd --name={cluster.label}"
        " --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379"
        " --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380"
        f" --initial-cluster={cluster.label}=http://127.0.0.1:2380 --listen-metrics-urls={metrics}"
        # The cluster is thrown away as a whole: writes need not survive a power cut.
        " --unsafe-no-fsync --log-level=warn"
    )
    return Program(ETCD, tuple(command.split()), f"{metrics}/health")


def api_server(cluster: Cluster, tools: Toolchain) -> Program:
    pki = certificates.folder(cluster)
    client = pki / "kube-apiserver-kubelet-client"
    command = (
        f"{tools.program(API_SERVER)} --etcd-servers=http://127.0.0.1:2379 --bind-address=0.0.0.0"
        f" --secure-port={addresses.API_PORT} --advertise-address={addresses.BRIDGE_ADDRESS}"
        f" --service-cluster-ip-range={addresses.SERVICE_NETWORK} --allow-privileged=true"
        f" --tls-cert-file={pki}/kube-apiserver.crt --tls-private-key-file={pki}/kube-apiserver.key"
        f" --client-ca-file={pki}/ca.crt --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction"
        f" --kubelet-client-certificate={client}.crt --kubelet-client-key={client}.key"
        # The node's name is in no DNS: without this, logs and exec fail.
        " --kubelet-preferred-address-types=InternalIP"
        " --service-account-issuer=https://kubernetes.default.svc.cluster.local"
        f" --service-account-key-file={pki}/service-accounts.key"
        f" --service-account-signing-key-file={pki}/service-accounts.key"
    )
    return Program(API_SERVER, tuple(command.split()), f"{cluster.api_url}/readyz")


def controller_manager(cluster: Cluster, tools: Toolchain) -> Program:
    pki = certificates.folder(cluster)
    name = certificates.CONTROLLER_MANAGER
    command = (
        f"{tools.program(name)} --kubeconfig={certificates.kubeconfig(cluster, name)}"
        f" --root-ca-file={pki}/ca.crt --service-account-private-key-file={pki}/service-accounts.key"
        " --use-service-account-credentials=true --leader-elect=false --bind-address=0.0.0.0"
    )
    return Program(name, tuple(command.split()), f"https://{cluster.node_address}:10257/healthz")


def scheduler(cluster: Cluster, tools: Toolchain) -> Program:
    name = certificates.SCHEDULER
    config = certificates.kubeconfig(cluster, name)
    command = f"{tools.program(name)} --kubeconfig={config} --leader-elect=false --bind-address=0.0.0.0"
    return Program(name, tuple(command.split()), f"https://{cluster.node_address}:10259/healthz")


def containerd(cluster: Cluster) -> Program:
    network = cluster.state / "config" / "cni" / "pod-network.conflist"
    files = {**_config(cluster, "containerd.toml"), network: fill(cluster, "pod-network.conflist")}
    command = (debian("containerd"), "--config", str(cluster.state / "config" / "containerd.toml"))
    # The shims, runc and the network plugins' own programs are looked up on PATH.
    return Program(CONTAINERD, command, None, {}, files)


def kubelet(cluster: Cluster, tools: Toolchain) -> Program:
    command = (
        f"{tools.program(KUBELET)} --config={cluster.state}/config/kubelet.yaml"
        f" --kubeconfig={certificates.kubeconfig(cluster, certificates.KUBELET)}"
        f" --hostname-override={cluster.label} --node-ip={addresses.BRIDGE_ADDRESS}"
    )
    resolver = {cluster.state / "config" / "resolv.conf": "# Pods know the names of the cluster, no others.\n"}
    files = {**_config(cluster, "kubelet.yaml"), **resolver}
    return Program(KUBELET, tuple(command.split()), f"http://{cluster.node_address}:10248/healthz", {}, files)


def kube_proxy(cluster: Cluster, tools: Toolchain) -> Program:
    name = certificates.PROXY
    command = (str(tools.program(name)), f"--config={cluster.state}/config/kube-proxy.yaml")
    url = f"http://{cluster.node_address}:10256/healthz"
    return Program(name, command, url, {}, _config(cluster, "kube-proxy.yaml"))


def istiod(cluster: Cluster, tools: Toolchain) -> Program:
    command = (
        f"{tools.program('pilot-discovery')} discovery"
        f" --kubeconfig {certificates.kubeconfig(cluster, certificates.ADMIN)}"
        f" --meshConfig {cluster.state}/config/mesh.yaml --grpcAddr 127.0.0.1:15010 --httpAddr 0.0.0.0:15080"
        " --monitoringAddr 127.0.0.1:15014 --secureGRPCAddr= --httpsAddr= --domain cluster.local"
    )
    env = {
        "POD_NAMESPACE": "istio-system",
        "CLUSTER_ID": "Kubernetes",
        # Istio's own filters, which a plain Envoy does not have.
        "PILOT_ENABLE_ALPN_FILTER": "false",
        "PILOT_ENABLE_METADATA_EXCHANGE": "false",
        "PILOT_ENABLE_TELEMETRY_LABEL": "false",
    }
    url = f"http://{cluster.node_address}:15080/ready"
    return Program(ISTIOD, tuple(command.split()), url, env, _config(cluster, "mesh.yaml"))


def gateway(cluster: Cluster, path: Path) -> Program:
    node = {"kind": "router", "address": addresses.BRIDGE_ADDRESS, "namespace": "istio-system"}
    labels = {"app": "istio-ingressgateway", "istio": "ingressgateway"}
    # It answers 404 as long as no VirtualService names it: the listener is what counts, see `up`.
    return _envoy(cluster, path, ENVOY, addresses.ENVOY_ADMIN_PORT, {**node, **labels})


def sidecar(cluster: Cluster, path: Path) -> Program:
    # Not the address among the pods: that is of the gateway's Service, which istiod would take for one of this proxy's.
    node = {"kind": "sidecar", "address": cluster.node_address, "namespace": "callers"}
    labels = {"app": "caller", "istio": "caller"}
    return _envoy(cluster, path, SIDECAR, addresses.SIDECAR_ADMIN_PORT, {**node, **labels})


def _envoy(cluster: Cluster, path: Path, name: str, admin_port: int, told: Mapping[str, object]) -> Program:
    """A proxy of the mesh, by what istiod is told of it."""
    file = cluster.state / "config" / f"{name}.yaml"
    command = f"{path} -c {file} --disable-hot-restart --concurrency 2 --log-level warning"
    url = f"http://{cluster.node_address}:{admin_port}/ready"
    text = fill(cluster, "envoy.yaml", admin_port=admin_port, **told)
    return Program(name, tuple(command.split()), url, {}, {file: text})


def coredns(cluster: Cluster, tools: Toolchain) -> Program:
    command = (str(tools.program("coredns")), "-conf", str(cluster.state / "config" / "Corefile"))
    url = f"http://{cluster.node_address}:8181/ready"
    return Program("coredns", command, url, {}, _config(cluster, "Corefile"))


def prometheus(cluster: Cluster, tools: Toolchain, scrape_interval: str) -> Program:
    command = (
        f"{tools.program(PROMETHEUS)} --config.file={cluster.state}/config/prometheus.yaml"
        f" --storage.tsdb.path={cluster.state}/prometheus --storage.tsdb.retention.time=12h"
        f" --web.listen-address=0.0.0.0:{addresses.PROMETHEUS_PORT} --log.level=warn"
    )
    files = _config(cluster, "prometheus.yaml", scrape_interval=scrape_interval)
    return Program(PROMETHEUS, tuple(command.split()), f"{cluster.prometheus_url}/-/ready", {}, files)


def debian(name: str) -> str:
    """Path of a program from a Debian package. Raises ClusterError when it is not installed."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")
    if found is None:
        raise ClusterError(f"{name} is not installed: run {HERE / 'bootstrap.sh'} as root")
    return found
