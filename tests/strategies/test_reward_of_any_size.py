"""Versions that compete by a reward of any size: what each request brings in, from 0 to a largest amount."""

from __future__ import annotations

from typing import Any

import numpy as np
import yaml

from modelrollout.core.evidence import PARTS, Count
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World
from tests.strategies.test_ab_test import ab_test, contest_of
from tests.strategies.test_bandit import bandit

LARGEST = 20.0
REVENUE = {
    "name": "revenue",
    "role": "Reward",
    "sum": 'paid_euros_total{version="{{ version }}"}',
    "count": 'orders_total{version="{{ version }}"}',
    "max": LARGEST,
}


def competing(strategy: dict[str, Any], **reward: Any) -> World:
    """1.0.1 serves; 1.1.2 competes with it by the revenue."""
    analysis = {"metrics": [{"name": "errors"}, REVENUE | reward]}
    world = World(spec=yaml.safe_load(CANARY) | {"analysis": analysis, "strategy": strategy}).installed()
    world.apply(version="1.1.2", uri="pvc://models/fraud/2")
    for _ in range(8):
        world.step(1)
    assert world.status.trial is not None
    return world


def play(world: World, seconds: float, means: dict[str, float], *, rate: int = 200, seed: int = 1) -> World:
    """Requests at the live shares, each of which brings in anything from nothing to twice the mean, as it is read."""
    rng, end = np.random.default_rng(seed), world.now + seconds
    while world.now < end and world.status.trial is not None:
        world.requests(rate * 5)
        counts = world.counts.setdefault("revenue", {})
        for version, share in (world.live or {}).items():
            requests = int(rate * 5 * share / 100)
            earned = rng.uniform(0.0, 2.0, requests) * (means[version] / LARGEST)
            counts[version] = counts.get(version, Count(0, 0)) + Count(int(earned.sum() * PARTS), requests * PARTS)
        world.step(5)
    return world


def test_the_one_that_earns_more_wins_and_is_told_of_in_its_own_unit() -> None:
    world = play(competing(ab_test()), 120, {"1.0.1": 4.0, "1.1.2": 4.2})
    contest = contest_of(world)
    assert contest.largest == LARGEST
    control, arm = contest.versions
    assert arm.requests == control.requests > 0
    assert arm.rate is not None
    assert abs(arm.rate - 4.2) < 0.05
    assert arm.low < 4.2 < arm.high
    assert abs(arm.rewards - arm.rate * arm.requests) < 0.5
    play(world, 3000, {"1.0.1": 4.0, "1.1.2": 4.6})
    assert world.status.trial is None
    assert world.live == {"1.1.2": 100}
    assert "1.1.2 serves all requests; the test is over: revenue: 4." in world.status.message
    assert " for each of " in world.status.message


def test_the_one_that_costs_less_wins() -> None:
    """By own counters after the first hour: until then a part of what it costs might not have come at all."""
    world = play(competing(ab_test(maxDuration="3h"), direction="LowerIsBetter"), 9000, {"1.0.1": 4.0, "1.1.2": 3.0})
    assert world.live == {"1.1.2": 100}


def test_versions_that_earn_the_same_do_not_differ() -> None:
    world = play(competing(ab_test(indifference=0.25)), 3500, {"1.0.1": 8.0, "1.1.2": 8.0})
    assert world.status.trial is None
    assert "the versions do not differ, so 1.0.1 stays" in world.said(Reason.NOT_CHOSEN)[0]


def test_the_shares_of_a_bandit_follow_it() -> None:
    world = play(competing(bandit(onWinner="Pause")), 600, {"1.0.1": 4.0, "1.1.2": 6.0})
    assert (world.live or {})["1.1.2"] > 80


def test_another_largest_amount_is_another_test() -> None:
    world = play(competing(ab_test()), 60, {"1.0.1": 4.0, "1.1.2": 4.0})
    world.configure(analysis={"metrics": [{"name": "errors"}, REVENUE | {"max": 50.0}]})
    world.step(5)
    contest = contest_of(world)
    assert contest.largest == 50.0
    assert not any(item.requests for item in contest.versions)


def test_a_sum_that_falls_alone_counts_for_nothing_and_what_follows_does() -> None:
    """Two counters of one process that were read a moment apart, or one of them that was set back by hand."""
    world = play(competing(ab_test()), 60, {"1.0.1": 4.0, "1.1.2": 4.0})
    before = contest_of(world).versions[1].requests
    counts = world.counts["revenue"]
    counts["1.1.2"] = Count(counts["1.1.2"].bad // 2, counts["1.1.2"].trials)
    world.step(5)
    assert contest_of(world).versions[1].requests == before
    play(world, 20, {"1.0.1": 4.0, "1.1.2": 4.0})
    assert contest_of(world).trouble is None
    assert 0 < contest_of(world).versions[1].requests - before <= 4 * 500
