"""``modelrollout validate`` against a real API server: every exit code, what is said, and nothing left behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.api.status import Status
from modelrollout.cli.validated import name_for, to_validate
from modelrollout.core.validate.probed import Probed
from modelrollout.resource.rollout import API_VERSION, KIND
from tests.apiserver import ApiServer
from tests.cli.conftest import Put, Run, Start
from tests.cli.stage import Stage, passing
from tests.cli.test_get import signed_in
from tests.cli.worlds import CANDIDATE, STABLE, installed, quarantined, releasing
from tests.core.test_validate_only import BESIDE, UNFIT, UNKNOWN
from tests.core.test_validation import WORDS
from tests.core.world import CANARY, World

pytestmark = pytest.mark.apiserver

Manifest = Callable[..., str]
DIGEST = f"sha256:{'7' * 64}"
ROLLOUTS = f"/apis/{API_VERSION}/namespaces/{{}}/modelrollouts"


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A file with the rollout whose next version is to be validated."""

    def write(version: str = CANDIDATE, name: str = "fraud", uri: str = "", **parts: Any) -> str:
        spec = {**yaml.safe_load(CANARY), "validation": {}, **parts}
        spec["model"] = {**spec["model"], "version": version, "uri": uri or f"pvc://models/fraud/{version}"}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}
        path = tmp_path / "rollout.yaml"
        path.write_text(yaml.safe_dump(body))
        return str(path)

    return write


def names(server: ApiServer, namespace: str) -> list[str]:
    return [item["metadata"]["name"] for item in server.ask("GET", ROLLOUTS.format(namespace)).body["items"]]


@contextmanager
def operated(server: ApiServer, namespace: str, probed: Probed | None, **world: Any) -> Iterator[list[Any]]:
    """An operator that takes up whatever is there to be validated; gives the objects as they were first seen."""
    stages, seen = dict[str, Stage](), list[Any]()

    def beat() -> bool:
        for body in server.ask("GET", ROLLOUTS.format(namespace)).body["items"]:
            name = body["metadata"]["name"]
            if "validateOnly" not in body["spec"]:
                continue
            if name not in stages:
                seen.append(body)
                stages[name] = Stage(server, namespace, name, World(body["spec"], probed=probed, **world))
            stages[name].beat(2.0)
        return True

    with passing(beat):
        yield seen


def test_passed_is_0(server: ApiServer, namespace: str, run: Run, put: Put, manifest: Manifest) -> None:
    stage = put(installed())
    before = stage.read()
    with operated(server, namespace, BESIDE) as seen:
        result = run("validate", "-f", manifest())
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].endswith(f"fraud: {STABLE} serves")
    assert re.search(rf"fraud-validate-[0-9a-f]{{6}}: {CANDIDATE} is deployed to be validated", lines[1])
    assert "Before any traffic" in lines
    assert f"  {CANDIDATE}   signature   Pass   callers of 1.0.1 can call it" in lines
    assert lines[-1].endswith(f"fraud: {CANDIDATE} passed its validation; nothing was released")
    assert names(server, namespace) == ["fraud"]
    assert stage.read() == before
    assert seen[0]["spec"]["validateOnly"] == {"against": "fraud"}
    assert seen[0]["spec"]["serving"] == {"drain": "10s", "loadTimeout": "2m", "replicas": 1}


def test_who_waits_for_one_that_was_kept(server: ApiServer, namespace: str, run: Run, manifest: Manifest) -> None:
    with operated(server, namespace, BESIDE):
        assert run("validate", "-f", manifest(), "--keep", "--name", "fraud-look").exit_code == 0
    result = run("wait", "fraud-look")
    assert result.exit_code == 0, result.output
    assert f"{CANDIDATE} passed its validation, and nothing is released" in result.stdout


def test_a_version_that_is_known_must_have_its_files(
    server: ApiServer, namespace: str, run: Run, put: Put, manifest: Manifest
) -> None:
    world = installed()
    stable = world.status.stable
    assert stable is not None
    world.status = world.status.model_copy(update={"stable": stable.model_copy(update={"digest": DIGEST})})
    put(world)
    with operated(server, namespace, BESIDE) as seen:
        result = run("validate", "-f", manifest(STABLE, uri=stable.uri))
    assert f"fraud: {STABLE} is known by {DIGEST}, which its files must have" in result.stdout, result.output
    assert seen[0]["spec"]["model"]["digest"] == DIGEST


def test_a_strategy_that_would_be_refused_is_2(
    server: ApiServer, namespace: str, run: Run, put: Put, manifest: Manifest
) -> None:
    put(releasing())
    result = run("validate", "-f", manifest(strategy={"blueGreen": {}}))
    assert result.exit_code == 2, result.output
    assert "fraud would refuse the spec: StrategyChanged" in result.output


def test_what_is_only_reported_passes(server: ApiServer, namespace: str, run: Run, manifest: Manifest) -> None:
    with operated(server, namespace, UNFIT):
        result = run("validate", "-f", manifest(validation={"signature": "Report"}))
    assert result.exit_code == 0, result.output
    assert f"{CANDIDATE}   signature   Reported   callers of 1.0.1 cannot call it" in result.stdout


def test_failed_is_1(server: ApiServer, namespace: str, run: Run, put: Put, manifest: Manifest) -> None:
    stage = put(installed())
    with operated(server, namespace, UNFIT):
        result = run("validate", "-f", manifest())
    assert result.exit_code == 1, result.output
    assert f"{CANDIDATE}   signature   Fail   {WORDS}" in result.stdout
    last = result.stdout.splitlines()[-1]
    assert last.endswith(f"fraud: {CANDIDATE} failed its validation: ValidationFailed: {WORDS}; no request reached it")
    assert names(server, namespace) == ["fraud"]
    assert stage.read()["status"]["quarantined"] == []


def test_what_could_not_be_found_out_is_3(server: ApiServer, namespace: str, run: Run, manifest: Manifest) -> None:
    with operated(server, namespace, UNKNOWN):
        result = run("validate", "-f", manifest(serving={"loadTimeout": "10s"}))
    assert result.exit_code == 3, result.output
    assert "there is no such rollout yet, so the version is compared with nothing" in result.stdout
    assert f"{CANDIDATE} could not be validated: ValidationTimeout: " in result.stdout
    assert names(server, namespace) == []


def test_no_end_in_time_is_3(server: ApiServer, namespace: str, run: Run, manifest: Manifest) -> None:
    result = run("validate", "-f", manifest(), "--timeout", "300ms")
    assert result.exit_code == 3, result.output
    assert "not over after 300ms; the operator has not seen it yet" in result.stdout
    assert names(server, namespace) == []


def test_ctrl_c_removes_it_and_is_no_verdict(
    server: ApiServer, namespace: str, start: Start, manifest: Manifest
) -> None:
    waiting = start("validate", "-f", manifest(), "--name", "fraud-look")
    waiting.until_it_says("the operator has not seen it yet")
    assert names(server, namespace) == ["fraud-look"]
    waiting.interrupt()
    assert waiting.exit_code() == 130
    assert names(server, namespace) == []


def test_a_pipeline_that_ends_it(server: ApiServer, namespace: str, start: Start, manifest: Manifest) -> None:
    waiting = start("validate", "-f", manifest())
    waiting.until_it_says("the operator has not seen it yet")
    waiting.terminate()
    assert waiting.exit_code() == 143
    assert names(server, namespace) == []


def test_kept_by_wish(server: ApiServer, namespace: str, run: Run, manifest: Manifest) -> None:
    with operated(server, namespace, UNFIT):
        result = run("validate", "-f", manifest(), "--keep", "--name", "fraud-look")
    assert result.exit_code == 1, result.output
    words = f"modelrollout 'fraud-look' is kept; remove it with: kubectl delete modelrollouts fraud-look -n {namespace}"
    assert words in result.stderr
    assert names(server, namespace) == ["fraud-look"]
    assert "Fail" in run("describe", "fraud-look").stdout
    assert run("wait", "fraud-look").exit_code == 1


def test_a_name_that_is_taken_is_2_and_left_alone(run: Run, put: Put, manifest: Manifest) -> None:
    stage = put(installed())
    result = run("validate", "-f", manifest(), "--name", "fraud")
    assert result.exit_code == 2, result.output
    assert "already exists" in result.stderr
    assert stage.read()["status"]["phase"] == "Healthy"


def test_what_the_rollout_would_refuse_is_2(
    server: ApiServer, namespace: str, run: Run, put: Put, manifest: Manifest
) -> None:
    put(installed())
    result = run("validate", "-f", manifest(version="1.0.0"))
    assert result.exit_code == 2, result.output
    assert "fraud would refuse the spec: Downgrade: spec.model.version: 1.0.0 is below 1.0.1" in result.stderr
    assert names(server, namespace) == ["fraud"]


def test_one_in_quarantine_is_looked_at_all_the_same(
    server: ApiServer, namespace: str, run: Run, put: Put, manifest: Manifest
) -> None:
    put(quarantined())
    with operated(server, namespace, BESIDE):
        result = run("validate", "-f", manifest())
    assert result.exit_code == 0, result.output
    way = f"modelrollout retry fraud -n {namespace}"
    words = f"fraud: {CANDIDATE} gets no release before {way}: Aborted: aborted by a person"
    assert words in result.stdout


def test_a_spec_that_is_wrong_is_2(run: Run, tmp_path: Path, manifest: Manifest) -> None:
    result = run("validate", "-f", manifest(version="2.4"))
    assert result.exit_code == 2
    assert "spec.model.version: version '2.4' is not MAJOR.MINOR.PIPELINE" in result.stderr
    empty = tmp_path / "empty.yaml"
    empty.write_text("{}")
    result = run("validate", "-f", str(empty))
    assert result.exit_code == 2
    assert f"there is no ModelRollout in {empty}" in result.stderr
    assert run("validate", "-f", str(tmp_path / "none.yaml")).exit_code == 2


def test_deleted_by_somebody_is_3(server: ApiServer, namespace: str, start: Start, manifest: Manifest) -> None:
    waiting = start("validate", "-f", manifest(), "--name", "fraud-look")
    waiting.until_it_says("the operator has not seen it yet")
    Stage(server, namespace, "fraud-look", World({}, status=Status())).delete()
    assert waiting.exit_code() == 3
    assert "modelrollout 'fraud-look' was deleted by somebody" in waiting.said


def test_no_cluster_is_4(run: Run, manifest: Manifest, kubeconfig_for: Callable[..., str]) -> None:
    result = run("validate", "-f", manifest(), kubeconfig=kubeconfig_for(url="https://127.0.0.1:1"))
    assert result.exit_code == 4


def test_who_may_not_make_one_is_told_that_and_no_more(
    server: ApiServer, namespace: str, run: Run, manifest: Manifest, kubeconfig_for: Callable[..., str]
) -> None:
    """The server refused it, so there is nothing that anybody would have to remove."""
    token = signed_in(server, namespace, "viewer", ["get", "list", "watch"])
    result = run("validate", "-f", manifest(), kubeconfig=kubeconfig_for(token=token))
    assert result.exit_code == 4
    assert "cannot create resource" in result.stderr
    assert "remove it with" not in result.stderr


def test_its_name_leaves_room_for_those_of_its_objects() -> None:
    assert name_for("fraud", "1.2.3", "ab12cd") == "fraud-validate-ab12cd"
    for length in range(40, 64):
        name = name_for("f" * (length - 1) + "-", "10.20.123456", "ab12cd")
        assert len(f"{name}-10-20-123456") <= 63
        assert "--" not in name


def test_what_would_make_others_take_it_for_the_rollout_is_left_out() -> None:
    metadata = {"name": "fraud", "labels": {"app": "fraud"}, "annotations": {"argocd": "tracks"}}
    body = {"metadata": metadata, "spec": {"model": {}, "serving": {"replicas": 9}, "deletionPolicy": "Orphan"}}
    found = to_validate(body, "look", "prod")
    assert found["metadata"] == {"name": "look", "namespace": "prod"}
    assert found["spec"] == {
        "validateOnly": {"against": "fraud"},
        "model": {},
        "serving": {"replicas": 1},
        "deletionPolicy": "Delete",
    }
    assert body["spec"]["serving"] == {"replicas": 9}
