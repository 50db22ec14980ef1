"""After a promotion the version before is kept warm for as long as its owner says, and one word goes back to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.api.status import Phase, Status
from modelrollout.core.decide import decide
from modelrollout.core.observation import LiveRoute, Refusal
from modelrollout.core.plan import Reason
from tests.core.world import BLUE_GREEN, CANARY, World

OLD, NEW, THIRD = "1.0.1", "1.1.2", "1.2.3"
KEPT = "rollback: {keepPrevious: 1h}"
STRATEGIES = [CANARY, BLUE_GREEN.replace("smoke: {requests: [{instances: [[1.0]]}], attempts: 2}", "")]


def promoted(text: str = CANARY, keep: str = KEPT) -> World:
    world = World.of(text + keep).installed()
    return released(world, NEW)


def released(world: World, version: str) -> World:
    world.apply(version=version)
    for _ in range(400):
        world.requests(500)
        world.step(1.0)
        if world.status.stable is not None and world.status.stable.version == version:
            return world.run(30)
    raise AssertionError(world.status.message)


def undo(world: World, version: str = NEW) -> World:
    world.command = f"undo {version} t{world.now} clicks fell"
    world.step(0.5)
    return world


@pytest.mark.parametrize("text", STRATEGIES, ids=["canary", "blue/green"])
@pytest.mark.parametrize("later", [0, 3000])
def test_all_requests_go_back_in_one_plan(text: str, later: int) -> None:
    world = promoted(text).run(later, tick=60)
    undo(world)
    assert world.live == {OLD: 100}
    assert world.status.stable is not None
    assert (world.status.stable.version, world.status.stable.ready) == (OLD, "1/1")
    assert [(item.version, item.reason) for item in world.status.taken_back] == [(NEW, Reason.UNDONE)]
    assert world.status.quarantined == ()
    assert world.said(Reason.UNDONE)


def test_what_was_undone_does_not_start_again_by_itself() -> None:
    world = undo(promoted()).run(1200, tick=10)
    assert world.live == {OLD: 100}
    assert world.status.phase is Phase.DEGRADED
    assert "1.1.2 was taken back: undone by a person: clicks fell; 1.0.1 serves" in world.status.message
    assert "modelrollout retry fraud -n prod" in world.status.message
    assert set(world.workloads) == {OLD}, "what was undone is gone when its logs have been kept"


@pytest.mark.parametrize("way", ["a command", "the spec"])
def test_the_pods_of_what_was_undone_are_kept_for_their_logs(way: str) -> None:
    """As docs/incidents.md has it: for keepFailedFor, ten minutes by default, and no longer."""
    world = promoted()
    world = undo(world) if way == "a command" else world.apply(version=OLD)
    world.run(540, tick=10)
    assert set(world.workloads) == {OLD, NEW}
    assert world.live == {OLD: 100}
    world.run(120, tick=10)
    assert set(world.workloads) == {OLD}


def test_retry_releases_it_again_by_its_steps() -> None:
    world = undo(promoted()).run(30)
    world.command = f"retry {NEW} again"
    world.run(30)
    assert world.live == {OLD: 90, NEW: 10}


def test_a_spec_that_goes_back_too_is_in_order() -> None:
    world = undo(promoted()).run(30).apply(version=OLD).run(5)
    assert world.status.phase is Phase.HEALTHY
    assert world.status.taken_back == ()


def test_the_version_before_is_kept_for_so_long_and_no_longer() -> None:
    world = promoted()
    assert set(world.workloads) == {OLD, NEW}
    world.run(3600, tick=60)
    assert set(world.workloads) == {NEW}


def test_only_the_last_one_is_kept() -> None:
    world = released(promoted(), THIRD).run(30)
    assert set(world.workloads) == {NEW, THIRD}
    undo(world, THIRD)
    assert world.live == {NEW: 100}


def test_a_status_that_is_lost_finds_what_serves_and_not_what_is_kept() -> None:
    world = promoted()
    world.status = Status()
    world.run(30)
    assert world.live == {NEW: 100}
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


def test_a_status_that_is_lost_does_not_undo_the_undo() -> None:
    world = undo(promoted()).run(5)
    world.status = Status()
    world.run(1200, tick=10)
    assert world.live == {OLD: 100}
    assert [item.version for item in world.status.taken_back] == [NEW]


@pytest.mark.parametrize("text", STRATEGIES, ids=["canary", "blue/green"])
@pytest.mark.parametrize("later", [0, 3000])
def test_a_spec_that_goes_back_to_the_version_before_undoes_the_promotion(text: str, later: int) -> None:
    world = promoted(text).run(later, tick=60).apply(version=OLD)
    world.step(0.5)
    assert world.live == {OLD: 100}, "at once, not by its steps"
    assert set(world.workloads) == {OLD, NEW}, "no pod goes before it has drained"
    assert world.said(Reason.UNDONE) == ["1.1.2 was undone: the spec names 1.0.1 again; 1.0.1 serves all requests"]
    world.run(1200, tick=10)
    assert world.status.phase is Phase.HEALTHY
    assert (world.live, set(world.workloads), world.status.taken_back) == ({OLD: 100}, {OLD}, ())


def test_what_the_spec_undid_is_released_by_its_steps_when_the_spec_names_it_again() -> None:
    world = promoted().apply(version=OLD).run(30).apply(version=NEW).run(40)
    assert world.live == {OLD: 90, NEW: 10}


def test_a_release_that_is_under_way_leaves_first_and_what_is_kept_stays_for_it() -> None:
    world = promoted().apply(version=THIRD).run(20)
    assert world.live == {NEW: 90, THIRD: 10}
    world.apply(version=OLD).run(30, tick=0.5)
    assert world.live == {OLD: 100}
    assert not any(OLD in plan.remove for plan in world.plans)
    assert [entry.outcome for entry in world.status.history[-2:]] == ["Superseded", "Undone"]


def test_what_is_kept_and_has_no_ready_pod_is_released_like_any_other() -> None:
    world = promoted()
    world.workloads[OLD] = replace(world.workloads[OLD], ready=0)
    world.apply(version=OLD).run(60)
    assert world.live == {NEW: 100}, "nobody would answer"
    assert world.status.message.endswith("it has all requests again when its pods are ready, 0 of 1 now")
    world.run(80)
    assert world.live == {NEW: 90, OLD: 10}, "after loadTimeout it is made anew"


def test_one_that_was_kept_with_fewer_pods_than_are_wanted_now_is_released_like_any_other() -> None:
    world = promoted().configure(serving={"replicas": 4, "drain": "10s"}).run(10).apply(version=OLD)
    world.step(0.5)
    assert world.live == {NEW: 100}
    world.run(20)
    assert world.live == {NEW: 90, OLD: 10}


def two_pods(ready: int) -> World:
    """The version before is kept with two pods, so many of them ready, and the spec names it again."""
    world = promoted()
    world.workloads[OLD] = replace(world.workloads[OLD], ready=ready, desired=2)
    return world.apply(version=OLD).run(20)


def test_all_requests_do_not_go_to_half_of_the_pods_by_themselves() -> None:
    world = two_pods(1)
    assert world.live == {NEW: 100}
    assert OLD in world.workloads
    assert "are ready, 1 of 2 now; modelrollout undo fraud -n prod goes back all the same" in world.status.message
    assert undo(world).live == {OLD: 100}, "a person may say so"


def test_it_goes_back_when_all_are_ready() -> None:
    world = two_pods(1)
    world.workloads[OLD] = replace(world.workloads[OLD], ready=2)
    world.step(1)
    assert world.live == {OLD: 100}


def test_it_is_not_waited_for_without_end() -> None:
    world = two_pods(1).run(120)
    assert world.live is not None
    assert world.live[NEW] < 100, "made anew after loadTimeout, and released by its steps"


@pytest.mark.parametrize("owner", [None, "somebody"])
def test_while_the_route_is_refused_it_does_not_serve(owner: str | None) -> None:
    world = promoted().apply(version=OLD)
    assert world.route is not None
    live = LiveRoute(
        world.route,
        world.route.versions,
        recovery=world.recovery,
        foreign_owner=owner,
        refused=None if owner else "a webhook says no",
    )
    world.live_route_override = live
    world.run(60)
    assert world.status.phase is Phase.DEGRADED
    assert "1.0.1 shall serve all requests, and they go another way: the VirtualService" in world.status.message
    world.live_route_override = None
    world.run(60)
    assert (world.live, world.status.phase) == ({OLD: 100}, Phase.HEALTHY)


def test_a_spec_that_is_refused_goes_back_to_nothing() -> None:
    world = promoted()
    world.refusal = Refusal(Reason.HOST_TAKEN, "spec.traffic.hosts: another rollout has it")
    world.apply(version=OLD).run(20)
    assert world.live == {NEW: 100}


def test_a_rollout_that_is_being_deleted_goes_back_to_nothing() -> None:
    world = promoted().apply(version=OLD)
    plan = decide(replace(world.rollout, deleting=True), world.observe())
    assert plan.route is not None
    assert plan.route.everybody.shares == {NEW: 100}


def test_a_status_that_is_lost_keeps_the_version_before() -> None:
    world = promoted()
    world.status = Status()
    world.run(600, tick=10)
    assert set(world.workloads) == {OLD, NEW}
    assert undo(world).live == {OLD: 100}


def test_a_status_that_is_lost_when_the_spec_goes_back_loses_nothing() -> None:
    world = promoted().apply(version=OLD)
    world.status = Status()
    world.run(5, tick=0.5)
    assert world.live == {OLD: 100}
    assert not any(plan.remove for plan in world.plans[-10:])


def test_the_note_beside_the_route_changes_when_the_version_before_goes() -> None:
    world = promoted()
    assert world.recovery is not None
    assert world.recovery.previous == OLD
    world.run(3660, tick=60)
    assert world.recovery is not None
    assert world.recovery.previous is None
    short = promoted(keep="")
    assert short.recovery is not None
    assert short.recovery.previous is None, "one that only drains costs no write"


def no_pod_ready() -> World:
    world = promoted()
    world.workloads.pop(OLD)
    return world


WHY_NOT = {
    "it was not kept": (lambda: promoted(keep=""), NEW, "rollback.keepPrevious"),
    "a release is under way": (lambda: promoted().apply(version=THIRD).run(20), NEW, "abort takes it back"),
    "another version serves": (promoted, THIRD, "1.1.2 serves"),
    "its pods are gone": (no_pod_ready, NEW, "no pod of 1.0.1 is ready"),
    "twice": (lambda: undo(promoted()), NEW, "1.0.1 serves"),
}


@pytest.mark.parametrize("case", WHY_NOT.values(), ids=WHY_NOT.keys())
def test_why_there_is_no_way_back(case: tuple[object, str, str]) -> None:
    begin, version, why = case
    assert callable(begin)
    world = begin()
    before = world.live
    undo(world, version)
    assert world.live == before
    assert world.status.command_ignored is not None
    assert why in world.status.command_ignored


def test_the_first_version_has_none_before_it() -> None:
    """It is not said that one is gone; and neither when all has gone back to the first."""
    first = World.of(CANARY).installed()
    first.command = "undo 1.0.1 t1"
    first.step(1)
    said = "undo of 1.0.1 does nothing: 1.0.1 is the first version here, and none served before it"
    assert first.status.command_ignored == said
    back = undo(undo(promoted()).run(30), OLD)
    assert back.status.command_ignored == said, "what was undone is not before it"


def test_the_first_version_that_was_released_again_has_one() -> None:
    world = promoted(keep="validation: {allowDowngrade: true}")
    released(world, OLD)
    undo(world, OLD)
    assert "the version before 1.0.1, 1.1.2, is gone; name it in the spec" in (world.status.command_ignored or "")


def test_the_history_tells_for_how_long_it_had_served() -> None:
    world = promoted()
    came = world.status.history[-1].ended_at
    undo(world.run(60))
    ended = world.status.history[-1]
    assert (ended.outcome, ended.started_at) == ("Undone", came)
    assert ended.ended_at >= came + 60
