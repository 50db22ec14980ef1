"""How many pods each version is asked to have, in every phase and by every way to say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.plan import Plan, Reason
from tests.core.world import BLUE_GREEN, CANARY, World

OLD, NEW = "1.0.1", "1.1.2"
SCALED: dict[str, Any] = {"autoscaling": {"min": 2, "max": 20}, "drain": "10s"}
SWITCH = BLUE_GREEN.replace("smoke: {requests: [{instances: [[1.0]]}], attempts: 2}", "")


def releasing(text: str = CANARY, pods: int | None = None, **serving: Any) -> World:
    """A second version is about to begin. ``pods``: what others have scaled stable to."""
    world = World.of(text)
    world.configure(serving={"drain": "10s", "loadTimeout": "2m"} | serving).installed()
    if pods is not None:
        scale(world, OLD, pods)
    return world.apply(version=NEW)


def scale(world: World, version: str, pods: int) -> None:
    """By somebody else."""
    world.workloads[version] = replace(world.workloads[version], desired=pods, ready=pods)


def sizes(plan: Plan) -> dict[str, int]:
    """Pods of each version."""
    return {item.version: item.replicas for item in plan.versions}


def largest_with(world: World, seconds: int = 120) -> dict[float, int]:
    """The fewest pods that the new version had at each of its weights."""
    found: dict[float, int] = {}
    for _ in range(seconds):
        world.run(1.0, tick=1.0)
        if world.status.trial is None:
            break
        weight, pods = world.weight, world.workloads[NEW].ready
        found[weight] = min(pods, found.get(weight, pods))
    return found


@pytest.mark.parametrize(
    ("serving", "pods", "expected"),
    [
        ({"replicas": 4}, None, [4, 4]),
        ({"replicas": 4, "armReplicas": "ByShare"}, None, [4, 1]),
        ({"autoscaling": {"min": 2, "max": 20}}, 10, [10, 10]),
        ({"autoscaling": {"min": 2, "max": 20}, "armReplicas": "ByShare"}, 10, [10, 2]),
        ({"autoscaling": {"min": 2, "max": 8}}, 10, [8, 8]),
        ({}, 6, [6, 6]),
        ({"armReplicas": "ByShare"}, 6, [6, 1]),
    ],
    ids=str,
)
def test_a_version_begins_with(serving: dict[str, Any], pods: int | None, expected: Sequence[int]) -> None:
    plan = releasing(pods=pods, **serving).step(1.0)
    assert [sizes(plan)[OLD], sizes(plan)[NEW]] == expected


@pytest.mark.parametrize(
    ("serving", "expected"),
    [
        ({"replicas": 10}, {10: 10, 50: 10}),
        ({"replicas": 10, "armReplicas": "ByShare"}, {10: 1, 50: 5}),
        ({"replicas": 3, "armReplicas": "ByShare"}, {10: 1, 50: 2}),
    ],
    ids=str,
)
def test_a_share_has_its_pods_before_it_rises(serving: dict[str, Any], expected: dict[float, int]) -> None:
    world = releasing(**serving)
    found = largest_with(world)
    assert {weight: found[weight] for weight in expected} == expected
    assert sizes(world.plans[-1])[NEW] == serving["replicas"], "all of them serve in the end"


def test_all_requests_come_to_all_the_pods() -> None:
    world = releasing(SWITCH, replicas=10, armReplicas="ByShare")
    found = largest_with(world, 30)
    assert found[0] == 1
    assert found[100] == 10


def test_a_share_waits_for_an_autoscaler_and_says_so() -> None:
    world = releasing(pods=10, **SCALED)
    world.autoload = False
    world.step(1.0)
    scale(world, NEW, 2)
    for _ in range(6):
        world.run(5.0)
        scale(world, NEW, 2)
    assert world.weight == 0
    assert "1.1.2 needs 10 pods for 10 % of the requests, its autoscaler has 2" in world.status.message
    scale(world, NEW, 10)
    world.run(5.0)
    assert world.weight == 10


def test_stable_is_not_made_smaller_before_the_end() -> None:
    world = releasing(pods=10, **SCALED)
    while world.status.trial is not None or world.status.stable.version == OLD:  # type: ignore[union-attr]
        plan = world.run(5.0).plans[-1]
        if world.status.trial is not None:
            assert sizes(plan)[OLD] == 10
    assert world.status.stable is not None
    assert world.status.stable.version == NEW
    assert sizes(world.run(30).plans[-1]) == {NEW: 2}, "now its autoscaler may go down to its least"


def test_what_others_scale_is_theirs() -> None:
    world = releasing(pods=6)
    world.run(15)
    assert world.weight == 10
    scale(world, NEW, 2)
    scale(world, OLD, 3)
    world.run(10)
    assert [world.workloads[OLD].desired, world.workloads[NEW].desired] == [3, 2]
    assert not world.said(Reason.SCALE_UNDONE)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_number_that_is_written_holds_and_its_return_is_told(version: str) -> None:
    world = releasing(replicas=4).run(15)
    scale(world, version, 7)
    world.run(5.0)
    [message] = world.said(Reason.SCALE_UNDONE)
    assert message == (
        f"{version} was scaled to 7 pods, and the spec decides how many it has: 4 before; "
        "change spec.serving.replicas, or leave it out so that others may scale"
    )


def test_an_edit_of_the_number_is_nobodys_scale() -> None:
    world = releasing(replicas=4).run(15)
    world.configure(serving={"replicas": 6, "drain": "10s"}).run(10)
    assert {item.desired for item in world.workloads.values()} == {6}
    assert not world.said(Reason.SCALE_UNDONE)
    world.configure(serving={"drain": "10s"}).run(10)
    assert {item.desired for item in world.workloads.values()} == {6}, "left to others, it stays as it is"
    assert not world.said(Reason.SCALE_UNDONE)


def test_a_failed_version_leaves_stable_as_large_as_it_was() -> None:
    world = releasing(pods=10, **SCALED).run(15)
    assert world.weight == 10
    plan = world.run(10, bad={NEW: 1.0}).plans[-1]
    assert world.status.phase is Phase.ROLLING_BACK
    assert sizes(plan) == {OLD: 2}
    assert world.workloads[OLD].desired == 10, "an autoscaler goes down by what it measures, and in its own time"
