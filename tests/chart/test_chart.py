"""The Helm chart: what it makes of its values, and what a real API server says to that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from modelrollout.manifests.allowed_hosts import HostRule, host_rules
from modelrollout.runtime.settings import PREFIX, from_environment
from tests.apiserver import ApiServer
from tests.chart.chart import CHART, NAMESPACE, VALUES, environment, helm, only, render
from tests.kubernetes import Kubernetes

pytestmark = pytest.mark.apiserver

EVERY = pytest.mark.parametrize("values", VALUES.values(), ids=VALUES.keys())


@pytest.fixture
def namespaces(api_server: ApiServer) -> None:
    """The namespaces that the cases name."""
    for name in (NAMESPACE, "team-a", "team-b"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        api_server.apply(f"/api/v1/namespaces/{name}", body)


@EVERY
def test_lint_has_nothing_to_say(api_server: ApiServer, values: dict[str, Any]) -> None:
    helm(api_server, "lint", "--strict", str(CHART), values=values)


@EVERY
def test_api_server_takes_it_strictly(kubernetes: Kubernetes, namespaces: None, values: dict[str, Any]) -> None:
    api_server = kubernetes.server  # with Istio's types in it: some values make objects of these
    text = helm(api_server, "template", "modelrollout", str(CHART), "--namespace", NAMESPACE, values=values)
    apply = ["apply", "--dry-run=server", "--server-side", "--validate=strict", "--force-conflicts", "-f", "-"]
    done = api_server.run("kubectl", *apply, given=text)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr


@EVERY
def test_operator_can_read_every_setting(api_server: ApiServer, values: dict[str, Any]) -> None:
    variables = environment(render(api_server, values))
    assert all(name.startswith(PREFIX) for name in variables)
    from_environment(variables)


def test_values_reach_the_settings(api_server: ApiServer) -> None:
    settings = from_environment(environment(render(api_server, VALUES["all that can be set"])))
    assert settings.prometheus_url == "https://metrics.example.com"
    assert (settings.prometheus_timeout, settings.scrape_interval, settings.poll) == (3.0, 15.0, 1.0)
    assert settings.prometheus_token_file == "/var/run/secrets/prometheus/token"
    assert settings.gateway_url == "http://gateway.ingress:8080"
    assert settings.mesh_proxy_url == "http://127.0.0.1:8501"
    assert settings.cluster_domain == "k8s.corp.local"
    assert (settings.fetch_image, settings.fetch_image_pull_policy) == (
        "registry.example.com/modelrollout:1.2.3",
        "Always",
    )
    assert (settings.fetch_max_bytes, settings.fetch_timeout) == (1_000_000, 300.0)
    assert settings.fetch_memory is None
    assert settings.file_root == "/var/lib/models"
    assert (settings.workers, settings.log_level, settings.log_format) == (16, "WARNING", "text")


def test_rules_of_hosts_reach_the_settings(api_server: ApiServer) -> None:
    first, second = host_rules(from_environment(environment(render(api_server, VALUES["hosts"]))).hosts)
    assert first == HostRule(("team-a", "team-a-*"), ("*.a.example.com",), ("ingress/public", "mesh"))
    assert second == HostRule(("*",), ("*.models.example.com",))


def test_instance_reaches_the_settings(api_server: ApiServer) -> None:
    assert from_environment(environment(render(api_server, VALUES["one of several"]))).instance == "eu-1"


def test_defaults_of_the_chart_are_those_of_the_operator(api_server: ApiServer) -> None:
    """A value that the user leaves alone means what the operator's own documentation says."""
    variables = environment(render(api_server, {}))
    own = {"FETCH_IMAGE", "LEASE_NAMESPACE", "LISTEN"}  # what only the chart can know
    rest = {name: value for name, value in variables.items() if name.removeprefix(PREFIX) not in own}
    assert from_environment(rest) == from_environment({})


@pytest.mark.parametrize(
    ("values", "strategy", "lease", "budget"),
    [
        ({}, "Recreate", NAMESPACE, False),
        ({"replicas": 2}, "RollingUpdate", NAMESPACE, True),
        ({"leaderElection": {"enabled": False}}, "Recreate", None, False),
    ],
    ids=["one", "two", "one without a Lease"],
)
def test_replicas(
    api_server: ApiServer, values: dict[str, Any], strategy: str, lease: str | None, budget: bool
) -> None:
    objects = render(api_server, values)
    assert only(objects, "Deployment")["spec"]["strategy"]["type"] == strategy
    assert from_environment(environment(objects)).lease_namespace == lease
    assert any(item["kind"] == "PodDisruptionBudget" for item in objects) is budget


@EVERY
def test_pods_fit_the_restricted_level(api_server: ApiServer, namespaces: None, values: dict[str, Any]) -> None:
    """Asked of the admission plugin itself: it warns about what does not fit."""
    label = {"pod-security.kubernetes.io/warn": "restricted"}
    path = f"/api/v1/namespaces/{NAMESPACE}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": label}}
    api_server.apply(path, body)
    text = yaml.safe_dump_all(item for item in render(api_server, values) if item["kind"] == "Deployment")
    done = api_server.run("kubectl", "apply", "--dry-run=server", "--server-side", "-f", "-", given=text)
    api_server.apply(path, body | {"metadata": {"name": NAMESPACE}})
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replica": 2}, "replica"),
        ({"replicas": "2"}, "replicas"),
        ({"image": {"name": "x"}}, "name"),
        ({"prometheus": {"url": "prometheus:9090"}}, "url"),
        ({"prometheus": {"scrapeInterval": "15"}}, "scrapeInterval"),
        ({"clusterDomain": "svc.Corp"}, "clusterDomain"),
        ({"clusterDomain": ".corp.local"}, "clusterDomain"),
        ({"fileRoot": "models"}, "fileRoot"),
        ({"log": {"level": "debug"}}, "level"),
        ({"settings": {"workers": 16}}, "workers"),
        ({"namespaces": ["Team A"]}, "namespaces"),
        ({"rewards": {"window": "day"}}, "window"),
        ({"replicas": 2, "leaderElection": {"enabled": False}}, "leaderElection"),
        ({"hosts": [{"namespaces": ["team-a"]}]}, "hosts"),
        ({"hosts": [{"namespaces": ["team-a"], "hosts": []}]}, "hosts"),
        ({"admission": {"images": ["https://registry.example.com"] * 2}}, "images"),
        ({"rewards": {"maxReward": 0}}, "maxReward"),
        ({"rewards": {"drain": "15s"}}, "drain"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_wrong_values_are_refused(api_server: ApiServer, values: dict[str, Any], words: str) -> None:
    arguments = ["template", "modelrollout", str(CHART), "--values", "-"]
    done = api_server.run("helm", *arguments, given=json.dumps(values))
    assert done.returncode != 0
    assert words in done.stderr


def test_schema_knows_exactly_the_values_that_there_are() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert names(schema) - {"global"} == set(leaves(values))


def names(schema: dict[str, Any], path: str = "") -> set[str]:
    """The values that a schema describes one by one, as paths."""
    if "properties" not in schema:
        return {path}
    below = (names(part, f"{path}.{name}".lstrip(".")) for name, part in schema["properties"].items())
    return set().union(*below)


def leaves(values: Any, path: str = "") -> Iterator[str]:
    """The values of values.yaml, as paths."""
    open_maps = ("resources", "rewards.resources")
    if not isinstance(values, dict) or not values or path in open_maps:
        yield path
        return
    for name, part in values.items():
        yield from leaves(part, f"{path}.{name}".lstrip("."))


def test_definition_stays_when_the_release_goes(api_server: ApiServer) -> None:
    (definition,) = (item for item in render(api_server, {}) if item["kind"] == "CustomResourceDefinition")
    assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_definition_is_upgraded_with_the_release(api_server: ApiServer) -> None:
    """It is a template, not in crds/, which Helm installs once and never touches again."""
    assert not (CHART / "crds").exists()
    kinds = [item["kind"] for item in render(api_server, {"crds": {"install": False}})]
    assert "CustomResourceDefinition" not in kinds
