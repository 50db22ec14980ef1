"""Small rules of doctor: addresses that are Services, rights as the chart gives them."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.cli.doctor.chart import mended
from modelrollout.cli.doctor.found import Finding, State, exit_code
from modelrollout.cli.doctor.gateways import service_of, smoke_proxy
from modelrollout.cli.doctor.look import Body, Look
from modelrollout.cli.doctor.operator import Operator, operators
from modelrollout.cli.doctor.rights import OF_OPERATOR
from modelrollout.resource.rollout import ModelRollout
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


def test_a_command_of_helm_is_for_the_release_that_there_is() -> None:
    """Another name or namespace would be a second operator beside it."""
    body = {
        "metadata": {"name": "eu-modelrollout", "namespace": "ml", "labels": {"app.kubernetes.io/instance": "eu"}},
        "spec": {"template": {"spec": {"containers": [{"args": ["operator"]}]}}},
    }

    class Shown(Look):
        def __init__(self) -> None:
            """No cluster."""

        def all(self, path: str, **query: str) -> list[Body]:
            return [body]

    [found] = operators(Shown(), None)
    command = "helm upgrade eu charts/modelrollout -n ml --reuse-values --set rbac.create=true"
    assert mended(found, "rbac.create=true") == command


CODES = {
    "all there": ([State.THERE], 0),
    "doubts do not stop a pipeline": ([State.THERE, State.DOUBTFUL], 0),
    "not seen": ([State.THERE, State.UNKNOWN], 3),
    "missing stands above not seen": ([State.UNKNOWN, State.MISSING], 1),
}


@pytest.mark.parametrize(("states", "code"), CODES.values(), ids=CODES.keys())
def test_exit_codes(states: list[State], code: int) -> None:
    assert exit_code([Finding("area", state, "text") for state in states]) == code


SMOKE: dict[str, Any] = {"blueGreen": {"smoke": {"requests": [{"instances": [[1]]}]}}}
STEPS: dict[str, Any] = {"canary": {"steps": [{"setWeight": 10, "for": "1h"}]}}
PROXIES: dict[str, tuple[list[str], dict[str, Any], str, bool]] = {
    "in the mesh, and no proxy": (["mesh"], SMOKE, "", True),
    "in the mesh, and a proxy": (["mesh"], SMOKE, "http://127.0.0.1:8501", False),
    "at a gateway, too": (["mesh", "ingress/public"], SMOKE, "", False),
    "without smoke requests": (["mesh"], STEPS, "", False),
}


@pytest.mark.parametrize(("gateways", "strategy", "proxy", "missing"), PROXIES.values(), ids=PROXIES)
def test_smoke_requests_in_the_mesh_need_a_proxy(
    gateways: list[str], strategy: dict[str, Any], proxy: str, missing: bool
) -> None:
    spec = {
        "model": {"name": "fraud", "version": "1.0.1", "uri": "https://x.example/1.tar.gz"},
        "traffic": {"hosts": ["fraud"], "gateways": gateways},
        "strategy": strategy,
    }
    rollout = ModelRollout.from_json({"metadata": {"name": "fraud", "namespace": "prod", "uid": "u"}, "spec": spec})
    operator = Operator("modelrollout", "modelrollout", "default", 1, 1, {"mesh_proxy_url": proxy})
    found = list(smoke_proxy(operator, [rollout]))
    assert [item.state for item in found] == [State.MISSING] * missing
    assert all(item.text.startswith("prod/fraud ") and "mesh.proxyUrl" in item.mend for item in found)


@pytest.mark.apiserver
def test_the_rights_are_those_that_the_chart_gives(api_server: ApiServer) -> None:
    roles = [item for item in render(api_server, {}) if item["kind"] == "ClusterRole"]
    [rules] = [role["rules"] for role in roles if role["metadata"]["name"].endswith("-modelrollout")]
    given = {(rule["apiGroups"][0], rule["resources"][0]): sorted(rule["verbs"]) for rule in rules}
    assert {(right.group, right.resource): sorted(right.verbs) for right in OF_OPERATOR} == given
