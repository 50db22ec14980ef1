"""Prometheus behind the API server: the way that a query takes, and what is said where there is none."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest

from modelrollout.cli.doctor.asking import behind_the_api_server, number
from modelrollout.cli.doctor.look import Look, NotSeen

PROXY = "/api/v1/namespaces/monitoring/services"
WAYS = {
    "a port": ("http://prometheus.monitoring:9090", f"{PROXY}/prometheus:9090/proxy/api/v1/query?query=vector%281%29"),
    "no port": ("http://prometheus.monitoring", f"{PROXY}/prometheus:80/proxy/api/v1/query?query=vector%281%29"),
    "a path, as a proxy of a managed service has it": (
        "http://sigv4.monitoring.svc:8005/workspaces/ws-1/",
        f"{PROXY}/sigv4:8005/proxy/workspaces/ws-1/api/v1/query?query=vector%281%29",
    ),
    "TLS": (
        "https://prometheus.monitoring:9090",
        f"{PROXY}/https:prometheus:9090/proxy/api/v1/query?query=vector%281%29",
    ),
}


SELECTS: dict[str, Any] = {"spec": {"selector": {"app": "prometheus"}}}


class Answers:
    """A cluster whose Services all answer this."""

    def __init__(self, answer: dict[str, Any], service: dict[str, Any] | None = SELECTS) -> None:
        self.answer, self.service, self.asked = answer, service, ""

    def one(self, path: str) -> dict[str, Any] | None:
        return self.service

    def proxied(self, path: str) -> dict[str, Any]:
        self.asked = path
        return self.answer


@pytest.mark.parametrize(("url", "path"), WAYS.values(), ids=WAYS.keys())
def test_the_way_of_a_query(url: str, path: str) -> None:
    series = {"metric": {}, "value": [1800000000, "1"]}
    cluster = Answers({"status": "success", "data": {"resultType": "vector", "result": [series]}})
    assert number(behind_the_api_server(cast(Look, cluster), url)("vector(1)")) == 1.0
    assert cluster.asked == path


def test_an_address_outside_of_the_cluster_is_not_asked() -> None:
    with pytest.raises(NotSeen, match="no Service of this cluster"):
        behind_the_api_server(cast(Look, Answers({})), "https://metrics.example.com")


def test_what_is_no_prometheus_is_said() -> None:
    ask = behind_the_api_server(cast(Look, Answers({"message": "hello"})), "http://prometheus.monitoring:9090")
    with pytest.raises(NotSeen, match="what answers is no Prometheus"):
        ask("vector(1)")


NOWHERE: dict[str, tuple[dict[str, Any] | None, str]] = {
    "no Service": (
        None,
        "9090 (prometheus.url of the chart) names a Service that is not there",
    ),
    "one for addresses outside of the cluster": (
        {"spec": {"ports": [{"port": 9090}]}},
        "the API server does not ask behind Service monitoring/prometheus, which has no selector",
    ),
}


@pytest.mark.parametrize(("service", "words"), NOWHERE.values(), ids=NOWHERE.keys())
def test_a_service_that_leads_nowhere_is_told_by_what_it_lacks(service: dict[str, Any] | None, words: str) -> None:
    with pytest.raises(NotSeen, match=re.escape(words)):
        behind_the_api_server(cast(Look, Answers({}, service)), "http://prometheus.monitoring:9090")
