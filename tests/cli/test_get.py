"""get and describe against a real API server: what is shown, followed, and shown to whom."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from modelrollout.cli import access
from modelrollout.cli.live import ENTER, HOME, LEAVE
from modelrollout.cli.main import main
from tests.apiserver import ApiServer
from tests.cli.conftest import Put, Run, Start
from tests.cli.running import PROGRAM, Running
from tests.cli.stage import Stage
from tests.cli.worlds import installed, promoted, releasing

pytestmark = pytest.mark.apiserver


def test_without_a_name_all_are_listed(run: Run, put: Put) -> None:
    put(releasing())
    put(installed(), "risk")
    lines = [text.split() for text in run("get").stdout.splitlines()]
    assert lines[0] == ["NAME", "PHASE", "STABLE", "CANDIDATE", "WEIGHT", "STEP", "AGE"]
    assert lines[1][:7] == ["fraud", "Progressing", "1.0.1", "1.1.2", "10", "%", "1/2"]
    assert lines[2][:3] == ["risk", "Healthy", "1.0.1"]


def test_none(run: Run, namespace: str) -> None:
    assert run("get").stdout == f"there are no modelrollouts in namespace {namespace}\n"


def test_of_all_namespaces(run: Run, put: Put, namespace: str) -> None:
    put(releasing())
    lines = run("get", "-A").stdout.splitlines()
    assert lines[0].startswith("NAMESPACE")
    assert [text.split()[1] for text in lines if text.startswith(f"{namespace} ")] == ["fraud"]


def test_a_name_in_all_namespaces_is_wrong_usage(run: Run) -> None:
    assert run("get", "fraud", "-A").exit_code == 2


def test_one_as_a_tree(run: Run, put: Put, namespace: str) -> None:
    put(releasing())
    shown = run("get", "fraud").stdout
    assert shown.startswith(f"fraud  namespace {namespace}\nProgressing  canary, step 1/2\n")
    assert "candidate   1.1.2   10 %" in shown
    assert "\x1b" not in shown


def test_one_that_is_not_there(run: Run, namespace: str) -> None:
    result = run("get", "nobody")
    assert result.exit_code == 2
    assert result.stderr == f"Error: there is no modelrollout 'nobody' in namespace {namespace}\n"


IN_NO_NAMESPACE = [
    ["get"],
    ["get", "-w"],
    ["get", "x"],
    ["wait", "x"],
    ["describe"],
    ["undo"],
    ["retry", "x"],
    ["doctor"],
]


@pytest.mark.parametrize("command", IN_NO_NAMESPACE, ids=" ".join)
def test_a_namespace_that_is_not_there_is_said(server: ApiServer, command: list[str]) -> None:
    """A list of nothing is no answer to a name that was mistyped."""
    result = CliRunner().invoke(main, [*command, "-n", "nope", "--kubeconfig", str(server.kubeconfig)])
    assert (result.exit_code, result.stderr) == (2, "Error: there is no namespace nope\n")
    assert result.stdout == ""


def test_who_may_not_read_namespaces_is_told_what_is_not_in_it(
    run: Run, server: ApiServer, namespace: str, kubeconfig_for: Callable[..., str]
) -> None:
    kubeconfig = kubeconfig_for(token=signed_in(server, namespace, "reader", ["get", "list", "watch"]))
    assert run("get", kubeconfig=kubeconfig).stdout == f"there are no modelrollouts in namespace {namespace}\n"
    assert run("get", "x", kubeconfig=kubeconfig).stderr.endswith(f"no modelrollout 'x' in namespace {namespace}\n")


@pytest.mark.parametrize("command", [["get"], ["get", "fraud"], ["abort", "fraud"]], ids=" ".join)
def test_a_cluster_without_the_operator(run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setattr(access, "GROUP", "not-installed.dev")  # the server's answer to it is the real one
    result = run(*command)
    assert result.exit_code == 4
    assert "the server knows no modelrollouts; is the operator installed in this cluster?" in result.stderr


def test_the_object_itself(run: Run, put: Put) -> None:
    stage = put(releasing())
    assert json.loads(run("get", "fraud", "-o", "json").stdout) == stage.read()
    assert yaml.safe_load(run("get", "fraud", "-o", "yaml").stdout) == stage.read()
    assert json.loads(run("describe", "fraud", "-o", "json").stdout) == stage.read()
    listed = json.loads(run("get", "-o", "json").stdout)
    assert (listed["kind"], [item["metadata"]["name"] for item in listed["items"]]) == ("List", ["fraud"])


def test_the_namespace_of_the_context(put: Put, namespace: str, kubeconfig_for: Callable[..., str]) -> None:
    put(releasing())
    command = [*PROGRAM, "get", "fraud"]
    where = {**os.environ, "KUBECONFIG": kubeconfig_for(namespace=namespace)}
    shown = subprocess.run(command, env=where, capture_output=True, text=True, check=True).stdout
    assert shown.startswith(f"fraud  namespace {namespace}\n")


def pod(name: str, version: str) -> dict[str, Any]:
    labels = {"modelrollout.dev/rollout": "fraud", "modelrollout.dev/version": version}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "serving", "image": "tensorflow/serving:2.19.1"}]},
    }


def event(stage: Stage) -> dict[str, Any]:
    body = stage.read()
    about = {"apiVersion": body["apiVersion"], "kind": body["kind"], "name": "fraud", "uid": body["metadata"]["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "fraud."},
        "involvedObject": {**about, "namespace": stage.namespace},
        "reason": "WeightChanged",
        "message": "1.1.2: 0 % -> 10 %",
        "type": "Normal",
        "eventTime": datetime.now(tz=UTC).isoformat().replace("+00:00", "Z"),
        "reportingComponent": "modelrollout.dev/operator",
        "reportingInstance": "one",
        "action": "WeightChanged",
    }


def test_pods_and_events(run: Run, put: Put, server: ApiServer) -> None:
    stage = put(releasing())
    for kind, body in (("pods", pod("fraud-1-1-2-x", "1.1.2")), ("events", event(stage))):
        answer = server.ask("POST", f"/api/v1/namespaces/{stage.namespace}/{kind}", body)
        assert answer.status == 201, answer.message
    assert "   └─ ✖ fraud-1-1-2-x   Pending   0 restarts" in run("get", "fraud").stdout
    described = run("describe", "fraud").stdout
    assert "✖ fraud-1-1-2-x" in described
    assert "Normal   WeightChanged   1.1.2: 0 % -> 10 %" in described


def test_who_may_not_list_pods_sees_the_rest(
    run: Run, put: Put, server: ApiServer, kubeconfig_for: Callable[..., str]
) -> None:
    stage = put(releasing())
    token = signed_in(server, stage.namespace, "viewer", ["get", "list", "watch"])
    kubeconfig = kubeconfig_for(token=token)
    shown = run("get", "fraud", kubeconfig=kubeconfig).stdout
    assert "candidate   1.1.2   10 %" in shown
    assert "no pods are shown: cannot list pods: pods is forbidden" in shown
    assert (
        "no events are shown: cannot list events: events is forbidden" in run("describe", kubeconfig=kubeconfig).stdout
    )
    result = run("abort", "fraud", kubeconfig=kubeconfig)
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: cannot annotate modelrollout 'fraud' in namespace")


def test_who_may_see_nothing_is_told_so(
    run: Run, put: Put, server: ApiServer, kubeconfig_for: Callable[..., str]
) -> None:
    stage = put(releasing())
    token = signed_in(server, stage.namespace, "stranger", [])
    result = run("get", kubeconfig=kubeconfig_for(token=token))
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: cannot list modelrollouts: modelrollouts.modelrollout.dev is forbidden: ")


def signed_in(server: ApiServer, namespace: str, name: str, verbs: list[str]) -> str:
    """The token of a new ServiceAccount that may do this with modelrollouts, and nothing else."""
    core, rights = f"/api/v1/namespaces/{namespace}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rule = {"apiGroups": ["modelrollout.dev"], "resources": ["modelrollouts"], "verbs": verbs or ["deletecollection"]}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    for path, body in (
        (f"{core}/serviceaccounts", {"metadata": {"name": name}}),
        (f"{rights}/roles", {"metadata": {"name": name}, "rules": [rule]}),
        (f"{rights}/rolebindings", {"metadata": {"name": name}, "subjects": [subject], "roleRef": reference}),
    ):
        answer = server.ask("POST", path, body)
        assert answer.status == 201, answer.message
    answer = server.ask("POST", f"{core}/serviceaccounts/{name}/token", {"spec": {}})
    assert answer.status == 201, answer.message
    token: str = answer.body["status"]["token"]
    return token


def promote(stage: Stage) -> None:
    """The candidate serves all requests now."""
    stage.world.status = promoted().status.model_copy(update={"observed_generation": stage.world.generation})
    stage.write_status()


def test_watched_by_a_log(start: Start, put: Put) -> None:
    stage = put(releasing())
    watching = start("get", "fraud", "-w")
    watching.until_it_says("Progressing, stable 1.0.1 90 %, candidate 1.1.2 10 % 1/1 ready, step 1/2")
    promote(stage)
    watching.until_it_says("Healthy")
    stage.delete()
    assert watching.exit_code() == 0
    said = [text.partition("Z  ")[2] or text for text in watching.said.splitlines()]
    assert said[1:] == ["Healthy, stable 1.1.2 100 %: 1.1.2 serves all requests", "modelrollout 'fraud' was deleted"]


def test_watched_by_a_program(start: Start, put: Put) -> None:
    stage = put(releasing())
    watching = start("get", "fraud", "-w", "-o", "json")
    watching.until_it_says("\n")
    promote(stage)
    watching.until_it_says('"Healthy"')
    stage.delete()
    assert watching.exit_code() == 0
    *documents, end = watching.said.splitlines()
    assert [json.loads(text)["status"]["phase"] for text in documents] == ["Progressing", "Healthy"]
    assert end == "modelrollout 'fraud' was deleted"


def test_a_list_is_watched_too(start: Start, put: Put) -> None:
    put(releasing())
    watching = start("get", "-w")
    watching.until_it_says("fraud: Progressing, ")
    put(installed(), "risk")
    watching.until_it_says("risk: Healthy, ")


def test_watched_on_a_terminal_it_is_redrawn_in_place(server: ApiServer, put: Put, namespace: str) -> None:
    stage = put(releasing())
    where = ["-n", namespace, "--kubeconfig", str(server.kubeconfig)]
    watching = Running(["get", "fraud", "-w", *where], terminal=pty.openpty())
    watching.until_it_says("Progressing")
    promote(stage)
    watching.until_it_says("Healthy")
    stage.delete()
    assert watching.exit_code() == 0
    shown, rest = watching.said.partition(ENTER)[2].split(LEAVE)
    drawings = shown.split(HOME)[1:]
    assert "Progressing" in drawings[0]
    assert "Healthy" not in drawings[0]
    assert any("Healthy" in drawing and "Progressing" not in drawing for drawing in drawings)
    assert "fraud is gone" in drawings[-1]
    assert "was deleted" in rest
    watching.end()


def test_the_terminal_is_given_back_when_the_program_is_told_to_end(
    server: ApiServer, put: Put, namespace: str
) -> None:
    put(releasing())
    where = ["-n", namespace, "--kubeconfig", str(server.kubeconfig)]
    watching = Running(["get", "fraud", "-w", *where], terminal=pty.openpty())
    watching.until_it_says("Progressing")
    watching.terminate()
    assert watching.exit_code() == 128 + signal.SIGTERM
    assert watching.said.rstrip().endswith(LEAVE)
    watching.end()
