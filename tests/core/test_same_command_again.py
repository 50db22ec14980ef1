"""The same words a second time are a second command; and no command is carried out twice, wherever a pass is killed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.decide import decide
from modelrollout.core.plan import Reason
from tests.core.phases import APPROVAL, FIFTY, NEW, TEN, at_a_clock, awaiting, baking, released
from tests.core.world import World

OLD = "1.0.1"


def given(world: World, text: str) -> World:
    """``kubectl annotate --overwrite`` with these words, and a pass. Where they stand already, nobody hears of it."""
    if world.command != text:
        world.command = text
    world.step(0.5)
    return world


def released_again(world: World) -> World:
    """The spec names the version before, and then this one once more."""
    return world.apply(version=OLD).run(20).apply(version=NEW).run(40)


def test_an_abort_in_the_same_words_ends_the_next_release_of_the_version() -> None:
    world = released_again(given(at_a_clock(), f"abort {NEW}").run(20))
    assert world.weight > 0
    given(world, f"abort {NEW}")
    assert world.live == {OLD: 100}
    assert len(world.said(Reason.ABORTED)) == 2


def test_a_promote_in_the_same_words_approves_the_next_step_that_asks() -> None:
    world = released(TEN, APPROVAL, {"setWeight": 50, "for": "10s"}, APPROVAL, {"setWeight": 80})
    given(world, f"promote {NEW}").run(60)
    assert (world.status.phase, world.weight) == (Phase.AWAITING_APPROVAL, 50)
    given(world, f"promote {NEW}").run(5)
    assert world.weight == 80


def test_a_command_that_was_refused_can_be_given_again() -> None:
    world = given(awaiting(), f"undo {NEW}")
    assert world.status.command_ignored is not None
    world.step(1)
    given(world, f"undo {NEW}")
    assert len(world.said(Reason.COMMAND_IGNORED)) == 2


def test_the_annotation_goes_once_it_is_answered_and_the_answer_stays() -> None:
    world = given(awaiting(), f"promote {NEW}")
    assert world.command is None
    assert world.plans[-1].answered == f"promote {NEW}"
    world.step(0.5)
    assert world.status.last_command == f"promote {NEW}", "that is what people read"
    assert world.status.command_gone


def test_another_command_written_meanwhile_is_not_taken_for_the_old_one() -> None:
    world = awaiting()
    world.command = f"promote {NEW}"
    plan = decide(world.rollout, world.observe())
    world.status, world.command = plan.status, f"abort {NEW}"
    assert plan.answered == f"promote {NEW}", "the text by which it is known whether the annotation may go"
    world.step(0.5)
    assert world.status.last_command == f"abort {NEW}"
    assert len(world.said(Reason.ABORTED)) == 1


def killed_before_the_status(world: World) -> World:
    """Nothing was stored."""
    decide(world.rollout, world.observe())
    return world


def killed_before_the_annotation_went(world: World) -> World:
    """The status was stored, and the annotation stays."""
    world.status = decide(world.rollout, world.observe()).status
    return world


def killed_after_it_went(world: World) -> World:
    """And nobody has seen yet that it is gone."""
    killed_before_the_annotation_went(world).command = None
    return world


KILLED: dict[str, Callable[[World], World]] = {
    "before the status is stored": killed_before_the_status,
    "before the annotation is taken away": killed_before_the_annotation_went,
    "after that": killed_after_it_went,
}


@pytest.mark.parametrize("killed", KILLED.values(), ids=KILLED.keys())
def test_a_pass_that_is_killed_makes_one_command_of_one_and_two_of_two(killed: Callable[[World], World]) -> None:
    world = baking()
    text = f"lower {NEW} t 50"
    world.command = text
    killed(world)
    for _ in range(4):
        world.step(0.5)
    assert world.weight == 50
    assert world.command is None
    assert world.status.command_gone
    given(world, f"resume {NEW}").run(20)
    given(world, text)
    assert "is no less" in (world.status.command_ignored or "") or world.weight == 50


def test_the_same_skip_twice_in_one_moment_ends_one_step() -> None:
    """The annotation went, and stands there again before a pass has seen that it was gone."""
    world = released({"setWeight": 10, "for": "10m"}, {"setWeight": 20, "for": "10m"}, FIFTY, seconds=40)
    given(world, f"skip {NEW}")
    given(world, f"skip {NEW}")
    assert world.weight == 20
    world.step(1)
    given(world, f"skip {NEW}")
    assert world.weight == 50


def test_a_status_of_before_does_nothing_twice() -> None:
    """Its command was carried out by an operator that left the annotation."""
    world = awaiting()
    world.command = f"promote {NEW}"
    world.status = world.status.model_copy(update={"last_command": f"promote {NEW}"})
    world.step(1)
    assert world.weight == 10
    assert world.command is None
    world.step(1)
    assert given(world, f"promote {NEW}").weight == 50


def test_at_rest_nothing_is_written_once_it_is_known_to_be_gone() -> None:
    world = given(awaiting(), f"abort {NEW}").run(60)
    before = world.status
    world.step(0.5)
    assert world.status == before
