"""The epoch of a trial: new with each change of the shares, the same for as long as nobody's share changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.api.status import Status
from tests.core.world import CANARY, World

OLD, NEW, OTHER = "1.0.1", "1.1.2", "1.2.3"

BLUE_GREEN = CANARY.replace(
    "strategy: {canary: {steps: [{setWeight: 10, for: 30s}, {setWeight: 50, for: 30s}]}}",
    "strategy: {blueGreen: {bake: {for: 1m, control: 10}}}",
)
SPLIT = """
model: {name: fraud, version: 1.0.1, uri: "pvc://models/fraud/1"}
traffic: {hosts: [fraud.example.com]}
strategy:
  split:
    weight: 40
    versions:
    - {version: 1.1.2, uri: "pvc://models/fraud/2", weight: 30}
    - {version: 1.2.3, uri: "pvc://models/fraud/3", weight: 30}
"""


def epochs_by_shares(world: World) -> list[tuple[dict[str, float], int]]:
    """Every pair of shares and epoch that was decided, in order, each once."""
    found = [
        (dict(plan.status.trial.route.everybody.shares), plan.epoch)
        for plan in world.plans
        if plan.status.trial is not None and plan.status.trial.route is not None
    ]
    return [pair for index, pair in enumerate(found) if index == 0 or pair != found[index - 1]]


@pytest.mark.parametrize("text", [CANARY, BLUE_GREEN, SPLIT])
def test_a_new_one_with_each_change_of_the_shares_and_with_nothing_else(text: str) -> None:
    world = World.of(text).installed()
    if text != SPLIT:
        world.apply(version=NEW, uri="pvc://models/fraud/2")
    world.run(400, rate=1000)
    trials = {plan.status.trial.started_at for plan in world.plans if plan.status.trial is not None}
    pairs = epochs_by_shares(world)
    assert len(trials) >= 2, "the first version's, and the one that is looked at"
    drawn = [pair for pair in pairs if len(pair[0]) > 1]
    assert drawn
    assert len({epoch for _, epoch in drawn}) == len(drawn), "as many epochs as shares"
    assert [epoch for _, epoch in pairs] == sorted(epoch for _, epoch in pairs)


def test_it_begins_with_the_trial_and_there_is_none_at_rest() -> None:
    world = World.of(CANARY).installed()
    assert world.plans[-1].epoch == 0
    world.apply(version=NEW).step(1)
    assert world.plans[-1].epoch == int(world.now)


def test_two_changes_within_a_second_are_two_epochs() -> None:
    world = World.of(CANARY).installed()
    world.apply(version=NEW).run(20, rate=1000)
    assert world.weight == 10
    before = world.plans[-1].epoch
    trial = world.trial.model_copy(update={"epoch": int(world.now) + 5})
    world.status = world.status.model_copy(update={"trial": trial})
    world.command = f"lower {NEW} t 5"
    assert world.step(0.1).epoch == int(world.now) + 6 > before, "whatever the clock says"


def test_who_is_left_is_drawn_anew_when_one_fails() -> None:
    """Those who lose it must not all come to the other one."""
    world = World.of(SPLIT).installed()
    world.run(20, rate=1000)
    assert world.live == {OLD: 40, NEW: 30, OTHER: 30}
    before = world.plans[-1].epoch
    world.workloads[NEW] = replace(world.workloads[NEW], ready=0, failure="it crashed")
    world.run(10, rate=1000)
    assert world.live == {OLD: 70, OTHER: 30}
    assert world.plans[-1].epoch > before


def test_a_lost_status_begins_a_new_one() -> None:
    world = World.of(CANARY).installed()
    world.apply(version=NEW).run(20, rate=1000)
    before, live = world.plans[-1].epoch, world.live
    world.status = Status()
    assert world.step(1).epoch == int(world.now) > before
    assert world.live == live


def test_a_status_that_knows_of_none_keeps_its_users_until_the_shares_change() -> None:
    world = World.of(CANARY).installed()
    world.apply(version=NEW).run(20, rate=1000)
    world.status = world.status.model_copy(update={"trial": world.trial.model_copy(update={"epoch": 0})})
    assert world.step(1).epoch == 0
    world.command = f"lower {NEW} t 5"
    assert world.step(1).epoch == int(world.now)
