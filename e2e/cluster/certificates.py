"""Certificates and kubeconfigs of a cluster, made once per cluster by openssl.

Every part of Kubernetes signs in under the name that Kubernetes' own role bindings know
(https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles), so that rights are checked here
as they are anywhere else.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from e2e.cluster.addresses import API_ADDRESS, API_PORT, BRIDGE_ADDRESS, Cluster
from e2e.cluster.report import run

DAYS = "3650"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")

ADMIN = "admin"
CONTROLLER_MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"
KUBELET = "kubelet"
PROXY = "kube-proxy"


def folder(cluster: Cluster) -> Path:
    return cluster.state / "pki"


def kubeconfig(cluster: Cluster, who: str) -> Path:
    """The kubeconfig of a part of the node. The one for people is `cluster.kubeconfig`."""
    return folder(cluster) / f"{who}.kubeconfig"


def create(cluster: Cluster) -> None:
    """Make the authority, the API server's certificate, all clients' and their kubeconfigs, where missing."""
    pki = folder(cluster)
    pki.mkdir(parents=True, exist_ok=True)
    pki.chmod(0o700)
    if not (pki / "ca.crt").exists():
        authority: list[str | Path] = [
            "-keyout",
            pki / "ca.key",
            "-out",
            pki / "ca.crt",
            "-subj",
            f"/CN={cluster.label}-authority",
        ]
        run(["openssl", "req", "-x509", *NEW_KEY, "-days", DAYS, *authority])
    if not (pki / "service-accounts.key").exists():
        run(["openssl", "genrsa", "-out", pki / "service-accounts.key", "2048"])
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
    addresses = [cluster.node_address, BRIDGE_ADDRESS, API_ADDRESS, "127.0.0.1"]
    alternatives = [f"DNS:{name}" for name in ["localhost", *names]] + [f"IP:{address}" for address in addresses]
    _issue(pki, "kube-apiserver", "/CN=kube-apiserver", f"subjectAltName={','.join(alternatives)}")
    _issue(pki, "kube-apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    for who, subject in _clients(cluster).items():
        _issue(pki, who, subject)
        _write_kubeconfig(cluster, who, kubeconfig(cluster, who), f"https://127.0.0.1:{API_PORT}")
    _write_kubeconfig(cluster, ADMIN, cluster.kubeconfig, cluster.api_url)


def _clients(cluster: Cluster) -> dict[str, str]:
    return {
        ADMIN: "/O=system:masters/CN=admin",
        CONTROLLER_MANAGER: "/CN=system:kube-controller-manager",
        SCHEDULER: "/CN=system:kube-scheduler",
        KUBELET: f"/O=system:nodes/CN=system:node:{cluster.label}",
        PROXY: "/CN=system:kube-proxy",
    }


def _issue(pki: Path, name: str, subject: str, extension: str = "extendedKeyUsage=clientAuth") -> None:
    if (pki / f"{name}.crt").exists():
        return
    signed: list[str | Path] = ["-CA", pki / "ca.crt", "-CAkey", pki / "ca.key", "-days", DAYS]
    plain = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", extension]
    where: list[str | Path] = ["-keyout", pki / f"{name}.key", "-out", pki / f"{name}.crt", "-subj", subject]
    run(["openssl", "req", "-x509", *NEW_KEY, *signed, *plain, *where])


def _write_kubeconfig(cluster: Cluster, who: str, path: Path, server: str) -> None:
    pki = folder(cluster)

    def data(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    user = {"client-certificate-data": data(f"{who}.crt"), "client-key-data": data(f"{who}.key")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster.label,
        "clusters": [
            {"name": cluster.label, "cluster": {"server": server, "certificate-authority-data": data("ca.crt")}}
        ],
        "users": [{"name": who, "user": user}],
        "contexts": [{"name": cluster.label, "context": {"cluster": cluster.label, "user": who}}],
    }
    path.write_text(json.dumps(config, indent=2))
    path.chmod(0o600)
