"""Small rules of doctor: hosts that a gateway lets in, addresses that are Services, rights as the chart gives them."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.cli.doctor.found import Finding, State, exit_code
from modelrollout.cli.doctor.gateways import admits, service_of
from modelrollout.cli.doctor.rights import OF_OPERATOR
from tests.apiserver import ApiServer
from tests.chart.chart import render

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
    assert admits(gateway, "prod", host) is admitted


SERVICES = {
    "http://prometheus.istio-system:9090": ("istio-system", "prometheus"),
    "http://prometheus.monitoring.svc:9090/prefix": ("monitoring", "prometheus"),
    "http://prometheus.monitoring.svc.cluster.local": ("monitoring", "prometheus"),
    "https://metrics.example.com": None,
    "http://localhost:9090": None,
    "": None,
}


@pytest.mark.parametrize(("url", "service"), [*SERVICES.items()])
def test_addresses_of_services(url: str, service: tuple[str, str] | None) -> None:
    found = service_of(url)
    # of two words nobody can tell; where there is no such Service, that is said
    assert found == service or (url == "https://metrics.example.com" and found is None)


CODES = {
    "all there": ([State.THERE], 0),
    "doubts do not stop a pipeline": ([State.THERE, State.DOUBTFUL], 0),
    "not seen": ([State.THERE, State.UNKNOWN], 3),
    "missing stands above not seen": ([State.UNKNOWN, State.MISSING], 1),
}


@pytest.mark.parametrize(("states", "code"), CODES.values(), ids=CODES.keys())
def test_exit_codes(states: list[State], code: int) -> None:
    assert exit_code([Finding("area", state, "text") for state in states]) == code


@pytest.mark.apiserver
def test_the_rights_are_those_that_the_chart_gives(api_server: ApiServer) -> None:
    roles = [item for item in render(api_server, {}) if item["kind"] == "ClusterRole"]
    [rules] = [role["rules"] for role in roles if role["metadata"]["name"].endswith("-modelrollout")]
    given = {(rule["apiGroups"][0], rule["resources"][0]): sorted(rule["verbs"]) for rule in rules}
    assert {(right.group, right.resource): sorted(right.verbs) for right in OF_OPERATOR} == given
