"""Small rules of doctor: addresses that are Services, rights as the chart gives them."""

from __future__ import annotations

import pytest

from modelrollout.cli.doctor.found import Finding, State, exit_code
from modelrollout.cli.doctor.gateways import service_of
from modelrollout.cli.doctor.rights import OF_OPERATOR
from tests.apiserver import ApiServer
from tests.chart.chart import render

SERVICES = {
    "http://prometheus.istio-system:9090": ("istio-system", "prometheus"),
    "http://prometheus.monitoring.svc:9090/prefix": ("monitoring", "prometheus"),
    "http://prometheus.monitoring.svc.cluster.local": ("monitoring", "prometheus"),
    "http://prometheus.monitoring.svc.corp.local": ("monitoring", "prometheus"),
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
