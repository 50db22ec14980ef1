"""``modelrollout wait`` against a real API server: every exit code, and what a pipeline's log says on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from tests.cli.conftest import Put, Run, Start
from tests.cli.worlds import CANDIDATE, STABLE, applied, installed, loading, quarantined, releasing
from tests.proxy import Proxy

pytestmark = pytest.mark.apiserver


def test_promoted_is_0(run: Run, put: Put) -> None:
    with put(applied(installed())).operated(seconds=5.0):
        result = run("wait", "fraud")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-1].endswith(f"fraud: {CANDIDATE} serves: {CANDIDATE} serves all requests")
    assert any(f"Progressing, {CANDIDATE} at 10 %, step 1/2" in text for text in lines)
    assert any(f"Progressing, {CANDIDATE} at 50 %, step 2/2" in text for text in lines)


def test_already_serving_is_0(run: Run, put: Put) -> None:
    put(installed())
    assert run("wait", "fraud").exit_code == 0


def test_rolled_back_is_1(run: Run, put: Put) -> None:
    stage = put(releasing())
    stage.bad = {CANDIDATE: 0.5}
    with stage.operated(seconds=5.0):
        result = run("wait", "fraud")
    assert result.exit_code == 1
    assert f"fraud: {CANDIDATE} is quarantined: EvidenceAgainstCandidate: " in result.stdout


def test_quarantined_before_is_1(run: Run, put: Put) -> None:
    put(quarantined())
    assert run("wait", "fraud").exit_code == 1


def test_deleted_is_1(start: Start, put: Put) -> None:
    stage = put(releasing())
    waiting = start("wait", "fraud")
    waiting.until_it_says("Progressing, ")
    stage.delete()
    assert waiting.exit_code() == 1
    assert "fraud: the rollout was deleted" in waiting.said


def test_a_refused_spec_is_2(run: Run, put: Put) -> None:
    stage = put(applied(installed()))
    stage.world.refusal = Refusal(Reason.HOST_TAKEN, "spec.traffic.hosts: fraud.example.com is taken by prod/risk")
    with stage.operated():
        result = run("wait", "fraud")
    assert result.exit_code == 2
    assert "fraud: the spec was refused: spec.traffic.hosts: fraud.example.com is taken" in result.stdout


def test_no_such_rollout_is_2(run: Run, namespace: str) -> None:
    result = run("wait", "nobody")
    assert result.exit_code == 2
    assert result.stderr == f"Error: there is no modelrollout 'nobody' in namespace {namespace}\n"


def test_wrong_usage_is_2(run: Run) -> None:
    result = run("wait", "fraud", "--timeout", "soon")
    assert result.exit_code == 2
    assert "'soon' is not a duration; write for example 30s, 5m or 1h30m" in result.stderr
    result = run("wait", "fraud", "--for-version", "2.4")
    assert result.exit_code == 2
    assert "--for-version" in result.stderr


def test_no_end_in_time_is_3(run: Run, put: Put) -> None:
    put(loading())
    result = run("wait", "fraud", "--timeout", "700ms")
    assert result.exit_code == 3
    assert "fraud: not over after 700ms; Pending, 1.1.2 at 0 %" in result.stdout


def test_says_that_no_operator_has_seen_it(run: Run, put: Put) -> None:
    put(applied(installed()))
    result = run("wait", "fraud", "--timeout", "200ms")
    assert result.exit_code == 3
    assert "1.0.1 serves all requests; the operator has not seen the newest spec yet" in result.stdout


def test_no_cluster_is_4(run: Run, kubeconfig_for: Callable[..., str]) -> None:
    result = run("wait", "fraud", kubeconfig=kubeconfig_for(url="https://127.0.0.1:1"))
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: cannot read modelrollout 'fraud'")


def test_no_kubeconfig_is_4(run: Run) -> None:
    result = run("wait", "fraud", kubeconfig="/nowhere")
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: cannot read the kubeconfig: ")


def test_a_version_that_the_spec_names_later(start: Start, put: Put) -> None:
    stage = put(installed())
    waiting = start("wait", "fraud", "--for-version", CANDIDATE)
    waiting.until_it_says(f"waiting for {CANDIDATE}, the spec names {STABLE}; Healthy")
    stage.edit_model(version=CANDIDATE, uri="pvc://models/fraud/2")
    with stage.operated(seconds=10.0):
        assert waiting.exit_code() == 0
    assert f"fraud: {CANDIDATE} serves" in waiting.said


def test_goes_on_when_the_connection_was_cut(start: Start, put: Put, kubeconfig_for: Callable[..., str]) -> None:
    stage = put(releasing())
    with Proxy.to(stage.server.url) as proxy:
        waiting = start("wait", "fraud", kubeconfig=kubeconfig_for(url=proxy.url))
        waiting.until_it_says("Progressing, ")
        with proxy.cut():
            waiting.until_it_says("; trying again")
            stage.world.run(200.0)
            stage.write_status()
        assert waiting.exit_code() == 0
    assert f"fraud: {CANDIDATE} serves" in waiting.said
