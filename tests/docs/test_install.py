"""docs/install.md: what it names is what the operator makes, reads and needs."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.cli.doctor.definitions import OLDEST
from modelrollout.manifests.allowed_hosts import host_rules
from modelrollout.manifests.comparer import COMPARER, METRICS_PORT
from modelrollout.manifests.meta import labels, selector_labels
from modelrollout.manifests.serving import GRPC_PORT, METRICS_PATH, REST_PORT
from tests.apiserver import ApiServer
from tests.chart.chart import only, render
from tests.cli.doctor.stage import Stage
from tests.kubernetes import Kubernetes
from tests.manifests.render import CASES, load
from tests.manifests.render import render as rendered

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text()
BLOCKS: list[str] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
SHOWN: list[dict[str, Any]] = [item for text in BLOCKS for item in yaml.safe_load_all(text)]
OBJECTS = [item for item in SHOWN if "kind" in item]
[VALUES] = [item for item in SHOWN if "kind" not in item]
MONITORS = {item["metadata"]["name"]: item["spec"] for item in OBJECTS if item["kind"] == "PodMonitor"}
ISTIO = [item for item in OBJECTS if "istio.io" in item["apiVersion"]]


def test_the_rules_of_hosts_are_some() -> None:
    first, second = host_rules(json.dumps(VALUES["hosts"]))
    assert first.allows("team-a-eu", "fraud.a.example.com", "ingress/public")
    assert second.allows("payments", "fraud.example.com", "mesh")


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_value_that_is_set_is_one_of_the_chart(page: Path) -> None:
    known = yaml.safe_load((ROOT / "charts/modelrollout/values.yaml").read_text())
    for name in re.findall(r"--set(?:-string|-json)?[ =]'?([A-Za-z.]+)", page.read_text()):
        found = known
        for part in name.partition(".sidecar")[0].split("."):  # the label of Istio's side car is a key of its own
            assert part in found, f"{name} is no value of the chart"
            found = found[part]


def test_the_proxy_is_reached_by_the_operator_alone() -> None:
    [policy] = [item for item in OBJECTS if item["kind"] == "NetworkPolicy"]
    [rule] = policy["spec"]["ingress"]
    [source] = rule["from"]
    [operator] = [item for item in OBJECTS if item["kind"] == "Sidecar"]
    assert source["podSelector"]["matchLabels"] == operator["spec"]["workloadSelector"]["labels"]
    assert source["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": operator["metadata"]["namespace"]
    }


def test_one_oldest_kubernetes_everywhere() -> None:
    oldest = ".".join(map(str, OLDEST))
    chart = yaml.safe_load((ROOT / "charts/modelrollout/Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={oldest}.0-0"
    said = [*re.findall(r"Kubernetes (\d+\.\d+)", PAGE), *re.findall(r"Kubernetes (\d+\.\d+)", _chart_page())]
    assert set(said) == {oldest}


def test_one_oldest_python_everywhere() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    pages = [path.read_text() for path in (ROOT / "README.md", *ROOT.glob("docs/*.md"))]
    said = {version for page in pages for version in re.findall(r"Python (\d+\.\d+) or newer", page)}
    assert {f">={version}" for version in said} == {wanted}


def _chart_page() -> str:
    return (ROOT / "charts/modelrollout/README.md").read_text()


def made(case: str) -> dict[str, Any]:
    """The Deployment of a case."""
    [found] = [item for item in rendered(load(CASES / case / "in.yaml")[0]) if item["kind"] == "Deployment"]
    return found


def test_model_pods_are_scraped_as_they_are_made() -> None:
    [endpoint] = MONITORS["model-pods"]["podMetricsEndpoints"]
    assert endpoint["path"] == METRICS_PATH
    assert MONITORS["model-pods"]["selector"]["matchLabels"].items() <= labels("fraud", "2.4.1187").items()
    assert MONITORS["model-pods"]["podTargetLabels"] == list(selector_labels("fraud", "2.4.1187"))
    deployment = made("version-from-https")
    [server] = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": endpoint["port"], "containerPort": REST_PORT, "protocol": "TCP"} in server["ports"]


def test_comparers_are_scraped_as_they_are_made() -> None:
    [endpoint] = MONITORS["comparers"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"], "its counters have labels of the names that a PodMonitor adds"
    deployment = made("comparer")
    template = deployment["spec"]["template"]
    assert MONITORS["comparers"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    [container] = template["spec"]["containers"]
    assert container["name"] == COMPARER
    assert {"name": endpoint["port"], "containerPort": METRICS_PORT, "protocol": "TCP"} in container["ports"]


def test_the_ports_of_the_network_policies_are_those_of_the_pods() -> None:
    told = set(map(int, re.findall(r"\b(\d{4,5})\b", PAGE.partition("## Network policies")[2].partition("##")[0])))
    assert {GRPC_PORT, REST_PORT, METRICS_PORT} <= told


def test_pods_carry_the_labels_that_the_network_policies_go_by() -> None:
    told = PAGE.partition("## Network policies")[2].partition("##")[0]
    for case, label in (
        ("version-from-https", "app.kubernetes.io/managed-by"),
        ("comparer", "modelrollout.dev/component"),
    ):
        value = made(case)["spec"]["template"]["metadata"]["labels"][label]
        assert f"`{label}: {value}`" in told


def test_the_labels_that_must_survive_are_those_of_the_queries() -> None:
    from modelrollout.adapters.metrics.registry import PROVIDERS

    table = PAGE.partition("**Labels that must survive.**")[2].partition("###")[0]
    for provider in PROVIDERS.values():
        [row] = [line for line in table.splitlines() if line.startswith(f"| `{provider.name}`")]
        queries = f"{provider.errors} {provider.latency} {provider.alive}"
        matched = set(re.findall(r"[{,]\s*([a-z_]+)(?:=|!=|=~)", queries)) - {"__name__"}
        assert [label for label in matched if f"`{label}`" not in row] == []


@pytest.mark.apiserver
def test_the_operator_is_scraped_as_the_chart_makes_it(api_server: ApiServer) -> None:
    [endpoint] = MONITORS["modelrollout"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"]
    [wanted] = MONITORS["modelrollout"]["selector"]["matchExpressions"]
    objects = render(api_server, {"rewards": {"enabled": True}})
    for deployment in (only(objects, "Deployment"), only(objects, "Deployment", rewards=True)):
        template = deployment["spec"]["template"]
        assert template["metadata"]["labels"][wanted["key"]] in wanted["values"]
        [container] = template["spec"]["containers"]
        assert endpoint["port"] in [port["name"] for port in container["ports"]]


@pytest.fixture(scope="module")
def istio(kubernetes: Kubernetes) -> ApiServer:
    """The API server with the types of Istio that the page uses."""
    stage, known = Stage(kubernetes.server), yaml.safe_load_all(kubernetes.server.programs.istio_types.read_text())
    for body in known:
        if body and body["metadata"]["name"] in {definition(item) for item in ISTIO}:
            stage.definition(body)
    return kubernetes.server


def definition(manifest: dict[str, Any]) -> str:
    """The name of its type."""
    return f"{manifest['kind'].lower()}s.{manifest['apiVersion'].partition('/')[0]}"


@pytest.mark.apiserver
@pytest.mark.parametrize("manifest", ISTIO, ids=lambda item: str(item["kind"]))
def test_objects_of_istio_are_such(istio: ApiServer, manifest: dict[str, Any]) -> None:
    """By Istio's own definitions, in a strict dry run."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": manifest["metadata"]["namespace"]}}
    istio.apply(f"/api/v1/namespaces/{manifest['metadata']['namespace']}", namespace)
    plural = definition(manifest).partition(".")[0]
    place = f"/apis/{manifest['apiVersion']}/namespaces/{manifest['metadata']['namespace']}/{plural}"
    answer = istio.ask("POST", place, manifest, dryRun="All", fieldValidation="Strict")
    assert answer.status == 201, answer.message


def test_every_policy_of_the_chart_is_named() -> None:
    template = (ROOT / "charts/modelrollout/templates/admission.yaml").read_text()
    policies = re.findall(r"kind: ValidatingAdmissionPolicy\n.*\n  name: .*-(\w+)\n", template)
    assert policies == ["pods", "commands", "deletions"]
    assert "The chart has three policies" in PAGE
    for name in policies:
        assert f"`…-{name}`" in PAGE


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_what_is_made_with_kubectl_says_in_which_namespace(page: Path) -> None:
    made = re.findall(r"kubectl create (?:rolebinding|service|secret|configmap)\b(?:\\\n|[^`\n])*", page.read_text())
    assert [command for command in made if " -n " not in command] == []


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_files_are_named_to_lint_as_to_kubectl(page: Path) -> None:
    shown = re.findall(r"modelrollout lint (?!\[)(?!-)\S*(?:FILE|\.yaml)", page.read_text())
    assert shown == []


def test_commands_after_the_first_example_have_its_namespace() -> None:
    readme = (ROOT / "README.md").read_text()
    example, after = readme.partition("## What a release looks like")[2].split("```yaml\n")[1].split("```", 1)
    namespace = yaml.safe_load(example)["metadata"]["namespace"]
    commands = after.split("```\n")[1].splitlines()
    for command in commands:
        assert f" -n {namespace} " in command or " -f rollout.yaml" in command, command
