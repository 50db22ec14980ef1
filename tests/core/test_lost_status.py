"""A status that is not whole counts as lost, and a lost one is made anew from the cluster.

It never promotes, it never removes the control, and no old command is carried out again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.base import to_json
from modelrollout.api.route import MATCHED
from modelrollout.api.status import Phase, Status
from modelrollout.core.observation import LiveRoute, Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import parse_status
from tests.core.world import BLUE_GREEN, CANARY, World

OLD, NEW = "1.0.1", "1.1.2"
BAKED = CANARY.replace("]}}", "], bake: 10m}}", 1)


def releasing() -> World:
    """The second version has 10 % of the requests."""
    return World.of(CANARY).installed().apply(version=NEW).run(25)


def baking() -> World:
    """The second version has all requests, and the first is warm."""
    world = World.of(BAKED).installed().apply(version=NEW).run(110)
    assert world.status.phase is Phase.BAKING
    return world


SPOILT: dict[str, Any] = {
    "trial is no object": {"trial": 5},
    "no arms": {"trial": {"startedAt": "2027-01-15T08:00:00Z", "strategy": "canary", "arms": []}},
    "a time is no time": {"trial": {"startedAt": {"x": 1}}},
    "control is no version": {"stable": {"version": 5}},
    "control is gone": {"stable": None},
    "shares do not sum up": {"route": {"splits": [{"name": "everybody", "shares": {OLD: 50}}]}},
    "route names a stranger": {"route": {"splits": [{"name": "everybody", "shares": {"9.9.9": 100}}]}},
    "arm and control are one": {"stable": {"version": NEW, "uri": "pvc://m/2"}},
}


def spoilt(world: World, damage: dict[str, Any]) -> Status:
    """The status with parts replaced; ``route`` is the trial's."""
    status = to_json(world.status)
    for name, part in damage.items():
        if name == "route":
            status["trial"]["route"] = part
        elif name == "trial" and isinstance(part, dict):
            status["trial"] |= part
        else:
            status[name] = part
    return parse_status(status)


@pytest.mark.parametrize("damage", SPOILT.values(), ids=SPOILT.keys())
@pytest.mark.parametrize("phase", ["releasing", "baking"])
def test_the_control_stays_and_the_arm_keeps_what_it_has(damage: dict[str, Any], phase: str) -> None:
    world = releasing() if phase == "releasing" else baking()
    before = world.live
    world.status = spoilt(world, damage)
    assert world.status.trial is None
    assert world.status.stable is None
    world.step(0.5)
    assert world.live == before
    assert world.status.stable is not None
    assert world.status.stable.version == OLD
    assert [arm.version for arm in world.status.arms] == [NEW]
    assert world.said(Reason.STATUS_LOST)
    assert set(world.workloads) == {OLD, NEW}


@pytest.mark.parametrize("phase", ["releasing", "baking"])
def test_records_that_can_be_read_are_kept(phase: str) -> None:
    world = releasing() if phase == "releasing" else baking()
    world.status = spoilt(world, {"trial": 5})
    assert [entry.version for entry in world.status.history] == [OLD]
    assert world.status.accepted_spec is not None


@pytest.mark.parametrize("with_note", [True, False], ids=["with the note in the route", "without it"])
def test_lost_in_the_bake_the_old_version_is_still_the_control(with_note: bool) -> None:
    world = baking()
    world.status = Status()
    if not with_note:  # as an operator up to 0.1 left the route: the control with weight 0
        world.recovery = None
    seen = world.live_route
    assert seen is not None
    named = seen.named | {OLD}
    world.live_route_override = LiveRoute(seen.route, named, recovery=seen.recovery)
    world.step(0.5)
    world.live_route_override = None
    assert world.status.stable is not None
    assert world.status.stable.version == OLD
    assert world.live == {OLD: 5, NEW: 95}
    assert world.status.phase is Phase.BAKING or world.status.trial is not None
    world.run(5)
    assert OLD in world.workloads


@pytest.mark.parametrize("text", [CANARY, BAKED, BLUE_GREEN], ids=["canary", "with bake", "blue green"])
def test_a_failing_version_is_still_rolled_back(text: str) -> None:
    world = World.of(text.replace(", smoke: {requests: [{instances: [[1.0]]}], attempts: 2}", "")).installed()
    world.apply(version=NEW).run(25)
    assert world.weight > 0
    world.status = Status()
    world.run(25, bad={NEW: 0.5})
    assert world.live == {OLD: 100}
    world.run(30)  # where it was judged alone, stable shows whose fault it was
    assert world.status.quarantined[0].version == NEW


def test_lost_without_any_route_the_version_that_was_there_first_serves() -> None:
    world = releasing()
    world.status, world.route = Status(), None
    world.step(0.5)
    assert world.live == {OLD: 100}
    assert world.status.stable is not None
    assert world.status.stable.version == OLD


def test_an_old_command_is_not_carried_out_again() -> None:
    world = releasing()
    world.command = f"abort {NEW} t1"
    world.status = Status()
    world.step(0.5)
    assert world.live == {OLD: 90, NEW: 10}
    assert world.status.last_command == f"abort {NEW} t1"
    assert world.status.command_ignored is not None, "it may be a new one, too"
    assert "say it again if it is meant" in world.status.command_ignored


def test_half_of_alpha_is_left_for_a_trial_that_was_lost() -> None:
    world = releasing()
    world.status = Status()
    world.run(5)
    assert world.trial.alpha.total == 0.005
    assert world.analysis[0].needed == 200


def out_of_traffic() -> World:
    """A fault of both in the bake: the requests are back at the control for a while."""
    world = World.of(CANARY.replace("]}}", "], bake: {for: 2m, control: 0}}}", 1)).installed().run(60)
    world.apply(version=NEW).run(120)
    for _ in range(6):
        world.run(5, bad={OLD: 0.1, NEW: 0.1})
        if world.status.arms and world.arm.recall is not None:
            return world
    raise AssertionError(world.status.message)


def loading() -> World:
    """The second version has no share yet."""
    world = World.of(CANARY).installed()
    world.autoload = False
    return world.apply(version=NEW).run(5)


@pytest.mark.parametrize("before", [out_of_traffic, loading], ids=["recalled", "loading"])
def test_an_arm_without_a_share_is_not_given_the_whole_of_alpha_again(before: Callable[[], World]) -> None:
    world = before()
    assert world.live == {OLD: 100}
    world.status = Status()
    world.step(0.5)
    assert world.live == {OLD: 100}
    assert [arm.version for arm in world.status.arms] == [NEW]
    assert world.trial.alpha.total == 0.005
    world.autoload = True
    for workload in list(world.workloads.values()):
        world.workloads[workload.version] = replace(workload, ready=workload.desired)
    world.run(20)
    assert world.live == {OLD: 90, NEW: 10}, "from its first step"


def test_each_loss_halves_what_may_be_spent() -> None:
    world = releasing()
    for _ in range(3):
        world.status = Status()
        world.run(5)
    assert world.trial.alpha.total == 0.01 / 8


def test_matched_requests_are_still_first_when_none_has_a_share_yet() -> None:
    world = loading().configure(traffic={"hosts": ["fraud.example.com"], "match": [{"headers": {"x": {"exact": "1"}}}]})
    world.status = Status()
    world.step(0.5)
    assert world.trial.audience == MATCHED


@pytest.mark.parametrize("refused", [Reason.NOT_CHECKED, Reason.HOST_TAKEN])
def test_lost_while_the_newest_spec_is_refused_it_is_judged_by_what_was_noted(refused: Reason) -> None:
    world = releasing().configure(serving={"drain": "20s"})
    world.refusal = Refusal(refused, "the API server did not answer")
    world.step(1)
    world.status = Status()
    world.run(30, bad={NEW: 1.0})
    assert world.live == {OLD: 100}
    assert [item.version for item in world.status.quarantined] == [NEW]


HOST_PATH = {"spec": {"volumes": [{"name": "node", "hostPath": {"path": "/"}}]}}


@pytest.mark.parametrize("template", [None, {"spec": {"nodeSelector": {"gpu": "yes"}}}], ids=["none", "another one"])
def test_a_note_cannot_bring_what_nobody_was_let_write_into_the_spec(template: dict[str, Any] | None) -> None:
    """A note is in the VirtualService, and whoever may write that may not create pods of any kind."""
    world = releasing().configure(serving={"template": template} if template else {})
    assert world.recovery is not None
    assert world.recovery.spec is not None
    forged = {**json.loads(world.recovery.spec), "serving": {"template": HOST_PATH, "image": "elsewhere/miner:1"}}
    world.recovery = replace(world.recovery, spec=json.dumps(forged))
    world.refusal = Refusal(Reason.HOST_TAKEN, "spec.traffic.hosts: somebody else's")
    world.status = Status()
    plan = world.step(1)
    assert plan.spec is not None
    assert plan.spec.serving.template == template
    assert plan.spec.serving.image == "tensorflow/serving:2.19.1"


@pytest.mark.parametrize("lost", [Status(), None], ids=["all of it", "the accepted spec"])
def test_lost_while_the_newest_spec_is_invalid_abort_is_obeyed(lost: Status | None) -> None:
    world = releasing()
    world.configure(strategy={"canary": {}}).step(1)
    world.status = lost or world.status.model_copy(update={"accepted_spec": {"spoilt": True}})
    world.step(1)
    world.command = f"abort {NEW} t9"
    world.step(1)
    assert world.live == {OLD: 100}


def test_a_spec_that_is_very_long_is_not_noted() -> None:
    """The note must stay small enough to be written with the route."""
    long = [{"instances": [[1.0] * 20_000]}]
    text = BLUE_GREEN.replace("{instances: [[1.0]]}", json.dumps(long[0]))
    world = World.of(text).installed().apply(version=NEW).run(20)
    assert world.recovery is not None
    assert (world.recovery.arms, world.recovery.spec) == ((NEW,), None)


def test_a_pause_outlives_the_status() -> None:
    world = releasing()
    world.command = f"lower {NEW} t1 2 odd"
    world.step(1)
    world.status = Status()
    world.run(600)
    assert world.live == {OLD: 98, NEW: 2}
    assert world.status.message == "lowered to 2 % by a person: odd; modelrollout resume fraud -n prod goes on"


def test_without_a_note_the_oldest_is_the_control_though_the_spec_names_it() -> None:
    world = releasing().apply(version=OLD)
    world.status, world.recovery = Status(), None
    world.step(1)
    assert world.live == {OLD: 100}
    assert world.status.stable is not None
    assert world.status.stable.version == OLD


AT_REST: dict[str, dict[str, Any]] = {
    "control is gone, and something gave way to it": {"stable": None},
    "control leaves": {"stable": {"version": OLD, "uri": "pvc://m/1"}},
    "control is no version": {"stable": {"version": "x", "uri": "pvc://m/1"}},
}


@pytest.mark.parametrize("damage", AT_REST.values(), ids=AT_REST.keys())
def test_at_rest_what_serves_goes_on_serving(damage: dict[str, Any]) -> None:
    world = World.of(f"{CANARY}rollback: {{keepPrevious: 1h}}").installed().apply(version=NEW).run(110)
    assert world.live == {NEW: 100}
    world.status = parse_status(to_json(world.status) | damage)
    world.run(60)
    assert world.live == {NEW: 100}
    assert world.status.phase is Phase.HEALTHY
    assert set(world.workloads) == {OLD, NEW}
    assert not any(NEW in plan.remove for plan in world.plans)


def test_a_first_version_on_its_way_is_no_control() -> None:
    world = World.of(CANARY)
    world.step(1)
    world.step(1)
    world.status = Status()
    world.run(20)
    assert [entry.outcome for entry in world.status.history] == ["Installed"]


def test_status_without_damage_is_read_as_it_is() -> None:
    world = releasing()
    assert parse_status(to_json(world.status)) == world.status


def test_no_pod_is_made_anew_for_it() -> None:
    """What the pods were made with is part of them, a declared digest too."""
    digest = "sha256:" + "a" * 64
    world = World.of(CANARY).apply(digest=digest).installed().apply(version=NEW).run(25)
    before = {item.version: item.digest for item in world.plans[-1].versions}
    world.status = Status()
    plan = world.step(0.5)
    assert {item.version: item.digest for item in plan.versions} == before == {OLD: digest, NEW: digest}


def failed_before() -> World:
    """1.1.2 was rolled back and is kept for its logs; 1.2.3 serves since."""
    text = CANARY.replace("serving: {drain", "rollback: {keepFailedFor: 2h}\nserving: {drain")
    world = World.of(text).installed().apply(version=NEW).run(20).run(20, bad={NEW: 0.5}).run(20)
    assert world.status.quarantined[0].version == NEW
    return world.apply(version="1.2.3").run(150)


@pytest.mark.parametrize("what", ["status", "status and route", "memory alone"])
def test_a_version_that_failed_comes_back_neither_as_control_nor_as_arm(what: str) -> None:
    world = failed_before()
    assert world.status.stable is not None
    assert world.status.stable.version == "1.2.3"
    assert NEW in world.workloads
    if what == "memory alone":
        world.status = parse_status(to_json(world.status) | {"stable": {"version": 5}})
    else:
        world.status = Status()
    if what == "status and route":
        world.route = world.recovery = None
    world.run(30)
    assert world.status.stable is not None
    if what == "status and route":
        assert OLD not in (world.live or {}), "it is gone"
        return  # nothing tells any more which of the two had failed
    assert world.status.stable.version == "1.2.3"
    assert NEW in [item.version for item in world.status.quarantined]
    assert world.live == {"1.2.3": 100}


def test_green_in_preview_is_no_control() -> None:
    world = World.of(BLUE_GREEN).installed().apply(version=NEW).run(8, tick=1)
    assert world.route is not None
    assert world.route.split("preview") is not None
    world.status, world.recovery = Status(), None
    world.run(5)
    assert world.status.stable is not None
    assert world.status.stable.version == OLD
    assert world.live == {OLD: 100}


def test_the_control_is_deployed_again_when_it_is_gone() -> None:
    world = releasing()
    world.status = Status()
    del world.workloads[OLD]
    plan = world.step(0.5)
    assert {item.version: item.uri for item in plan.versions}[OLD] == "pvc://models/fraud/1"
    assert world.status.stable is not None
    assert world.status.stable.version == OLD
    assert world.weight == 10


def test_an_edited_route_is_not_taken_for_the_decided_one() -> None:
    world = releasing()
    world.status, world.live = Status(), {NEW: 100}
    world.step(0.5)
    assert world.live == {OLD: 90, NEW: 10}
