"""What of a status is a decision: a table of things that happen in the middle of a release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelrollout.core.plan import DesiredVersion, Event, Plan, Reason
from modelrollout.core.report.decided import same_actions, same_decision
from tests.core.world import CANARY, World

Happens = Callable[[World], object]


def under_way() -> World:
    """A canary with its first share and some evidence."""
    steps = [{"setWeight": 10, "for": "5m"}, {"setWeight": 50, "for": "1h"}]
    spec = yaml.safe_load(CANARY) | {"strategy": {"canary": {"steps": steps}}}
    world = World(spec=spec).installed().apply(version="1.1.2").run(14, tick=2)
    for _ in range(4):
        world.requests(100).step(5)
    assert world.weight == 10
    return world


def paused(world: World) -> World:
    world.command = "pause 1.1.2 1"
    world.step(1)
    return world


def away(world: World) -> World:
    world.away = "it is away"
    return world.run(60, rate=0)


HAPPENS: dict[str, tuple[Happens, bool]] = {
    "nothing": (lambda world: world.step(1), False),
    "good answers": (lambda world: world.requests(100).step(5), False),
    "some that failed": (lambda world: world.requests(100, {"1.1.2": 0.01, "1.0.1": 0.01}).step(5), False),
    "many that failed": (lambda world: world.run(30, bad={"1.1.2": 0.5}), True),
    "the next step": (lambda world: world.run(400), True),
    "a person's word": (paused, True),
    "nobody sees anything": (away, True),
}


@pytest.mark.parametrize("case", HAPPENS)
def test_what_is_decided_and_what_only_grows(case: str) -> None:
    happens, differs = HAPPENS[case]
    world = under_way()
    before = world.status
    happens(world)
    assert same_decision(world.status, before) is not differs


def test_evidence_that_was_not_stored_is_found_in_the_counters() -> None:
    """Half a minute of it, lost by a kill: the next look counts on from what was stored."""
    kept, killed = under_way(), under_way()
    stored = killed.status
    for world in (kept, killed):
        for _ in range(6):
            world.requests(100).step(5)
    killed.status = stored
    for world in (kept, killed):
        world.requests(100).step(5)
    assert [item.candidate for item in killed.analysis] == [item.candidate for item in kept.analysis]
    assert same_decision(killed.status, kept.status)


PLAN = Plan(under_way().status, versions=(DesiredVersion("1.0.1", "u", None, 1),))
CHANGES: dict[str, tuple[dict[str, Any], bool]] = {
    "nothing": ({}, True),
    "the status alone": ({"status": World(spec={}).status}, True),
    "when to look again": ({"requeue_after": 7.0, "wake_after": 7.0}, True),
    "a version": ({"versions": ()}, False),
    "an Event": ({"events": (Event(Reason.PAUSED, "why"),)}, False),
    "something to remove": ({"remove": ("1.0.1",)}, False),
    "a command that is answered": ({"answered": "pause 1.1.2 1"}, False),
    "the trial is over": ({"at_rest": True}, False),
}


@pytest.mark.parametrize("case", CHANGES)
def test_whether_two_plans_want_the_same_of_the_cluster(case: str) -> None:
    change, same = CHANGES[case]
    assert same_actions(replace(PLAN, **change), PLAN) is same
