"""promote, abort, pause, resume and retry against a real API server, with the operator's decisions behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from modelrollout.cli import act
from modelrollout.core.observation import LiveRoute
from modelrollout.resource.rollout import COMMAND_ANNOTATION
from tests.api.conftest import until
from tests.cli.conftest import Put, Run
from tests.cli.worlds import (
    approving,
    installed,
    kept_before,
    one_of_two_paused,
    paused,
    quarantined,
    releasing,
    side_by_side,
)
from tests.core.world import World

pytestmark = pytest.mark.apiserver


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has much else to do the answer may take longer than a person would wait."""
    monkeypatch.setattr(act, "ANSWER_SECONDS", 60.0)


CARRIED_OUT = {
    "promote": (approving, ["promote", "fraud"], "promote of 1.1.2 accepted; weight 50 %, Progressing"),
    "promote --full": (releasing, ["promote", "fraud", "--full"], "full promotion of 1.1.2 accepted; Healthy"),
    "abort": (releasing, ["abort", "fraud"], "abort of 1.1.2 accepted; weight 0 %, RollingBack"),
    "abort and quarantine": (
        releasing,
        ["abort", "fraud", "--quarantine"],
        "abort and quarantine of 1.1.2 accepted; weight 0 %, RollingBack",
    ),
    "abort with a reason": (
        releasing,
        ["abort", "fraud", "--reason", "bad data"],
        "abort of 1.1.2 accepted; weight 0 %",
    ),
    "undo": (kept_before, ["undo", "fraud"], "undo of 1.1.2 accepted; weight 0 %, RollingBack"),
    "lower": (
        releasing,
        ["lower", "fraud", "--to", "3", "--reason", "clicks fell"],
        "lower of 1.1.2 accepted; weight 3 %, Paused: lowered to 3 % by tester: clicks fell",
    ),
    "pause": (releasing, ["pause", "fraud"], "pause of 1.1.2 accepted; weight 10 %, Paused: paused by tester"),
    "resume": (paused, ["resume", "fraud"], "resume of 1.1.2 accepted; weight 10 %, Progressing"),
    "abort of one": (side_by_side, ["abort", "fraud", "1.2.3"], "abort of 1.2.3 accepted; weight 0 %"),
    "abort of all": (side_by_side, ["abort", "fraud"], "abort of 1.1.2 and 1.2.3 accepted; 1.1.2 at 0 %, 1.2.3 at 0 %"),
    "resume of one": (one_of_two_paused, ["resume", "fraud", "1.2.3"], "resume of 1.2.3 accepted; weight 10 %"),
    "retry": (quarantined, ["retry", "fraud"], "retry of 1.1.2 accepted; the release of 1.1.2 begins"),
}


@pytest.mark.parametrize(("world", "command", "said"), CARRIED_OUT.values(), ids=CARRIED_OUT.keys())
def test_says_what_came_of_it(run: Run, put: Put, world: Callable[[], World], command: list[str], said: str) -> None:
    with put(world()).operated():
        result = run(*command)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"rollout fraud: {said}")


def test_writes_the_annotation_and_nothing_else(run: Run, put: Put) -> None:
    stage = put(releasing())
    before = stage.read()
    assert run("pause", "fraud", "--no-wait", "--reason", "the sale is on").exit_code == 0
    after = stage.read()
    verb, version, token, note = after["metadata"]["annotations"].pop(COMMAND_ANNOTATION).split(maxsplit=3)
    assert (verb, version, note) == ("pause", "1.1.2", "the sale is on")
    assert token.endswith("Z;by=tester"), "who the API server knows"
    assert (after["spec"], after["status"]) == (before["spec"], before["status"])
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


def test_the_reason_is_kept(run: Run, put: Put) -> None:
    stage = put(releasing())
    with stage.operated():
        run("abort", "fraud", "--reason", "bad data")
    assert stage.read()["status"]["history"][-1]["message"].endswith("bad data")


def test_the_same_command_can_be_given_twice(run: Run, put: Put) -> None:
    stage = put(releasing())
    with stage.operated():
        for command in ("pause", "resume", "pause", "resume"):
            assert run(command, "fraud").exit_code == 0


def test_is_refused_when_there_is_nothing_to_do(run: Run, put: Put) -> None:
    stage = put(installed())
    result = run("abort", "fraud")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: rollout fraud: nothing to abort: no release is under way; Healthy")
    assert COMMAND_ANNOTATION not in stage.read()["metadata"].get("annotations", {})


def test_a_version_that_is_not_under_trial_is_refused(run: Run, put: Put) -> None:
    stage = put(side_by_side())
    result = run("abort", "fraud", "1.0.1")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: rollout fraud: 1.0.1 is not under trial, 1.1.2 and 1.2.3 are; name one of")
    assert COMMAND_ANNOTATION not in stage.read()["metadata"].get("annotations", {})


def test_what_is_no_version_is_wrong_usage(run: Run, put: Put) -> None:
    put(side_by_side())
    result = run("abort", "fraud", "the-new-one")
    assert result.exit_code == 2
    assert "is not MAJOR.MINOR.PIPELINE; write for example 2.4.1187" in result.stderr


def test_says_when_nothing_answers(run: Run, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act, "ANSWER_SECONDS", 0.5)
    put(releasing())
    result = run("abort", "fraud")
    assert result.exit_code == 3
    assert "abort of 1.1.2 was sent, but nothing answered within 0.5s: is the operator running?" in result.stderr


def with_a_refused_route() -> World:
    """A release whose route cannot be written any more."""
    world = releasing()
    assert world.route is not None
    refused = LiveRoute(world.route, world.route.versions, recovery=world.recovery, refused="a webhook says no")
    world.live_route_override = refused
    return world


def test_an_abort_that_is_not_in_the_route_is_not_done(run: Run, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act, "ANSWER_SECONDS", 3.0)
    with put(with_a_refused_route()).operated():
        result = run("abort", "fraud")
    assert result.exit_code == 3
    assert "is decided, but the live route may still lead to 1.1.2: the VirtualService is refused" in result.stderr


def test_what_is_lowered_and_not_in_the_route_is_not_done(run: Run, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act, "ANSWER_SECONDS", 3.0)
    with put(with_a_refused_route()).operated():
        result = run("lower", "fraud", "--to", "3")
    assert result.exit_code == 3
    assert "is decided, but the live route may still be as before: the VirtualService is refused" in result.stderr


def test_what_is_no_less_is_refused(run: Run, put: Put) -> None:
    stage = put(releasing())
    result = run("lower", "fraud", "--to", "10")
    assert result.exit_code == 1
    assert "rollout fraud: 1.1.2 has 10 % of the requests, and 10 % is no less" in result.stderr
    assert COMMAND_ANNOTATION not in stage.read()["metadata"].get("annotations", {})
    assert run("lower", "fraud", "--to", "0").exit_code == 2


def test_says_what_it_waits_for(run: Run, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act, "ANSWER_SECONDS", 0.6)
    monkeypatch.setattr(act, "PATIENCE_SECONDS", 0.1)
    put(releasing())
    assert run("abort", "fraud").stderr.startswith("waiting up to 0.6s for the operator ...\n")


def test_a_command_that_came_too_late_is_1(run: Run, put: Put) -> None:
    stage = put(releasing())

    def promotes_before_it_reads_the_command() -> None:
        until(lambda: COMMAND_ANNOTATION in stage.read()["metadata"].get("annotations", {}), "a command is there")
        stage.world.command = "promote-full 1.1.2 t1"
        stage.world.step(1.0)
        stage.beat(1.0)

    operator = threading.Thread(target=promotes_before_it_reads_the_command)
    operator.start()
    result = run("abort", "fraud")
    operator.join()
    assert result.exit_code == 1
    assert "abort of 1.1.2 came too late or does not apply: its release has ended before (Promoted)" in result.stderr


def test_without_a_name_the_only_one_is_meant(run: Run, put: Put) -> None:
    put(releasing())
    result = run("abort", "--no-wait")
    assert result.stdout == "rollout fraud: abort of 1.1.2 sent\n"


def test_without_a_name_several_are_named(run: Run, put: Put, namespace: str) -> None:
    put(releasing())
    put(installed(), "risk")
    result = run("abort")
    assert result.exit_code == 2
    assert f"name one of the modelrollouts of namespace {namespace}: fraud, risk" in result.stderr


def test_without_a_name_none_is_found(run: Run, namespace: str) -> None:
    for command in ("abort", "describe", "pause"):
        result = run(command)
        assert (command, result.exit_code) == (command, 2)
        assert result.stderr == f"Error: there is no modelrollout in namespace {namespace}\n"
