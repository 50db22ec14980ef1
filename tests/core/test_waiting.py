"""What a release waits for, for how long, and who is told: only being undecided counts as undecided, and what a pass
wrote is looked at at once."""

from __future__ import annotations

import pytest

from modelrollout.api.route import EVERYBODY
from modelrollout.api.status import Phase
from modelrollout.core.observation import LiveRoute, Sample, Unavailable
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World

OLD, NEW = "1.0.1", "1.1.2"
UNTIMED = CANARY.replace("{setWeight: 10, for: 30s}, {setWeight: 50, for: 30s}", "{setWeight: 10}").replace(
    "noTrafficAfter: 20s", "noTrafficAfter: 20s, maxHold: 5m, onTimeout: Rollback"
)


def held() -> World:
    """The step is held until the candidate is proven not worse, which so few requests never prove."""
    world = World.of(UNTIMED).installed().apply(version=NEW).run(60, rate=20)
    assert world.trial.hold_since is not None
    return world


def undecided(world: World) -> float:
    """Seconds that count for maxHold."""
    since = world.trial.hold_since
    return world.trial.held_for + (world.now - since if since is not None else 0.0)


def test_a_question_that_fails_now_and_then_does_not_put_the_end_off() -> None:
    world = held()
    for _ in range(12):
        world.away = "connection refused"
        world.requests(100)
        world.step(5)
        world.away = None
        world.run(30, rate=20)
        if world.status.trial is None:
            break
    assert [item.reason for item in world.status.quarantined] == [Reason.UNDECIDED_TIMEOUT]


@pytest.mark.parametrize("what", ["a refused route", "a person's pause", "no requests", "Prometheus away"])
def test_what_is_no_doubt_never_ends_a_release(what: str) -> None:
    world = held()
    before = undecided(world)
    for _ in range(120):
        match what:
            case "a refused route":
                assert world.route is not None
                world.live_route_override = LiveRoute(world.route, world.route.versions, refused="no such gateway")
            case "a person's pause":
                world.command = f"pause {NEW} t1"
            case "Prometheus away":
                world.away = "connection refused"
        if what != "no requests":
            world.requests(100)
        world.step(5)
    assert [arm.version for arm in world.status.arms] == [NEW]
    assert undecided(world) < before + 60


def test_silence_for_max_hold_is_stalled_and_told_once() -> None:
    world = World.of(CANARY.replace("20s}", "20s, maxHold: 2m}")).installed().apply(version=NEW).run(15)
    for _ in range(60):
        world.step(5)
    stalled = next(item for item in world.status.conditions if item.type == "Stalled")
    assert (stalled.status, stalled.reason) == ("True", Reason.NO_TRAFFIC)
    assert len(world.said(Reason.NO_TRAFFIC)) == 1
    assert world.live == {OLD: 90, NEW: 10}
    world.run(30)
    stalled = next(item for item in world.status.conditions if item.type == "Stalled")
    assert stalled.status == "False"
    world.run(90)
    assert world.status.phase is Phase.HEALTHY


def test_retry_within_keep_failed_for_begins_at_once() -> None:
    world = World.of(CANARY).installed().apply(version=NEW).run(15).run(40, bad={NEW: 0.5})
    assert [item.version for item in world.status.quarantined] == [NEW]
    world.run(30)
    assert NEW in world.workloads, "kept for its logs"
    world.command = f"retry {NEW} t1"
    waited = 0.0
    while not world.status.arms and waited < 60:
        plan = world.step()
        waited += plan.requeue_after
        world.now += plan.requeue_after
    assert waited < 3.0
    assert [arm.version for arm in world.status.arms] == [NEW]


def test_the_route_is_said_to_be_applied_as_soon_as_it_is() -> None:
    world = World.of(CANARY)
    while world.status.stable is None:
        world.step(1.0)
    plan = world.plans[-1]
    assert plan.requeue_after <= 1.0
    world.step(plan.requeue_after)
    applied = next(item for item in world.status.conditions if item.type == "TrafficApplied")
    assert applied.status == "True"


def test_at_rest_nobody_looks_more_often_than_needed() -> None:
    world = World.of(CANARY).installed()
    world.step(1.0)
    assert world.step(1.0).requeue_after == 1800.0


def test_the_first_requests_of_all_are_counted_from_the_second_sample_on() -> None:
    """Before them no reporter is known: its first sample sets the base, and the pass after it must know that."""
    world = World.of(CANARY)
    for _ in range(4):
        world.step(2.0)
    seen = world.sample

    def sample(metric: str, split: str = EVERYBODY) -> Sample | Unavailable:
        found = seen(metric, split)
        silent = isinstance(found, Sample) and not found.series
        return Sample(metric, world.now, {}, {}) if silent else found

    world.sample = sample  # type: ignore[method-assign]
    world.apply(version=NEW)
    for _ in range(12):
        world.step(5)
    assert world.live == {OLD: 90, NEW: 10}
    world.run(180)
    assert world.status.phase is Phase.HEALTHY
