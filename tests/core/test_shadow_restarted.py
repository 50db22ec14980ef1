"""A comparer that is killed counts from 0: what it had counted goes on, once, whatever the release is about to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelrollout.api.compared import SCORE_BOUNDS
from modelrollout.api.shadow_counts import ShadowCounts
from modelrollout.api.status import Status
from modelrollout.core.plan import Reason
from modelrollout.core.validate.disagreement import Outcome, judge_flips
from tests.core.copies import Answers
from tests.core.shadows import NEW, SHADOW, inside, never_asked, released
from tests.core.test_properties import SPECS
from tests.core.test_shadow_together import THIRD, splitting
from tests.core.world import World

DEAD = "Prometheus at http://prometheus:9090 is away: connection refused"


def compared(world: World, version: str = NEW) -> float:
    """How many of its answers were compared, as the status says."""
    return world.status.arm(version).shadow.compared  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_nothing_is_lost_and_nothing_counts_twice(kind: str) -> None:
    """At ten copies a second the status has ten for each second, however often it was killed."""
    world = released(SPECS[kind], duration="5m").run(20)
    began, at = compared(world), world.now
    for _ in range(4):
        world.run(15)
        world.copies.restart()
        world.run(10)
    assert compared(world) == began + 10 * (world.now - at)
    known = world.status.arm(NEW).shadow  # type: ignore[union-attr]
    assert known.before is not None
    assert known.last is not None
    assert known.before.compared + known.last.compared == known.compared
    assert len(known.before.arm.scores) == len(SCORE_BOUNDS) + 1
    assert never_asked(world)
    assert not world.said(Reason.BLIND)
    world.run(300)
    assert not world.status.quarantined
    assert not never_asked(world), "its five minutes were over"


def test_several_processes_prove_what_none_does_alone() -> None:
    world = released(answers=Answers(different=0.05), maxDisagreement=0.02, duration="1h")
    alone = []
    while not world.status.quarantined:
        world.run(20)
        alone += [item.flips for item in world.copies.counted.values()]
        world.copies.restart()
    [failed] = world.status.quarantined
    assert (failed.version, failed.reason) == (NEW, Reason.VALIDATION_FAILED)
    assert {judge_flips(flips, 0.02, 1).outcome for flips in alone} == {Outcome.OPEN}


def test_one_that_is_killed_for_ever_passes_when_it_would_without() -> None:
    """Each process sees too few; together they have enough."""
    world = released(maxDisagreement=0.02)
    for _ in range(20):
        world.run(5)
        world.copies.restart()
    assert world.weight >= 10
    assert not world.status.quarantined


def in_the_pass_in_which_another_leaves(world: World) -> None:
    world.copies.restart()
    world.command = f"abort {THIRD} t1"


def while_it_is_not_seen(world: World) -> None:
    world.copies.unseen = DEAD
    world.run(5)
    world.copies.restart()
    world.run(5)
    world.copies.unseen = None


def before_another_leaves_while_it_is_not_seen(world: World) -> None:
    world.copies.unseen = DEAD
    world.command = f"abort {THIRD} t1"
    world.run(5)
    world.copies.unseen = None


MOMENTS: dict[str, Callable[[World], None]] = {
    "in the pass in which another version leaves": in_the_pass_in_which_another_leaves,
    "while Prometheus is away": while_it_is_not_seen,
    "another version leaves while Prometheus is away": before_another_leaves_while_it_is_not_seen,
}


@pytest.mark.parametrize("happens", MOMENTS.values(), ids=MOMENTS)
def test_whatever_else_happens_at_that_moment(happens: Callable[[World], None]) -> None:
    world = splitting(NEW, THIRD).configure(validation={"shadow": SHADOW | {"duration": "10m"}}).run(45)
    before = compared(world)
    happens(world)
    world.run(15)
    assert before > 200
    assert before < compared(world) <= 10 * world.now
    assert not world.status.quarantined
    assert NEW in inside(world)


def test_one_that_was_passed_already_has_passed() -> None:
    world = splitting(NEW, THIRD).configure(validation={"shadow": SHADOW | {"maxDisagreement": 0.02}})
    world.copies.answers[THIRD] = Answers(different=0.02, repeats=0.9)
    world.run(90)
    assert [arm.shadow.passed for arm in world.status.arms] == [True, False]
    before = compared(world, THIRD)
    world.copies.restart()
    world.run(10)
    assert [arm.shadow.passed for arm in world.status.arms] == [True, False]
    assert compared(world, THIRD) > before


def test_by_other_settings_and_after_a_pause_it_begins_anew() -> None:
    world = released(duration="10m").run(30)
    world.copies.restart()
    world.configure(validation={"shadow": SHADOW | {"duration": "20m"}}).run(15)
    known = world.status.arms[0].shadow
    assert (known.before, known.compared < 200) == (None, True)


def spoilt(status: Status, counts: ShadowCounts) -> Status:
    """Somebody has edited what was seen last."""
    assert status.trial is not None
    arms = [
        arm.model_copy(update={"shadow": arm.shadow.model_copy(update={"last": counts})}) for arm in status.trial.arms
    ]
    return status.model_copy(update={"trial": status.trial.model_copy(update={"arms": tuple(arms)})})


def test_counts_that_cannot_be_are_left_out() -> None:
    world = released(duration="10m").run(30)
    counts = ShadowCounts(compared=1, different=5000, once=5000, always=5000, started=7.0)
    world.status = spoilt(world.status, counts)
    world.run(10)
    assert not world.status.quarantined
    assert 0 < compared(world) <= 10 * world.now
