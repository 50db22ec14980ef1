"""Several versions in the shadow at once, and those that come to it later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelrollout.api.compared import SCORE_BOUNDS
from modelrollout.api.shadow_counts import ShadowCounts
from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from modelrollout.core.validate.carried import together
from modelrollout.core.validate.disagreement import Outcome, judge_flips
from tests.core.copies import Answers
from tests.core.shadows import NEW, SHADOW, copied, inside, shadowing
from tests.core.world import CANARY, World

THIRD = "1.2.3"
ERRORS = {"metrics": [{"name": "errors"}]}


def split(*versions: str) -> dict[str, Any]:
    """A part of the requests for each of them."""
    arms = [{"version": name, "uri": f"pvc://models/fraud/{name[-1]}", "weight": 20} for name in versions]
    return {"split": {"weight": 100 - 20 * len(arms), "versions": arms}}


def splitting(*versions: str) -> World:
    """These are compared with 1.0.1 at the same time."""
    world = shadowing({**yaml.safe_load(CANARY), "analysis": ERRORS})
    return world.configure(strategy=split(*versions))


def test_several_are_compared_at_once_and_one_that_fails_leaves_alone() -> None:
    world = splitting(NEW, THIRD).run(20)
    assert inside(world) == (NEW, THIRD)
    world.copies.answers[THIRD] = Answers(failed=1.0)
    world.run(15)
    assert [item.version for item in world.status.quarantined] == [THIRD]
    assert inside(world) == (NEW,)
    assert not world.said(Reason.BLIND)
    world.run(100)
    assert world.live == {"1.0.1": 80, NEW: 20}


LEAVES: dict[str, Callable[[World], object]] = {
    "it fails": lambda world: world.copies.answers.update({THIRD: Answers(failed=1.0)}),
    "a person aborts it": lambda world: setattr(world, "command", f"abort {THIRD} t1"),
    "the spec names it no more": lambda world: world.configure(strategy=split(NEW)),
}


@pytest.mark.parametrize("leaves", LEAVES.values(), ids=LEAVES)
def test_what_was_counted_of_the_others_counts_on_when_one_leaves(leaves: Callable[[World], object]) -> None:
    """Counted anew they would have another chance of an error, and wait anew."""
    world = splitting(NEW, THIRD).run(45)
    before = world.status.arms[0].shadow.compared
    leaves(world)
    world.run(15)
    assert inside(world) == (NEW,)
    known = world.status.arms[0].shadow
    assert known.before is not None
    assert known.before.compared >= before > 200
    assert known.compared > known.before.compared
    assert len(known.before.arm.scores) == len(SCORE_BOUNDS) + 1
    since = known.since
    world.run(20)
    assert world.live == {"1.0.1": 80, NEW: 20}, f"its minute began at {since}"


def test_what_two_comparers_counted_proves_what_neither_does_alone() -> None:
    world = splitting(NEW, THIRD).configure(validation={"shadow": SHADOW | {"maxDisagreement": 0.02}})
    world.copies.answers[NEW] = Answers(different=0.05)
    world.run(45)
    world.command = f"abort {THIRD} t1"
    alone = [world.copies.counted[NEW].flips]
    while not world.status.quarantined:
        world.run(1)
        alone += [item.flips for item in world.copies.counted.values()]
    [failed] = world.status.quarantined
    assert failed.version == NEW
    assert {judge_flips(flips, 0.02, 1).outcome for flips in alone} == {Outcome.OPEN}


def test_an_edit_and_another_control_count_anew() -> None:
    world = splitting(NEW, THIRD).run(45)
    world.configure(validation={"shadow": SHADOW | {"maxDisagreement": 0.3}}, strategy=split(NEW)).run(15)
    known = world.status.arms[0].shadow
    assert (known.before, known.compared < 200) == (None, True)


SPOILT: dict[str, dict[str, Any]] = {
    "more differ than were compared": {"compared": 1, "different": 5000, "once": 5000, "always": 5000},
    "other bins": {"compared": 10, "arm": {"latency": [1, 2], "scores": [3]}},
}


@pytest.mark.parametrize("counts", SPOILT.values(), ids=SPOILT)
def test_counts_that_cannot_be_are_left_out(counts: dict[str, Any]) -> None:
    seen = Answers(different=0.1).to(100)
    assert together(seen, ShadowCounts.model_validate(counts)).arm.scores == seen.arm.scores


def test_one_that_has_passed_stays_with_those_that_have_not() -> None:
    """Without it there would be another comparer, and everything would be counted anew."""
    world = splitting(NEW, THIRD).configure(validation={"shadow": SHADOW | {"maxDisagreement": 0.02}})
    world.copies.answers[THIRD] = Answers(different=0.02, repeats=0.9)
    world.run(90)
    assert [(arm.version, arm.shadow.passed) for arm in world.status.arms] == [(NEW, True), (THIRD, False)]
    assert inside(world) == (NEW, THIRD)
    assert world.status.arms[1].shadow.compared > 500
    assert (world.status.phase, world.live) == (Phase.SHADOWING, {"1.0.1": 100})


def test_one_that_loads_slowly_is_waited_for_and_nobody_is_blind() -> None:
    world = splitting(NEW, THIRD)
    world.step(1)
    world.autoload = False
    world.workloads[THIRD] = replace(world.workloads[THIRD], ready=0)
    world.run(100)
    assert set(copied(world)) == {None}
    assert world.status.arms[0].shadow.message == f"answers are compared once {THIRD} can be compared, too"
    world.workloads[THIRD] = replace(world.workloads[THIRD], ready=1)
    world.run(15)
    assert inside(world) == (NEW, THIRD)


def test_one_that_enters_later_is_compared_while_the_others_go_on() -> None:
    world = splitting(NEW).run(100)
    assert world.live == {"1.0.1": 80, NEW: 20}
    world.configure(strategy=split(NEW, THIRD)).run(40)
    assert inside(world) == (THIRD,)
    assert world.live == {"1.0.1": 80, NEW: 20}
    assert world.status.phase is Phase.PROGRESSING
    assert world.status.message.startswith(f"{THIRD} is in the shadow: ")
    world.run(60)
    assert world.live == {"1.0.1": 60, NEW: 20, THIRD: 20}


def test_one_that_enters_while_others_are_compared_keeps_nobody_waiting() -> None:
    world = splitting(NEW).run(40)
    world.autoload = False
    world.configure(strategy=split(NEW, THIRD)).run(30)
    assert inside(world) == (NEW,)
    world.run(30)
    assert world.live == {"1.0.1": 80, NEW: 20}


def test_one_of_several_that_is_tried_again_is_not_judged_by_what_was_counted_before() -> None:
    world = splitting(NEW, THIRD).run(100)
    world.command = f"abort-quarantine {THIRD} t1"
    world.run(15)
    world.command = f"retry {THIRD} t2"
    world.run(25)
    names = [plan.comparer.trial for plan in world.plans if plan.comparer is not None]
    assert len(set(names)) == 2
    assert inside(world) == (THIRD,)
