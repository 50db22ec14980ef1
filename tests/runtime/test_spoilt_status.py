"""A status from which no pass can go on counts as lost: while passes fail nobody would be judged."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.core.decide import decide
from modelrollout.core.plan import Reason
from modelrollout.runtime.decider import Decider
from tests.core.world import CANARY, World

OLD, NEW = "1.0.1", "1.1.2"
KEY = ("prod", "fraud")

SPOILT: dict[str, dict[str, Any]] = {
    "a time of the counters is none": {"counters": {"at": 1e12}},
    "the noise is none": {"state": {"noise": [1e12, 0.0, 0.0, 0, 0]}},
}
"""Each can be read, and a pass fails by it."""


def spoilt(damage: dict[str, Any]) -> World:
    """The second version has 10 % of the requests, and a pass would fail."""
    world = World.of(CANARY).installed().apply(version=NEW).run(25)
    [test] = world.arm.metrics
    parts = {name: {**getattr(test, name), **part} for name, part in damage.items()}
    world.change_arm(metrics=(test.model_copy(update=parts),))
    world.requests(500).now += 5
    return world


@pytest.mark.parametrize("damage", SPOILT.values(), ids=SPOILT.keys())
def test_it_is_made_anew_and_the_arm_is_judged(damage: dict[str, Any]) -> None:
    world = spoilt(damage)
    rollout, seen = world.rollout, world.observe()
    with pytest.raises((ValueError, ArithmeticError)):
        decide(rollout, seen)
    plan = Decider().decide(KEY, rollout, seen)
    assert plan.route is not None
    assert plan.route.everybody.shares == {OLD: 90, NEW: 10}
    assert [event.reason for event in plan.events] == [Reason.STATUS_LOST]
    world.status = plan.status
    world.run(30, bad={NEW: 1.0})
    assert [item.version for item in world.status.quarantined] == [NEW]


def test_an_abort_that_comes_in_that_pass_is_obeyed() -> None:
    world = spoilt(SPOILT["the noise is none"])
    world.status = world.status.model_copy(update={"last_command": f"resume {NEW} t1"})
    world.command = f"abort {NEW} t2"
    plan = Decider().decide(KEY, world.rollout, world.observe())
    assert plan.route is not None
    assert plan.route.everybody.shares == {OLD: 100}


def test_it_is_given_up_once_until_a_pass_goes_well() -> None:
    bad, decider = spoilt(SPOILT["the noise is none"]), Decider()
    decider.decide(KEY, bad.rollout, bad.observe())
    with pytest.raises((ValueError, ArithmeticError)):
        decider.decide(KEY, bad.rollout, bad.observe())
    good = World.of(CANARY).installed()
    decider.decide(KEY, good.rollout, good.observe())
    assert decider.decide(KEY, bad.rollout, bad.observe()).events[0].reason == Reason.STATUS_LOST
