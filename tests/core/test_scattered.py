"""The filter of the mesh by which users stay is taken away under way: proxies choose by chance and nothing tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from tests.core.phases import FIFTY, NEW, canary
from tests.core.world import World
from tests.strategies.test_ab_test import contest_of, play, serving, under_test
from tests.strategies.test_bandit import bandit

GONE = "users do not stay with their version: no EnvoyFilter in istio-system makes the proxies choose by x-customer"
STEP: dict[str, Any] = {"setWeight": 10, "for": "30s"}


def stepping() -> World:
    """At 10 %, which the next step would end."""
    return canary(STEP, FIFTY).apply(version=NEW).run(20)


def baking() -> World:
    """95 % in the bake."""
    world = canary({"setWeight": 10, "for": "20s"}, bake="1m").apply(version=NEW).run(55)
    assert world.status.phase is Phase.BAKING
    return world


PHASES: dict[str, Callable[[], World]] = {"a step": stepping, "the bake": baking}


def condition(world: World) -> tuple[str, str]:
    """Status and reason of TrafficApplied."""
    found = next(item for item in world.status.conditions if item.type == "TrafficApplied")
    return found.status, found.reason


@pytest.mark.parametrize("begin", PHASES.values(), ids=PHASES)
def test_it_is_said_nothing_rises_and_it_goes_on_when_the_filter_is_back(begin: Callable[[], World]) -> None:
    world = begin()
    before, world.scattered = world.live, GONE
    world.run(300)
    assert world.live == before
    assert world.status.trial is not None, "nothing is promoted"
    assert GONE in world.status.message
    assert condition(world) == ("False", Reason.MESH_FILTER_MISSING)
    assert world.said(Reason.MESH_FILTER_MISSING) == [GONE], "once"
    world.scattered = None
    world.step(0.5)
    assert all(item.requests_at_weight == 0 for item in world.arm.metrics), "it must be seen again"
    assert world.said(Reason.MESH_FILTER_BACK) == ["the mesh has its filter again: users stay with their version"]
    world.run(600)
    assert world.status.phase is Phase.HEALTHY
    assert condition(world) == ("True", Reason.ROUTE_APPLIED)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


def test_a_version_that_fails_goes_back_all_the_same() -> None:
    world = stepping()
    world.scattered = GONE
    world.run(60, bad={NEW: 0.3})
    assert world.live == {"1.0.1": 100}
    assert [item.version for item in world.status.quarantined] == [NEW]


def test_rewards_of_that_time_are_not_counted_and_nobody_wins_by_them() -> None:
    world = play(under_test(), 60, {"1.0.1": 0.05, "1.1.2": 0.05})
    before = [item.requests for item in contest_of(world).versions]
    world.scattered = GONE
    play(world, 1800, {"1.0.1": 0.05, "1.1.2": 0.2})
    assert world.live == {"1.0.1": 50, "1.1.2": 50}
    assert f"nothing is decided: {GONE}" in world.status.message
    assert [item.requests for item in contest_of(world).versions] == before
    world.scattered = None
    play(world, 20, {"1.0.1": 0.05, "1.1.2": 0.05})
    assert sum(item.requests for item in contest_of(world).versions) <= sum(before) + 4 * 5000


def test_the_end_of_a_test_waits_for_the_filter() -> None:
    """At maxDuration, too: what came of it is not known."""
    world = play(under_test(maxDuration="5m"), 60, {"1.0.1": 0.05, "1.1.2": 0.05})
    world.scattered = GONE
    play(world, 600, {"1.0.1": 0.05, "1.1.2": 0.05})
    assert world.status.trial is not None
    world.scattered = None
    play(world, 60, {"1.0.1": 0.05, "1.1.2": 0.05})
    assert world.status.trial is None


def test_shares_that_follow_rewards_stay_as_they_are() -> None:
    world = serving().configure(strategy=bandit()).apply(version="1.1.2", uri="pvc://models/fraud/2")
    for _ in range(8):
        world.step(1)
    world.scattered = GONE
    before = world.live
    play(world, 300, {"1.0.1": 0.02, "1.1.2": 0.2})
    assert world.live == before
    assert f"the shares stay as they are: {GONE}" in world.status.message


def test_at_rest_it_is_said_and_nothing_is_wrong() -> None:
    """One version answers everybody: nobody is dealt."""
    world = canary(STEP, FIFTY)
    world.scattered = GONE
    world.run(20)
    assert world.status.phase is Phase.HEALTHY
    assert condition(world) == ("False", Reason.MESH_FILTER_MISSING)
