"""The reward gateway in the chart: off by default, without rights, and with every value where it belongs."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.cli.rewards import rewards
from tests.apiserver import ApiServer
from tests.chart.chart import NAMESPACE, VALUES, only, render

pytestmark = pytest.mark.apiserver

ON = pytest.mark.parametrize("case", ["rewards", "all that can be set"])


def pod(objects: list[dict[str, Any]]) -> dict[str, Any]:
    template: dict[str, Any] = only(objects, "Deployment", rewards=True)["spec"]["template"]
    return template


def options(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """What the command itself makes of its arguments."""
    (container,) = pod(objects)["spec"]["containers"]
    command, *arguments = container["args"]
    assert command == rewards.name
    return rewards.make_context(command, arguments).params


def test_it_is_off_by_default(api_server: ApiServer) -> None:
    assert [
        item for item in render(api_server, {}) if item["kind"] == "Service" or "rewards" in str(item["metadata"])
    ] == []


def test_defaults_are_those_of_the_command(api_server: ApiServer) -> None:
    url = f"http://modelrollout-operator.{NAMESPACE}:8080"
    given = options(render(api_server, VALUES["rewards"]))
    assert given == rewards.make_context("rewards", ["--operator", url]).params


def test_values_reach_the_command(api_server: ApiServer) -> None:
    objects = render(api_server, VALUES["all that can be set"])
    given = options(objects)
    assert (given["max_reward"], given["window"], given["remember"]) == (2_500_000.5, 604_800.0, 3_000_000)
    assert (given["drain"], str(given["hmac_key_file"])) == (60.0, "/var/run/secrets/rewards/keys")
    assert (given["log_level"], given["log_format"]) == ("DEBUG", "text")
    spec = pod(objects)["spec"]
    assert spec["terminationGracePeriodSeconds"] > 60
    assert spec["volumes"][0]["secret"] == {"secretName": "rewards", "items": [{"key": "hmac", "path": "keys"}]}
    assert spec["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    assert spec["containers"][0]["image"] == "registry.example.com/modelrollout:1.2.3"
    assert only(objects, "Deployment", rewards=True)["spec"]["replicas"] == 3


@ON
def test_it_has_no_rights(api_server: ApiServer, case: str) -> None:
    objects = render(api_server, VALUES[case])
    account = only(objects, "ServiceAccount", rewards=True)
    assert account["automountServiceAccountToken"] is pod(objects)["spec"]["automountServiceAccountToken"] is False
    assert pod(objects)["spec"]["serviceAccountName"] == account["metadata"]["name"]
    bindings = [item for item in objects if item["kind"] in ("RoleBinding", "ClusterRoleBinding")]
    assert bindings
    assert account["metadata"]["name"] not in {subject["name"] for item in bindings for subject in item["subjects"]}


@ON
def test_nobody_takes_its_pods_for_the_operators(api_server: ApiServer, case: str) -> None:
    """Each selector finds the pods that it is for, and no others."""
    objects = render(api_server, VALUES[case])
    mine = pod(objects)["metadata"]["labels"]
    operators = only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    services = {item["metadata"]["name"]: item["spec"] for item in objects if item["kind"] == "Service"}
    assert set(services) == {"modelrollout-operator", "modelrollout-rewards"}
    for name, labels, others in (
        ("modelrollout-operator", operators, mine),
        ("modelrollout-rewards", mine, operators),
    ):
        assert services[name]["selector"].items() <= labels.items()
        assert not services[name]["selector"].items() <= others.items()
    assert services["modelrollout-operator"]["clusterIP"] == "None"


@ON
def test_it_is_scraped_as_the_operator_is(api_server: ApiServer, case: str) -> None:
    objects = render(api_server, VALUES[case])
    scraped = pod(objects)["metadata"]["annotations"]
    operators = only(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    names = ("prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path")
    assert [scraped[name] for name in names] == [operators[name] for name in names]
