"""Nothing is concurrent when an arm has all the requests. So a fault takes them back at once, and the control shows
whose fault it was: the arm's, and then it is quarantined, or both versions', and then the release goes on by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.api.command import Command, Verb
from modelrollout.api.status import Phase
from modelrollout.core.judge.assessment import Assessment
from modelrollout.core.pass_state import Pass, Word
from modelrollout.core.plan import Reason
from modelrollout.core.progress.recalled import advance_recalled
from modelrollout.resource.spec import Spec
from tests.core.world import BLUE_GREEN, CANARY, World

OLD, NEW = "1.0.1", "1.1.2"
PLAIN = BLUE_GREEN.replace(", smoke: {requests: [{instances: [[1.0]]}], attempts: 2}", "").replace("1m", "2m")
ALONE = CANARY.replace("]}}", "], bake: {for: 2m, control: 0}}}", 1)
BOTH = {OLD: 0.1, NEW: 0.1}


def baking(text: str = PLAIN) -> World:
    """The new version has all the requests, and a bake of two minutes before it."""
    world = World.of(text).installed().run(60)
    world.apply(version=NEW)
    for _ in range(60):
        if world.live == {NEW: 100}:
            return world.run(15)
        world.run(5)
    raise AssertionError(world.status.message)


def recalled(text: str = PLAIN) -> World:
    """A fault of both versions in the bake: the requests are back."""
    world = baking(text)
    for _ in range(6):
        world.run(5, bad=BOTH)
        if world.live == {OLD: 100}:
            return world
    raise AssertionError(world.status.message)


def back_at_green(world: World) -> None:
    """The new version has all the requests again."""
    for _ in range(120):
        if world.live == {NEW: 100}:
            return
        world.run(5)
    raise AssertionError(world.status.message)


@pytest.mark.parametrize("text", [PLAIN, ALONE], ids=["blue/green", "canary whose control keeps nothing"])
def test_the_requests_go_back_at_once_and_nothing_is_quarantined_yet(text: str) -> None:
    world = recalled(text)
    assert world.status.quarantined == ()
    assert [arm.version for arm in world.status.arms] == [NEW]
    assert NEW in world.workloads
    assert len(world.said(Reason.RECALLED)) == 1


def test_a_fault_that_left_with_the_arm_was_the_arms() -> None:
    world = baking().run(40, bad={NEW: 0.2})
    assert world.live == {OLD: 100}
    assert [(item.version, item.reason) for item in world.status.quarantined] == [(NEW, Reason.EVIDENCE_AGAINST)]
    message = world.status.quarantined[0].message
    assert "answers failed" in message
    assert f"answers by {OLD} were bad (0 %)" in message


@pytest.mark.parametrize("seconds", [30, 60])
def test_a_fault_of_both_is_waited_for_and_the_release_ends_by_itself(seconds: int) -> None:
    world = baking().run(seconds, bad=BOTH).run(600)
    assert world.status.quarantined == ()
    assert world.status.phase is Phase.HEALTHY
    assert world.status.stable is not None
    assert world.status.stable.version == NEW
    assert len(world.said(Reason.NOT_TO_BLAME)) == 1


def test_a_fault_of_both_that_stays_is_what_the_arm_is_held_against() -> None:
    world = baking().run(900, bad={OLD: 0.04, NEW: 0.04})
    assert world.status.quarantined == ()
    assert world.status.phase is Phase.HEALTHY


def test_the_bake_is_as_long_as_ever() -> None:
    """What it was interrupted for does not count."""
    world = baking()
    until = world.trial.memory["bakeUntil"]
    world.run(30, bad=BOTH)
    stopped = world.trial.stopped_since
    assert stopped is not None
    back_at_green(world)
    world.step(0.5)
    assert world.trial.memory["bakeUntil"] == until
    assert world.trial.stopped_since is None
    assert world.trial.stopped_for == pytest.approx(world.now - stopped, abs=1.0)


def test_the_third_time_a_person_decides() -> None:
    world = baking(PLAIN.replace("2m", "30m"))
    for _ in range(3):
        back_at_green(world)
        world.run(30).run(40, bad=BOTH)
    world.run(300)
    assert world.status.phase is Phase.PAUSED
    assert "modelrollout resume fraud -n prod or abort" in world.status.message
    world.command = f"resume {NEW} t1"
    world.run(60)
    assert world.live == {NEW: 100}


def test_nothing_is_said_while_stable_answers_nobody() -> None:
    """No evidence is neither a failure nor a pass."""
    world = recalled()
    for _ in range(30):
        world.step(5)
    assert world.live == {OLD: 100}
    assert world.status.quarantined == ()
    assert [arm.version for arm in world.status.arms] == [NEW]
    assert world.said(Reason.NOT_TO_BLAME) == []


@pytest.mark.parametrize("word", ["abort", "superseded", "gone back"])
def test_what_ends_a_release_ends_this_one_too(word: str) -> None:
    world = recalled()
    if word == "abort":
        world.command = f"abort {NEW} t1"
    else:
        world.apply(version="1.2.3" if word == "superseded" else OLD)
    world.run(10)
    assert NEW not in [arm.version for arm in world.status.arms]
    assert NEW in world.workloads  # it may still be answering
    assert world.live == {OLD: 100}


@pytest.mark.parametrize("word", ["promote", "skip", "promote-full"])
def test_nobodys_word_stands_for_what_stable_has_yet_to_show(word: str) -> None:
    """Nor is another word named that would: it did nothing either."""
    world = recalled(f"{PLAIN.rstrip()[:-1]}, maxHold: 1m}}")
    world.step(5)
    world.command = f"{word} {NEW} t1"
    world.step(0.5)
    assert world.live == {OLD: 100}
    ignored = world.status.command_ignored or ""
    assert "shown whether it has the same fault" in ignored
    assert ignored.endswith("it ends by itself, or by modelrollout abort fraud -n prod")
    for _ in range(30):
        world.step(5)
    assert world.status.phase is Phase.PAUSED
    assert world.status.message.endswith("undecided for maxHold 1m: modelrollout abort fraud -n prod")


def ready_to_go_back(policy: str = "Pause") -> tuple[World, Pass]:
    """The fault of both is over, and the arm's own test in another split is what speaks against it."""
    world = recalled(f"{PLAIN.rstrip()[:-1]}, maxHold: 1m, onTimeout: {policy}}}")
    assert world.arm.recall is not None
    world.change_arm(recall=world.arm.recall.model_copy(update={"over": True}))
    rollout, seen = world.rollout, world.observe()
    assert isinstance(rollout.spec, Spec)
    return world, Pass(rollout, seen, rollout.spec, world.status)


SUSPECTED = {NEW: Assessment(hold="evidence 40 of 100 needed", suspected=True)}
UNSEEN = Assessment(hold="too few requests")


def later(state: Pass, seconds: float) -> Pass:
    """A pass that finds the status as the last one left it."""
    return replace(state, seen=replace(state.seen, now=state.now + seconds))


def test_what_holds_an_arm_at_nothing_is_undecided_for_as_long_as_any_step_may_be() -> None:
    _, state = ready_to_go_back()
    state, outlook = advance_recalled(state, state.arm(NEW), SUSPECTED)
    assert "evidence 40 of 100 needed" in outlook.message
    state, outlook = advance_recalled(later(state, 61), state.arm(NEW), SUSPECTED)
    assert outlook.phase is Phase.PAUSED
    assert "modelrollout promote --full or abort" in outlook.message


@pytest.mark.parametrize("way", ["promote", "onTimeout: Promote"])
def test_a_person_or_the_policy_gives_it_its_requests_again(way: str) -> None:
    _, state = ready_to_go_back("Promote" if way != "promote" else "Pause")
    state, _ = advance_recalled(state, state.arm(NEW), SUSPECTED)
    if way == "promote":
        state = replace(state, word=Word(Command(Verb.PROMOTE, NEW)))
    state, _ = advance_recalled(later(state, 61), state.arm(NEW), dict.fromkeys(SUSPECTED, UNSEEN))
    assert state.trial.route is not None
    assert state.trial.route.everybody.share(NEW) == 100
    assert state.trial.approved is None, "that was what was approved, and not the end of the bake"


def test_a_pass_that_changes_nothing_writes_nothing() -> None:
    world = recalled()
    world.step(0.5)
    before = world.status
    world.step(0.5)
    assert world.status == before
