"""Whether callers come through the gateways that a rollout names."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.traffic import Traffic
from modelrollout.manifests.gateways import admits, entrance_problem
from modelrollout.resource.rollout import CLUSTER_DOMAIN

HOSTS = {
    "the very host": (["fraud.example.com"], "fraud.example.com", True),
    "another": (["fraud.example.com"], "risk.example.com", False),
    "all": (["*"], "fraud.example.com", True),
    "all below a domain": (["*.example.com"], "fraud.example.com", True),
    "the domain itself is not below it": (["*.example.com"], "example.com", False),
    "of this namespace": (["prod/fraud.example.com"], "fraud.example.com", True),
    "of another namespace": (["test/fraud.example.com"], "fraud.example.com", False),
    "of any namespace": (["*/fraud.example.com"], "fraud.example.com", True),
    "of the gateway's own namespace": (["./*"], "fraud.example.com", False),
    "a short name": (["fraud.prod.svc.cluster.local"], "fraud", True),
    "no host at all": ([], "fraud.example.com", False),
}


@pytest.mark.parametrize(("hosts", "host", "admitted"), HOSTS.values(), ids=HOSTS.keys())
def test_hosts_of_a_gateway(hosts: list[str], host: str, admitted: bool) -> None:
    gateway: dict[str, Any] = {"metadata": {"namespace": "ingress"}, "spec": {"servers": [{"hosts": hosts}]}}
    assert admits(gateway, "prod", host, CLUSTER_DOMAIN) is admitted


def gateway(*hosts: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "ingress"}, "spec": {"servers": [{"hosts": list(hosts)}]}}


GATEWAYS: dict[str, tuple[list[str], dict[str, Any], str | None]] = {
    "the mesh needs none": (["mesh"], {}, None),
    "it is there": (["ingress/public"], {"ingress/public": gateway("*")}, None),
    "one without a namespace is its own": (["public"], {"prod/public": gateway("*")}, None),
    "it is not there": (
        ["public"],
        {"ingress/public": gateway("*")},
        'spec.traffic.gateways[0] "public": there is no Gateway public in prod; make it, or correct the field; '
        "those that there are: kubectl get gateways.networking.istio.io -n prod",
    ),
    "it lets in others": (
        ["ingress/public"],
        {"ingress/public": gateway("*.test")},
        'spec.traffic.gateways[0] "ingress/public": the Gateway does not let in fraud.example.com, so callers get 404; '
        "add it to a server's hosts: kubectl edit gateways.networking.istio.io public -n ingress",
    ),
    "one of two is not there": (
        ["mesh", "ingress/public", "ingress/inner"],
        {"ingress/public": gateway("*")},
        'spec.traffic.gateways[2] "ingress/inner": there is no Gateway inner in ingress; make it, or correct the '
        "field; those that there are: kubectl get gateways.networking.istio.io -n ingress",
    ),
}


@pytest.mark.parametrize(("names", "there", "words"), GATEWAYS.values(), ids=GATEWAYS)
def test_what_is_wrong_with_gateways(names: list[str], there: dict[str, Any], words: str | None) -> None:
    traffic = Traffic(hosts=("fraud.example.com",), gateways=tuple(names))
    found = entrance_problem(traffic, "prod", there.get, CLUSTER_DOMAIN)
    assert (found.message if found is not None else None) == words
