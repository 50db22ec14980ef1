"""Edits of a test by a reward while it is under way: none gives back what was spent of the chance of a wrong winner."""

from __future__ import annotations

from collections.abc import Callable
from math import fsum
from typing import Any

import pytest

from modelrollout.api.contest_status import Stakes
from modelrollout.api.status import Status
from tests.core.world import World
from tests.strategies.test_ab_test import ANALYSIS, REWARD, ab_test, contest_of, play, under_test

ALIKE = {"1.0.1": 0.05, "1.1.2": 0.05, "1.2.3": 0.05}
LONG: dict[str, Any] = {"maxDuration": "5h", "minDuration": "4h"}


def analysis(**reward: Any) -> dict[str, Any]:
    """With another reward."""
    return {"analysis": {"metrics": [{"name": "errors"}, REWARD | reward]}}


def strategy(*arms: str, **settings: Any) -> dict[str, Any]:
    """With other settings of the test."""
    return {"strategy": ab_test(*arms, **LONG | settings)}


EDITS: dict[str, tuple[dict[str, Any], ...]] = {
    "another query": (analysis(trials='asked_total{version="{{ version }}"}'),),
    "there and back": (analysis(trials='asked_total{version="{{ version }}"}'), {"analysis": ANALYSIS}),
    "less is better": (analysis(direction="LowerIsBetter"),),
    "rewards are late": (strategy("1.2.3", rewardDelay="10s"),),
    "less is no difference": (strategy("1.2.3", indifference=0.01),),
    "more is no difference": (strategy("1.2.3", indifference=0.2),),
    "a higher chance": (strategy("1.2.3", falseWinner=0.2),),
    "a lower chance": (strategy("1.2.3", falseWinner=0.01),),
    "a shorter test": (strategy("1.2.3", minDuration="3h", maxDuration="4h"),),
    "other shares": (strategy("1.2.3", weight=20),),
    "an arm is added": (strategy("1.2.3", "1.3.4"),),
    "an arm is removed": (strategy(),),
    "an arm is removed and added": (strategy(), strategy("1.2.3")),
    "an arm is another one": (strategy("1.3.4"),),
}


def wealth(world: World) -> float:
    """What is left of the chance, of all versions."""
    stakes = stakes_of(world)
    return stakes.false_winner * (stakes.free + fsum(stakes.left.values()))


def stakes_of(world: World) -> Stakes:
    """The ledger of everybody's requests."""
    (stakes,) = world.trial.stakes
    return stakes


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_no_edit_gives_back_what_was_spent(edits: tuple[dict[str, Any], ...]) -> None:
    world = play(under_test("1.2.3", **LONG), 1200, ALIKE)
    before, needed = wealth(world), max(contest_of(world).needed, 60.0)
    assert before < 0.04, "looking has cost"
    for edit in edits:
        world.configure(**edit)
        for _ in range(20):
            world.step(1)
            assert wealth(world) <= before + 1e-9
    play(world, 60, ALIKE | {"1.3.4": 0.05})
    assert stakes_of(world).false_winner == 0.05
    assert contest_of(world).needed >= 0.99 * needed


def test_the_chance_that_a_test_began_with_is_fixed_and_that_is_said() -> None:
    world = play(under_test("1.2.3", **LONG), 600, ALIKE)
    world.configure(**strategy("1.2.3", falseWinner=0.2)).step(1)
    assert contest_of(world).needed == pytest.approx(60, rel=0.01)
    accepted = next(item for item in world.status.conditions if item.type == "Accepted")
    assert "what the test began with is fixed, 5 %: strategy.abTest.falseWinner 20 % holds for the next one" in (
        accepted.message
    )
    world.configure(**strategy("1.2.3")).step(1)
    accepted = next(item for item in world.status.conditions if item.type == "Accepted")
    assert "falseWinner" not in accepted.message


def spoilt(status: Status) -> Status:
    """The memory of the tests is none."""
    assert status.trial is not None
    assert status.trial.contest is not None
    contest = status.trial.contest.model_copy(update={"state": {"contest": "lost"}})
    return status.model_copy(update={"trial": status.trial.model_copy(update={"contest": contest})})


def taken_out(status: Status) -> Status:
    """The test is not in the status any more."""
    assert status.trial is not None
    return status.model_copy(update={"trial": status.trial.model_copy(update={"contest": None})})


@pytest.mark.parametrize("change", [spoilt, taken_out])
def test_a_memory_that_cannot_be_read_gives_nothing_back(change: Callable[[Status], Status]) -> None:
    world = play(under_test("1.2.3", **LONG), 1200, ALIKE)
    before = wealth(world)
    world.status = change(world.status)
    world.step(1)
    assert wealth(world) <= before + 1e-9
    assert contest_of(world).versions[0].requests == 0


def test_after_a_lost_status_half_of_it_is_left() -> None:
    world = play(under_test("1.2.3", **LONG), 1200, ALIKE)
    world.status = Status()
    world.step(1)
    play(world, 60, ALIKE)
    assert stakes_of(world).false_winner == 0.025
    assert contest_of(world).needed == pytest.approx(120)
