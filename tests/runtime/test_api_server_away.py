"""A real API server that is away for long: no process ends, and all goes on when it is back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes import Kubernetes
from tests.proxy import Proxy
from tests.runtime.operating import Start, phase, pods_ready, submit, until

pytestmark = pytest.mark.apiserver

TIMES = 5  # that it is asked in vain: no wait grows, so ten minutes are only more of the same
LEASE = {"lease_duration": "4s", "lease_renew": "500ms"}


@pytest.mark.parametrize("leases", [True, False], ids=["with a Lease", "without a Lease"])
def test_it_goes_on_when_the_api_server_is_back(
    kubernetes: Kubernetes, namespace: str, start: Start, tmp_path: Path, leases: bool
) -> None:
    server, kubeconfig = kubernetes.server, tmp_path / "kubeconfig"
    lease = {"lease_namespace": namespace, **LEASE} if leases else {}
    with Proxy.to(server.url) as proxy:
        kubeconfig.write_text(server.kubeconfig.read_text().replace(server.url, proxy.url))
        operator = start("a", kubeconfig, identity="a", **lease)
        until(operator.is_ready, "the operator is ready")
        submit(server, namespace)
        until(lambda: phase(server, namespace) == "Pending", "it works")
        with proxy.cut():
            until(lambda: operator.times("asking again") >= TIMES, "it asks, and asks again")
            pods_ready(server, namespace)
        until(lambda: phase(server, namespace) == "Healthy", "what happened meanwhile is heard of")
        assert operator.process.poll() is None
        assert operator.says("stops working and stands by") is leases
    if leases:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/modelrollout"
        spec = server.ask("GET", path).body["spec"]
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("a", 0), "the same one leads on"
