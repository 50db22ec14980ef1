"""Requests that do not go where the shares say: nothing rises by a comparison of what was not given to compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modelrollout.api.status import Phase
from modelrollout.core.evidence import Count
from modelrollout.core.plan import Reason
from tests.core.phases import FIFTY, NEW, canary, say
from tests.core.world import BLUE_GREEN, CANARY, World

OLD = "1.0.1"
LONG: dict[str, Any] = {"setWeight": 10, "for": "2m"}


def shared(world: World, part: float, ticks: int, rate: int = 100) -> World:
    """So many samples in which the candidate really gets that part of the requests."""
    for _ in range(ticks):
        counts = world.counts.setdefault("errors", {})
        mine = round(rate * 5 * part)
        for version, asked in ((NEW, mine), (OLD, rate * 5 - mine)):
            counts[version] = counts.get(version, Count(0, 0)) + Count(0, asked)
        world.step(5)
    return world


def stepping() -> World:
    """At 10 % for two minutes."""
    return canary(LONG, FIFTY).apply(version=NEW).run(25)


def baking() -> World:
    """95 % in the bake of a canary."""
    world = canary({"setWeight": 10, "for": "20s"}, bake="2m").apply(version=NEW).run(60)
    assert world.status.phase is Phase.BAKING
    return world


def baking_beside_blue() -> World:
    """A blue/green whose control keeps 20 % in the bake."""
    settings = {"blueGreen": {"bake": {"for": "2m", "control": 20}}}
    world = World.of(BLUE_GREEN).configure(strategy=settings).installed().apply(version=NEW).run(40)
    assert world.status.phase is Phase.BAKING
    return world


PHASES: dict[str, tuple[Callable[[], World], float, str]] = {
    "a step, more": (stepping, 0.3, "30 %) where the route says 10 %"),
    "a step, less": (stepping, 0.02, "2 %) where the route says 10 %"),
    "the bake": (baking, 0.6, "%) where the route says 95 %"),
    "blue/green beside its control": (baking_beside_blue, 0.5, "%) where the route says 80 %"),
}


@pytest.mark.parametrize(("given", "part", "numbers"), PHASES.values(), ids=PHASES.keys())
def test_it_holds_and_says_so_with_both_numbers_and_the_way_out(
    given: Callable[[], World], part: float, numbers: str
) -> None:
    world = given()
    before = world.live
    shared(world, part, 60)
    assert world.live == before
    assert world.status.stable is not None
    assert world.status.stable.version == OLD
    [said] = world.said(Reason.SPLIT_BROKEN)
    assert numbers in said
    assert "look for another route to it" in said
    assert numbers.partition(")")[2] in world.status.message
    [analysis] = [item for item in world.status.conditions if item.type == "AnalysisHealthy"]
    assert (analysis.status, analysis.reason) == ("False", Reason.SPLIT_BROKEN)


@pytest.mark.parametrize(("given", "part"), [(stepping, 0.3), (baking, 0.6)], ids=["a step", "the bake"])
def test_it_goes_on_by_itself_when_the_split_is_mended(given: Callable[[], World], part: float) -> None:
    world = shared(given(), part, 12)
    assert len(world.said(Reason.SPLIT_BROKEN)) == 1
    world.run(360)
    assert world.status.phase is Phase.HEALTHY
    assert len(world.said(Reason.SPLIT_MENDED)) == 1


def test_skip_goes_on_all_the_same_and_says_what_it_skipped() -> None:
    world = shared(stepping(), 0.3, 30)
    say(world, "promote")
    assert world.weight == 10
    say(world, "skip")
    assert world.weight == 50
    assert "(30 %) where the route says 10 %" in world.said(Reason.APPROVED)[-1]


NOT_ASKED: dict[str, dict[str, Any]] = {
    "shares are of users": {"traffic": {"hosts": ["fraud.example.com"], "affinity": {"cookie": {"name": "version"}}}},
    "the mesh tries again": {"traffic": {"hosts": ["fraud.example.com"], "retries": {"attempts": 2}}},
    "callers that hang up do not count": {"analysis": {"metrics": [{"name": "errors"}], "clientCancels": "Ignore"}},
}


@pytest.mark.parametrize("parts", NOT_ASKED.values(), ids=NOT_ASKED.keys())
def test_where_requests_are_not_counted_one_by_one_nothing_is_said(parts: dict[str, Any]) -> None:
    world = canary(LONG, FIFTY).configure(**parts).apply(version=NEW).run(25)
    assert world.weight == 10, world.status.message
    shared(world, 0.3, 20)
    assert world.said(Reason.SPLIT_BROKEN) == []


def test_requests_that_still_go_by_the_weight_of_before_are_no_news() -> None:
    """Proxies learn of a change one after the other, and a scrape may be of before."""
    world = canary({"setWeight": 10, "for": "30s"}, {"setWeight": 50, "for": "3m"}).apply(version=NEW)
    while world.weight < 50:
        world.run(5)
    shared(world, 0.1, 3)
    shared(world, 0.5, 20)
    assert world.said(Reason.SPLIT_BROKEN) == []


@pytest.mark.parametrize("rate", [5, 20, 100, 1000])
@pytest.mark.parametrize("weight", [1, 10, 50])
def test_chance_is_no_broken_split(rate: int, weight: int) -> None:
    """Each request drawn for itself, for an hour."""
    random = np.random.default_rng([rate, weight])
    world = canary({"setWeight": weight, "for": "24h"}).apply(version=NEW).run(25)
    counts = world.counts["errors"]
    for _ in range(720):
        asked = int(random.poisson(rate * 5))
        mine = int(random.binomial(asked, weight / 100))
        counts[NEW], counts[OLD] = counts[NEW] + Count(0, mine), counts[OLD] + Count(0, asked - mine)
        world.step(5)
    assert world.said(Reason.SPLIT_BROKEN) == []


@pytest.mark.parametrize("weight", [10, 50])
def test_scrapes_that_are_apart_are_no_broken_split(weight: int) -> None:
    """One version's counter is read up to half a scrape sooner or later than the other's, anew each time."""
    random = np.random.default_rng(weight)
    world = canary({"setWeight": weight, "for": "24h"}).apply(version=NEW).run(25)
    counts, start, shift = world.counts["errors"], 0.0, 0.0
    for _ in range(720):
        before, shift = shift, float(random.uniform(-2.5, 2.5))
        mine = round(100 * weight / 100 * (5 + shift - before))
        counts[NEW], counts[OLD] = counts[NEW] + Count(0, mine), counts[OLD] + Count(0, 5 * (100 - weight))
        world.step(5)
        start += 5
    assert world.said(Reason.SPLIT_BROKEN) == []


def test_a_status_that_cannot_be_read_is_asked_anew() -> None:
    world = shared(stepping(), 0.3, 6)
    spoilt = tuple(item.model_copy(update={"state": (1.0, 2.0)}) for item in world.arm.shared)
    world.change_arm(shared=spoilt)
    shared(world, 0.3, 1)
    assert world.arm.shared[0].broken is None
    shared(world, 0.3, 8)
    assert world.arm.shared[0].broken is not None


def test_a_release_without_counts_of_requests_is_as_it_was() -> None:
    """Of a metric of the owner's nobody knows what its trials are."""
    clicks = {"name": "clicks", "successes": "c{v='{{ version }}'}", "trials": "t{v='{{ version }}'}"}
    world = World.of(CANARY).installed().configure(analysis={"metrics": [clicks]}).apply(version=NEW)
    for _ in range(60):
        world.requests(500, metric="clicks").step(5)
    assert world.said(Reason.SPLIT_BROKEN) == []
