"""``validation.infrastructure.maxLoadTime``: who takes longer has failed at once; not known is held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.status import Phase, Status
from modelrollout.core.plan import Reason
from tests.core.test_validation import NEW, condition, required, told
from tests.core.world import CANARY, World

LIMITED: dict[str, Any] = {"infrastructure": {"maxLoadTime": "30s"}, "signature": "Ignore"}


def loading(**validation: Any) -> World:
    """The second version is deployed, and nothing of it is ready."""
    world = required(CANARY, **validation)
    world.autoload = False
    world.apply(version=NEW).run(2, tick=1.0)
    return world


def came_up(world: World, took: float | None) -> World:
    """Its server is there, after so many seconds."""
    world.workloads[NEW] = replace(world.workloads[NEW], ready=1, loading_since=None, load_seconds=took)
    return world.run(15)


@pytest.mark.parametrize("took", [0.0, 12.0, 30.0])
def test_in_time(took: float) -> None:
    world = came_up(loading(**LIMITED), took)
    assert world.weight == 10
    assert told(world.status) == ("True", "Validated", f"{NEW}: loadTime: it took {took:.0f} s to load")


def test_too_late() -> None:
    world = came_up(loading(**LIMITED), 31.0)
    failed = world.status.quarantined[0]
    words = "it took 31 s to load, maxLoadTime is 30s; no request reached it"
    assert (failed.version, failed.reason, failed.message) == (NEW, Reason.VALIDATION_FAILED, words)
    assert all(NEW not in plan.route.versions for plan in world.plans if plan.route is not None)


def test_nobody_waits_for_the_end_of_it() -> None:
    world = loading(**LIMITED)
    world.workloads[NEW] = replace(world.workloads[NEW], loading_since=world.now)
    world.run(30, tick=1.0)
    assert world.status.arms
    world.run(2, tick=1.0)
    failed = world.status.quarantined[0]
    words = "it has not loaded 31 s after its server was started, maxLoadTime is 30s; no request reached it"
    assert (failed.version, failed.reason, failed.message) == (NEW, Reason.VALIDATION_FAILED, words)


def test_fetching_is_no_part_of_it() -> None:
    world = loading(**LIMITED).run(90)
    assert world.status.phase is Phase.PENDING
    assert world.status.quarantined == ()


def test_a_pause_waits() -> None:
    world = loading(**LIMITED)
    world.workloads[NEW] = replace(world.workloads[NEW], loading_since=world.now)
    world.command = f"pause {NEW} t1"
    world.run(100)
    assert world.status.arms


def test_what_the_control_fares_no_better_with_is_no_fault_of_the_version() -> None:
    world = loading(**LIMITED)
    world.workloads[NEW] = replace(world.workloads[NEW], loading_since=world.now)
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], ready=0, failure="the node has no disk left")
    world.run(60)
    assert world.status.quarantined == ()


def test_what_is_not_known_holds() -> None:
    world = came_up(loading(**LIMITED), None)
    assert world.status.phase is Phase.VALIDATING
    assert "it is not known how long its server took to load" in told(world.status)[2]


def test_what_it_took_is_kept_from_when_it_came_up() -> None:
    """A pod that is not ready for a moment is ready anew; that was no load."""
    world = loading(**LIMITED, samples={"requests": [{"instances": [1]}]})
    world.probed = None
    came_up(world, 12.0)
    assert world.arm.load_seconds == 12.0
    world.workloads[NEW] = replace(world.workloads[NEW], load_seconds=400.0)
    world.run(10)
    assert world.arm.load_seconds == 12.0
    assert world.status.quarantined == ()


def test_a_status_that_was_lost_asks_the_pods() -> None:
    world = loading(**LIMITED)
    world.probed = None
    came_up(world, 12.0)
    world.status = Status()
    world.run(5)
    assert [arm.version for arm in world.status.arms] == [NEW]
    world.probed = required().probed
    world.run(10)
    assert told(world.status)[2] == f"{NEW}: loadTime: it took 12 s to load"


def test_the_first_version_is_held_to_it() -> None:
    world = World.of(CANARY).configure(validation=LIMITED)
    world.autoload = False
    world.step(1)
    world.step(1)
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], ready=1, load_seconds=31.0)
    world.run(10)
    assert world.status.stable is None
    assert [item.version for item in world.status.quarantined] == ["1.0.1"]


def test_nobody_looks_without_a_limit() -> None:
    world = came_up(loading(signature="Ignore"), 500.0)
    assert world.weight == 10
    assert condition(world.status) is None
