"""An approval is of a step's content: edits of the steps neither lose one that was given nor make one up."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.status import Phase
from tests.core.world import CANARY, World

NEW = "1.1.2"
APPROVAL: dict[str, Any] = {"approval": {}}
TEN, FIFTY = {"setWeight": 10, "for": "30s"}, {"setWeight": 50, "for": "30s"}


def steps(*given: dict[str, Any]) -> dict[str, Any]:
    """A canary of these steps."""
    return {"canary": {"steps": list(given)}}


def waiting() -> World:
    """At 10 %, a person is asked."""
    world = World.of(CANARY).configure(strategy=steps(TEN, APPROVAL, FIFTY)).installed()
    world.apply(version=NEW).run(60)
    assert world.status.phase is Phase.AWAITING_APPROVAL
    return world


def promoted(world: World, token: str = "t1") -> World:
    """A person says go on."""
    world.command = f"promote {NEW} {token}"
    world.step(0.5)
    return world


EDITS = {
    "a step before it is added": (steps({"setWeight": 1, "for": "5s"}, TEN, APPROVAL, FIFTY), 50),
    "the step before it is longer": (steps({"setWeight": 10, "for": "2m"}, APPROVAL, FIFTY), 50),
    "a step after it is added": (steps(TEN, APPROVAL, FIFTY, APPROVAL), 50),
    "the step after it is another": (steps(TEN, APPROVAL, {"setWeight": 20, "for": "30s"}), 20),
}


@pytest.mark.parametrize(("edited", "weight"), EDITS.values(), ids=EDITS.keys())
def test_it_is_given_after_an_edit(edited: dict[str, Any], weight: int) -> None:
    world = waiting().configure(strategy=edited).run(10)
    assert world.weight == 10
    assert promoted(world).weight == weight


@pytest.mark.parametrize(("edited", "weight"), EDITS.values(), ids=EDITS.keys())
def test_it_is_not_lost_by_an_edit_in_the_same_moment(edited: dict[str, Any], weight: int) -> None:
    world = waiting()
    world.command = f"promote {NEW} t1"
    world.configure(strategy=edited).step(0.5)
    assert world.weight == weight


def test_it_counts_once() -> None:
    world = waiting().configure(strategy=steps(TEN, APPROVAL, APPROVAL, FIFTY))
    world.run(5)
    promoted(world)
    world.run(20)
    assert world.weight == 10, "the second approval is another step"
    assert world.status.phase is Phase.AWAITING_APPROVAL
    promoted(world, "t2").run(5)
    assert world.weight == 50


def test_an_approval_at_another_weight_is_another_one() -> None:
    world = waiting().configure(strategy=steps(TEN, APPROVAL, FIFTY, APPROVAL, {"setWeight": 80}))
    promoted(world).run(100)
    assert world.weight == 50
    assert world.status.phase is Phase.AWAITING_APPROVAL


def test_a_person_does_not_approve_what_comes_after_smoke_requests_that_still_run() -> None:
    text = """
model: {name: fraud, version: 1.0.1, uri: "pvc://models/fraud/1"}
traffic: {hosts: [fraud.example.com]}
strategy: {blueGreen: {approval: true, smoke: {requests: [{instances: [[1.0]]}]}}}
"""
    from modelrollout.core.observation import SmokeResult

    world = World.of(text).installed()
    world.apply(version=NEW).run(5, tick=1)
    promoted(world)
    world.smoke = SmokeResult(sent=1)
    world.run(20)
    assert world.live == {"1.0.1": 100}
    assert world.status.phase is Phase.AWAITING_APPROVAL
