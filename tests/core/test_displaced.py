"""Pods that are taken away say nothing of the model: in every phase the requests go back at once, nobody is blamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelrollout.core.plan import Reason
from tests.core import phases
from tests.core.world import World

OLD, NEW = "1.0.1", "1.1.2"

PHASES: dict[str, Callable[[], World]] = {
    "at a step": phases.at_a_clock,
    "while a person is asked": phases.awaiting,
    "while a person holds it": phases.paused,
    "while nothing can be seen": phases.blind,
    "in the bake": phases.baking,
    "in a bake with all requests": lambda: phases.fully_in_the_bake(control=0),
}


def drained(world: World) -> World:
    """The node of its only pod is drained."""
    world.workloads[NEW] = replace(world.workloads[NEW], ready=0, displaced=True)
    world.step(0.5)
    return world


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES.keys())
def test_the_requests_go_back_and_the_version_is_not_to_blame(phase: Callable[[], World]) -> None:
    world = phase()
    assert world.weight > 0
    drained(world)
    assert world.live == {OLD: 100}
    assert world.status.quarantined == ()
    assert [(item.version, item.reason) for item in world.status.taken_back] == [(NEW, Reason.CANDIDATE_LOST)]
    world.away = None
    assert world.run(60).live == {OLD: 100}, "nothing starts again by itself"


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES.keys())
def test_who_says_retry_begins_again(phase: Callable[[], World]) -> None:
    world = drained(phase())
    world.away = None
    world.run(60)
    world.command = f"retry {NEW} again"
    world.run(30)
    assert [arm.version for arm in world.status.arms] == [NEW]


def test_nobody_moves_where_stable_has_no_pod_either() -> None:
    world = phases.at_a_clock()
    before = world.live
    world.workloads[OLD] = replace(world.workloads[OLD], ready=0, displaced=True)
    drained(world)
    assert world.live == before
