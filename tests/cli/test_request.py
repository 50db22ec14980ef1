"""What a person asks for, against the operator's own decisions: each command is prepared here, carried out by
``decide``, and reported from the status that comes out."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from modelrollout.api.command import Command, Verb
from modelrollout.cli.errors import Refused
from modelrollout.cli.request import accepted, prepare, report
from modelrollout.core.observation import LiveRoute
from tests.cli.worlds import (
    approving,
    baking,
    carried_out,
    first_version,
    first_version_paused,
    gone_on_to_another,
    installed,
    kept_before,
    loading,
    one_of_two_aborted,
    one_of_two_paused,
    paused,
    paused_above_an_approval,
    promoted,
    quarantined,
    releasing,
    side_by_side,
    taken_back,
    two_loading,
)
from tests.core.world import World

REFUSED = {
    "promote when nothing is released": (
        installed,
        Verb.PROMOTE,
        "nothing to promote: no release is under way; Healthy",
    ),
    "promote fully when nothing is released": (installed, Verb.PROMOTE_FULL, "nothing to promote: no release is under"),
    "promote the first version": (first_version, Verb.PROMOTE, "1.0.1 is the first version"),
    "promote fully the first version": (first_version, Verb.PROMOTE_FULL, "1.0.1 is the first version"),
    "promote what is not loaded": (loading, Verb.PROMOTE, "1.1.2 is not ready yet"),
    "abort when nothing is released": (installed, Verb.ABORT, "nothing to abort: no release is under way"),
    "abort what was taken back": (taken_back, Verb.ABORT, "nothing to abort: no release is under way"),
    "abort what is aborted": (quarantined, Verb.ABORT, "nothing to abort: no release is under way"),
    "pause when nothing is released": (installed, Verb.PAUSE, "nothing to pause: no release is under way"),
    "pause what is paused": (paused, Verb.PAUSE, "1.1.2 is already paused: paused by a person"),
    "resume when nothing is released": (installed, Verb.RESUME, "nothing to resume: no release is under way"),
    "resume what is not paused": (releasing, Verb.RESUME, "1.1.2 is not paused; Progressing"),
    "lower when nothing is released": (installed, Verb.LOWER, "nothing to lower: no release is under way"),
    "lower the first version": (first_version, Verb.LOWER, "1.0.1 is the first version, and nobody else could"),
    "undo while it is released": (releasing, Verb.UNDO, "nothing to undo: 1.1.2 is under trial; abort takes it back"),
    "undo what is not kept": (
        lambda: promoted().run(30.0),
        Verb.UNDO,
        "nothing to undo: the version before 1.1.2, 1.0.1, is gone; name it in the spec",
    ),
    "undo the first version": (
        installed,
        Verb.UNDO,
        "nothing to undo: 1.0.1 is the first version here, and none served before it",
    ),
    "retry what never failed": (
        releasing,
        Verb.RETRY,
        "nothing to retry: 1.1.2 is not quarantined; the release of 1.1.2",
    ),
    "retry what the spec does not name": (
        gone_on_to_another,
        Verb.RETRY,
        "nothing to retry: 1.2.3 is not quarantined; set spec.model.version to 1.1.2 first",
    ),
}


@pytest.mark.parametrize(("world", "verb", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused_before_it_is_sent(world: Callable[[], World], verb: Verb, sentence: str) -> None:
    with pytest.raises(Refused) as refusal:
        prepare(verb, world().rollout, "t1")
    assert f"rollout fraud: {sentence}" in refusal.value.message


def test_a_novel_as_reason_is_refused() -> None:
    with pytest.raises(Refused, match="--reason has 300 characters of at most 256"):
        prepare(Verb.PAUSE, releasing().rollout, "t1", "x" * 300)


def test_retry_with_an_invalid_spec_is_refused_with_what_is_wrong() -> None:
    world = quarantined().apply(uri="ftp://models/fraud/2")
    with pytest.raises(Refused, match="the spec is invalid, set it right first: spec\\.model\\.uri"):
        prepare(Verb.RETRY, world.rollout, "t1")


def carry_out(world: World, command: Command) -> None:
    """The operator's pass with the command, and the one that sees the route moved."""
    world.command = command.render()
    world.step(1.0)
    if command.verb.takes_back:
        world.step(0.5)


CARRIED_OUT = {
    "skip a pause with the approval below it": (
        paused_above_an_approval,
        Verb.SKIP,
        "skip of 1.1.2 accepted, and ended the pause; weight 50 %, Progressing",
    ),
    "promote past an approval": (approving, Verb.PROMOTE, "promote of 1.1.2 accepted; weight 50 %, Progressing"),
    "skip a clock": (releasing, Verb.SKIP, "skip of 1.1.2 accepted; weight 50 %, Progressing"),
    "promote what is paused": (
        paused,
        Verb.PROMOTE,
        "promote of 1.1.2 ended the pause, and nothing else; weight 10 %, Progressing",
    ),
    "promote what is paused above an approval": (
        paused_above_an_approval,
        Verb.PROMOTE,
        "promote of 1.1.2 ended the pause, and nothing else; weight 10 %, AwaitingApproval: 1.1.2 at 10 %: step 2 "
        "waits for approval: modelrollout promote fraud -n prod",
    ),
    "resume what is paused above an approval": (
        paused_above_an_approval,
        Verb.RESUME,
        "resume of 1.1.2 accepted; weight 10 %, AwaitingApproval: 1.1.2 at 10 %: step 2 waits for approval",
    ),
    "promote fully": (releasing, Verb.PROMOTE_FULL, "full promotion of 1.1.2 accepted; Healthy: 1.1.2 serves all"),
    "promote fully before it is loaded": (
        loading,
        Verb.PROMOTE_FULL,
        "full promotion of 1.1.2 accepted; weight 0 %, Pending",
    ),
    "abort": (
        releasing,
        Verb.ABORT,
        "abort of 1.1.2 accepted; weight 0 %, RollingBack: 1.1.2 was taken back",
    ),
    "undo": (kept_before, Verb.UNDO, "undo of 1.1.2 accepted; weight 0 %, RollingBack: 1.1.2 was taken back: undone"),
    "abort and quarantine": (
        releasing,
        Verb.ABORT_QUARANTINE,
        "abort and quarantine of 1.1.2 accepted; weight 0 %, RollingBack: 1.1.2 was taken back",
    ),
    "abort what is paused": (paused, Verb.ABORT, "abort of 1.1.2 accepted; weight 0 %, RollingBack"),
    "pause": (releasing, Verb.PAUSE, "pause of 1.1.2 accepted; weight 10 %, Paused: paused by a person"),
    "resume": (paused, Verb.RESUME, "resume of 1.1.2 accepted; weight 10 %, Progressing"),
    "resume a first version that has come up": (
        first_version_paused,
        Verb.RESUME,
        "resume of 1.0.1 accepted; Healthy: 1.0.1 serves all requests",
    ),
    "retry": (
        quarantined,
        Verb.RETRY,
        "retry of 1.1.2 accepted; the release of 1.1.2 begins from the beginning when what ran before",
    ),
    "retry what was taken back": (
        taken_back,
        Verb.RETRY,
        "retry of 1.1.2 accepted; the release of 1.1.2 begins from the beginning now, Pending",
    ),
}


@pytest.mark.parametrize(("world", "verb", "sentence"), CARRIED_OUT.values(), ids=CARRIED_OUT.keys())
def test_is_carried_out_and_reported(world: Callable[[], World], verb: Verb, sentence: str) -> None:
    here = world()
    before, command = here.status, prepare(verb, here.rollout, "t2")
    carry_out(here, command)
    assert here.status.last_command == command.render()
    assert accepted(command, here.status)
    assert report("fraud", command, here.status, before).startswith(f"rollout fraud: {sentence}")


IGNORED = {
    "promote: step 2 has only just begun": "step 2 has only just begun",
    "promote --full: the bake is none of the steps": "the bake is none of the steps",
    "lower of 1.1.2 does nothing: it has 3 %": "it has 3 %",
    "somebody said promote: no": "somebody said promote: no",
}


@pytest.mark.parametrize(("ignored", "said"), IGNORED.items())
def test_the_name_of_the_command_is_said_once(ignored: str, said: str) -> None:
    world = releasing()
    status = world.status.model_copy(update={"command_ignored": ignored})
    command = prepare(Verb.SKIP, world.rollout, "t2")
    assert report("fraud", command, status) == f"rollout fraud: skip of 1.1.2 was not carried out: {said}"


def test_what_was_not_carried_out_says_why() -> None:
    world = releasing()
    command = prepare(Verb.PROMOTE, world.rollout, "t2")
    world.command = command.render()
    world.step(1.0)
    assert not accepted(command, world.status)
    said = report("fraud", command, world.status)
    assert said.startswith("rollout fraud: promote of 1.1.2 was not carried out: weight 10 % for 30s ends by")
    assert said.endswith("modelrollout skip fraud -n prod ends it now")


def test_the_reason_reaches_the_status() -> None:
    assert carried_out(releasing(), Verb.PAUSE, "the sale is on").arm.paused == "paused by a person: the sale is on"
    assert carried_out(releasing(), Verb.ABORT, "wrong data").status.history[-1].message.endswith("wrong data")


def refusing(world: World) -> World:
    """The live route stays as it is: the API server refuses the VirtualService."""
    assert world.route is not None
    refused = "admission webhook says no"
    world.live_route_override = LiveRoute(world.route, world.route.versions, recovery=world.recovery, refused=refused)
    return world


@pytest.mark.parametrize(
    ("situation", "verb"),
    [
        *itertools.product([releasing, approving, paused, baking], [Verb.ABORT, Verb.ABORT_QUARANTINE]),
        (kept_before, Verb.UNDO),
    ],
)
def test_an_abort_is_not_done_while_the_route_has_the_version(situation: Callable[[], World], verb: Verb) -> None:
    world = refusing(situation())
    command = prepare(verb, world.rollout, "t2")
    carry_out(world, command)
    assert accepted(command, world.status)
    said = report("fraud", command, world.status)
    assert "of 1.1.2 is decided, but the live route may still lead to 1.1.2: the VirtualService is refused: " in said
    assert "accepted" not in said
    world.live_route_override = None
    world.step(0.5)
    assert " of 1.1.2 accepted; weight 0 %" in report("fraud", command, world.status)


def test_an_abort_is_not_done_in_the_pass_that_moves_the_route() -> None:
    world = releasing()
    command = prepare(Verb.ABORT, world.rollout, "t2")
    world.command = command.render()
    world.step(1.0)
    assert "is decided, but the live route may still lead to 1.1.2: the route is being moved to 1.0.1 100 %" in report(
        "fraud", command, world.status
    )


def test_an_abort_before_anything_serves_has_no_route_to_wait_for() -> None:
    world = first_version()
    command = prepare(Verb.ABORT, world.rollout, "t2")
    carry_out(world, command)
    assert "abort of 1.0.1 accepted; weight 0 %" in report("fraud", command, world.status)


RETRIED = {
    "what has drained": (taken_back, "the release of 1.1.2 begins from the beginning now, Pending: release of 1.1.2"),
    "what drains": (
        lambda: carried_out(releasing(), Verb.ABORT),
        "the release of 1.1.2 begins from the beginning when what ran before is gone, Pending: 1.0.1 serves; 1.1.2 is",
    ),
}


@pytest.mark.parametrize(("situation", "said"), RETRIED.values(), ids=RETRIED.keys())
def test_retry_says_what_it_starts(situation: Callable[[], World], said: str) -> None:
    world = situation()
    command = prepare(Verb.RETRY, world.rollout, "t2")
    carry_out(world, command)
    assert report("fraud", command, world.status).startswith(f"rollout fraud: retry of 1.1.2 accepted; {said}")


TOO_LATE = {
    "abort of what was promoted meanwhile": (Verb.ABORT, "its release has ended before (Promoted); Healthy"),
    "pause of what was promoted meanwhile": (Verb.PAUSE, "its release has ended before (Promoted); Healthy"),
}


@pytest.mark.parametrize(("verb", "sentence"), TOO_LATE.values(), ids=TOO_LATE.keys())
def test_a_command_that_comes_too_late_is_reported_as_such(verb: Verb, sentence: str) -> None:
    world = releasing()
    command = prepare(verb, world.rollout, "t2")
    carried_out(world, Verb.PROMOTE_FULL)
    world.command = command.render()
    world.step(1.0)
    assert not accepted(command, world.status)
    said = report("fraud", command, world.status)
    assert said.startswith(f"rollout fraud: {verb} of 1.1.2 came too late or does not apply: {sentence}")


OF_SEVERAL = {
    "abort all": (
        side_by_side,
        Verb.ABORT,
        None,
        "abort of 1.1.2 and 1.2.3 accepted; 1.1.2 at 0 %, 1.2.3 at 0 %, RollingBack",
    ),
    "abort one": (side_by_side, Verb.ABORT, "1.2.3", "abort of 1.2.3 accepted; weight 0 %, "),
    "abort one whose other was aborted": (
        one_of_two_aborted,
        Verb.ABORT,
        None,
        "abort of 1.1.2 accepted; weight 0 %, ",
    ),
    "pause all": (
        side_by_side,
        Verb.PAUSE,
        None,
        "pause of 1.1.2 and 1.2.3 accepted; 1.1.2 at 30 %, 1.2.3 at 10 %, Paused",
    ),
    "pause one": (side_by_side, Verb.PAUSE, "1.2.3", "pause of 1.2.3 accepted; weight 10 %, "),
    "pause all though one is paused": (one_of_two_paused, Verb.PAUSE, None, "pause of 1.1.2 and 1.2.3 accepted; "),
    "resume the one that is paused": (one_of_two_paused, Verb.RESUME, "1.2.3", "resume of 1.2.3 accepted; weight 10 %"),
    "resume all though one is paused": (one_of_two_paused, Verb.RESUME, None, "resume of 1.1.2 and 1.2.3 accepted; "),
    "promote all though one is paused": (
        one_of_two_paused,
        Verb.PROMOTE,
        None,
        "promote of 1.1.2 and 1.2.3 accepted; 1.1.2 at 30 %, 1.2.3 at",
    ),
    "promote the one that is paused": (
        one_of_two_paused,
        Verb.PROMOTE,
        "1.2.3",
        "promote of 1.2.3 accepted; weight",
    ),
    "retry what failed": (
        one_of_two_aborted,
        Verb.RETRY,
        None,
        "retry of 1.2.3 accepted; the release of 1.2.3 begins from the beginning when",
    ),
    "retry what failed by name": (
        one_of_two_aborted,
        Verb.RETRY,
        "1.2.3",
        "retry of 1.2.3 accepted; the release of 1.2.3 begins from the beginning when",
    ),
}


@pytest.mark.parametrize(("world", "verb", "version", "sentence"), OF_SEVERAL.values(), ids=OF_SEVERAL.keys())
def test_is_carried_out_for_all_or_for_one(
    world: Callable[[], World], verb: Verb, version: str | None, sentence: str
) -> None:
    here = world()
    command = prepare(verb, here.rollout, "t2", version=version)
    carry_out(here, command)
    assert accepted(command, here.status), here.status
    assert report("fraud", command, here.status).startswith(f"rollout fraud: {sentence}")


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.SKIP, Verb.PROMOTE_FULL])
def test_where_there_are_no_steps_it_says_so(verb: Verb) -> None:
    world = side_by_side()
    command = prepare(verb, world.rollout, "t2")
    carry_out(world, command)
    assert not accepted(command, world.status)
    assert "was not carried out" in (said := report("fraud", command, world.status))
    assert "strategy split has no steps, its shares are as the spec writes them; edit them there" in said


def test_one_that_is_aborted_leaves_the_others_as_they_are() -> None:
    world = one_of_two_aborted()
    assert world.live == {"1.0.1": 70, "1.1.2": 30}
    assert not world.arm.paused


REFUSED_OF_SEVERAL = {
    "abort of a stranger": (
        side_by_side,
        Verb.ABORT,
        "9.9.9",
        "9.9.9 is not under trial, 1.1.2 and 1.2.3 are; name one of them, or no version for all",
    ),
    "abort of stable": (side_by_side, Verb.ABORT, "1.0.1", "1.0.1 is not under trial, 1.1.2 and 1.2.3 are; name one"),
    "abort of a stranger beside one": (
        releasing,
        Verb.ABORT,
        "9.9.9",
        "9.9.9 is not under trial, 1.1.2 is; name it, or no version",
    ),
    "promote one of two": (
        side_by_side,
        Verb.PROMOTE,
        "1.1.2",
        "the steps are of 1.1.2 and 1.2.3 together; leave the version out to go on with all of them",
    ),
    "promote one of two fully": (one_of_two_paused, Verb.PROMOTE_FULL, "1.2.3", "the steps are of 1.1.2 and 1.2.3"),
    "promote what is not loaded": (two_loading, Verb.PROMOTE, None, "1.1.2 and 1.2.3 are not ready yet"),
    "pause the one that is paused": (one_of_two_paused, Verb.PAUSE, "1.2.3", "1.2.3 is already paused: paused by a"),
    "resume the other one": (one_of_two_paused, Verb.RESUME, "1.1.2", "1.1.2 is not paused"),
    "resume what is not paused": (side_by_side, Verb.RESUME, None, "1.1.2 and 1.2.3 are not paused; Healthy"),
    "retry what did not fail": (
        one_of_two_aborted,
        Verb.RETRY,
        "1.1.2",
        "nothing to retry: 1.1.2 is not quarantined; 1.2.3 is",
    ),
    "retry when nothing failed": (
        side_by_side,
        Verb.RETRY,
        None,
        "nothing to retry: 1.0.1, 1.1.2 and 1.2.3 are not quarantined",
    ),
    "retry of a version that the spec does not name": (
        gone_on_to_another,
        Verb.RETRY,
        "1.1.2",
        "nothing to retry: the spec does not name 1.1.2; set spec.model.version to it first",
    ),
}


@pytest.mark.parametrize(
    ("world", "verb", "version", "sentence"), REFUSED_OF_SEVERAL.values(), ids=REFUSED_OF_SEVERAL.keys()
)
def test_of_several_is_refused(world: Callable[[], World], verb: Verb, version: str | None, sentence: str) -> None:
    with pytest.raises(Refused) as refusal:
        prepare(verb, world().rollout, "t1", version=version)
    assert refusal.value.message.startswith(f"rollout fraud: {sentence}")


def test_a_command_for_one_names_no_other() -> None:
    assert prepare(Verb.ABORT, side_by_side().rollout, "t1", version="1.2.3").render() == "abort 1.2.3 t1"
    assert prepare(Verb.ABORT, side_by_side().rollout, "t1").render() == "abort 1.1.2,1.2.3 t1"


def test_what_became_of_each_is_said_when_a_command_comes_too_late() -> None:
    world = side_by_side()
    command = prepare(Verb.PAUSE, world.rollout, "t2")
    carried_out(world, Verb.ABORT)
    world.command = command.render()
    world.step(1.0)
    said = report("fraud", command, world.status)
    late = (
        "pause of 1.1.2 and 1.2.3 came too late or does not apply: before it 1.1.2 was Aborted and 1.2.3 was Aborted; "
    )
    assert said.startswith(f"rollout fraud: {late}")


def test_half_an_abort_that_came_in_time_is_one() -> None:
    world = side_by_side()
    command = prepare(Verb.ABORT, world.rollout, "t2")
    carried_out(world, Verb.ABORT, version="1.2.3")
    world.command = command.render()
    world.step(1.0)
    assert accepted(command, world.status)
    assert not world.status.arms


def test_of_several_only_who_has_more_is_lowered_and_that_is_enough() -> None:
    world = side_by_side()
    shares = {arm.version: arm.weight for arm in world.status.arms}
    most = min(shares.values())
    assert most < max(shares.values()), "one of them has no more than that already"
    command = prepare(Verb.LOWER, world.rollout, "t1", str(most))
    carry_out(world, command)
    world.step(0.5)
    assert {arm.weight for arm in world.status.arms} == {most}
    assert accepted(command, world.status), report("fraud", command, world.status)
