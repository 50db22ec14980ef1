"""An approval is of a step's content: edits of the steps neither lose one that was given nor make one up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World, smoked

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


def approved_and_held() -> World:
    """A person said go on, and a pod is not ready just then."""
    world = waiting()
    world.workloads[NEW] = replace(world.workloads[NEW], desired=2)
    promoted(world)
    assert world.weight == 10
    assert "1 of 2 pods" in world.status.message
    return world


@pytest.mark.parametrize(("edited", "weight"), EDITS.values(), ids=EDITS.keys())
def test_it_waits_for_a_pod_and_outlives_an_edit(edited: dict[str, Any], weight: int) -> None:
    world = approved_and_held().configure(strategy=edited).run(5)
    world.workloads[NEW] = replace(world.workloads[NEW], ready=2)
    world.step(0.5)
    assert world.weight == weight


@pytest.mark.parametrize("further", [80, 100])
def test_it_does_not_stand_for_more_than_what_followed(further: int) -> None:
    world = approved_and_held().configure(strategy=steps(TEN, APPROVAL, {"setWeight": further, "for": "30s"})).run(5)
    world.workloads[NEW] = replace(world.workloads[NEW], ready=2)
    world.run(20)
    assert world.weight == 10
    assert world.status.phase is Phase.AWAITING_APPROVAL
    assert f"1.1.2: a person said go on to 50 %, and now {further} % would follow; say it again" in world.said(
        Reason.AWAITING_APPROVAL
    )
    assert promoted(world, "t2").weight == further


def test_it_does_not_stand_for_the_end_where_a_watch_followed() -> None:
    text = """
model: {name: fraud, version: 1.0.1, uri: "pvc://models/fraud/1"}
traffic: {hosts: [fraud.example.com]}
strategy: {blueGreen: {approval: true, bake: 1m}}
"""
    world = World.of(text).installed().apply(version=NEW).run(20)
    world.workloads[NEW] = replace(world.workloads[NEW], desired=2)
    promoted(world).configure(strategy={"blueGreen": {"approval": True, "bake": "0s"}}).run(5)
    world.workloads[NEW] = replace(world.workloads[NEW], ready=2)
    world.run(10)
    assert world.live == {"1.0.1": 100}
    [said] = [item for item in world.said(Reason.AWAITING_APPROVAL) if "say it again" in item]
    assert said == "1.1.2: a person said go on to 100 %, and now the end of the release would follow; say it again"


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


def test_two_in_a_second_end_one_wait() -> None:
    world = waiting().configure(strategy=steps(TEN, APPROVAL, {"setWeight": 30}, FIFTY)).run(5)
    promoted(world)
    assert world.weight == 30
    for token in ("t2", "t3"):
        promoted(world, token)
    assert world.weight == 30, "the step that has just begun was not meant"
    assert world.status.command_ignored is not None
    assert "has only just begun" in world.status.command_ignored
    world.run(10)
    assert promoted(world, "t4").weight == 50, "later it is"


@pytest.mark.parametrize("clock", [{"setWeight": 10, "for": "10m"}, {"pause": {"for": "10m"}}], ids=["step", "pause"])
def test_promote_never_ends_a_running_clock_and_skip_does(clock: dict[str, Any]) -> None:
    first = [clock] if "setWeight" in clock else [{"setWeight": 10, "for": "20s"}, clock]
    world = World.of(CANARY).configure(strategy=steps(*first, FIFTY)).installed().apply(version=NEW).run(60)
    promoted(world)
    assert world.weight == 10
    assert "modelrollout skip fraud -n prod ends it now" in (world.status.command_ignored or "")
    world.command = f"skip {NEW} t2"
    world.step(0.5)
    assert world.weight == 50
    assert world.status.command_ignored is None


def test_promote_does_not_end_the_bake_and_skip_does() -> None:
    world = World.of(CANARY).configure(strategy=steps(TEN) | {"canary": {"steps": [TEN], "bake": "10m"}}).installed()
    world.apply(version=NEW).run(70)
    assert world.status.phase is Phase.BAKING
    assert promoted(world).status.phase is Phase.BAKING
    world.command = f"skip {NEW} t2"
    world.step(0.5)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


def full(world: World) -> World:
    """A person skips all the steps."""
    world.command = f"promote-full {NEW} f1"
    world.step(0.5)
    return world


def test_a_full_promotion_says_what_it_skips_and_leads_to_the_bake() -> None:
    world = World.of(CANARY).configure(strategy={"canary": {"steps": [TEN, APPROVAL, FIFTY], "bake": "1m"}}).installed()
    full(world.apply(version=NEW).run(20))
    assert world.weight == 95
    assert "weight 10 % for 30s, approval, weight 50 % for 30s" in world.events[-2].message + world.events[-1].message
    assert world.status.phase is Phase.BAKING


def test_after_a_full_promotion_the_bake_is_judged_like_any_other() -> None:
    world = World.of(CANARY).configure(strategy={"canary": {"steps": [TEN, FIFTY], "bake": "1m"}}).installed()
    full(world.apply(version=NEW).run(20))
    world.away = "connection refused"
    for _ in range(40):
        world.requests(500, {NEW: 1.0})
        world.step(5)
    assert world.status.phase is not Phase.HEALTHY, "blind, and the bake is over?"
    world.away = None
    world.run(15, bad={NEW: 1.0})
    assert [item.version for item in world.status.quarantined] == [NEW]


def test_no_word_passes_smoke_requests_that_failed_or_still_run() -> None:
    text = """
model: {name: fraud, version: 1.0.1, uri: "pvc://models/fraud/1"}
traffic: {hosts: [fraud.example.com]}
strategy: {blueGreen: {approval: true, smoke: {requests: [{instances: [[1.0]]}], attempts: 2}}}
"""
    world = World.of(text).installed().apply(version=NEW)
    world.run(5, tick=1)
    for verb in ("promote", "skip"):
        world.command = f"{verb} {NEW} {verb}"
        world.step(0.5)
        assert "smoke requests" in (world.status.command_ignored or "")
    full(world)
    world.smoke = smoked("status 500")
    world.run(20)
    assert world.live == {"1.0.1": 100}
    assert [item.version for item in world.status.quarantined] == [NEW]


def test_a_person_does_not_approve_what_comes_after_smoke_requests_that_still_run() -> None:
    text = """
model: {name: fraud, version: 1.0.1, uri: "pvc://models/fraud/1"}
traffic: {hosts: [fraud.example.com]}
strategy: {blueGreen: {approval: true, smoke: {requests: [{instances: [[1.0]]}]}}}
"""
    world = World.of(text).installed()
    world.apply(version=NEW).run(5, tick=1)
    promoted(world)
    world.smoke = smoked()
    world.run(20)
    assert world.live == {"1.0.1": 100}
    assert world.status.phase is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize("verb", ["skip", "promote-full"])
def test_who_ends_a_pause_with_the_step_below_it_is_told_of_both(verb: str) -> None:
    world = waiting()
    world.command = f"pause {NEW} t;by=alice the sale is on"
    world.run(5)
    assert world.status.phase is Phase.PAUSED
    world.command = f"{verb} {NEW} t2;by=bob"
    world.step(0.5)
    assert not [arm for arm in world.status.arms if arm.paused]
    [told] = world.said(Reason.APPROVED)
    assert "that ends the pause, too (paused by alice: the sale is on)" in told
