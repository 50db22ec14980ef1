"""Requests under way for too long are slow before they end, and counted once."""

from __future__ import annotations

import pytest

from modelrollout.core.evidence import Count
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World

STABLE, CANDIDATE = "1.0.1", "1.1.2"
LATENCY = [{"name": "latency", "over": "100ms"}]


def releasing() -> World:
    """At 10 %, judged by latency alone; both versions have answered quickly."""
    world = World.of(CANARY.replace("{setWeight: 10, for: 30s}", "{setWeight: 10, for: 10m}")).installed()
    world.configure(analysis={"metrics": LATENCY}).apply(version=CANDIDATE)
    for _ in range(4):
        world.requests(500, metric="latency").step(5)
    assert world.weight == 10
    return world


def answered(world: World, stable: int = 450, candidate: Count | None = None) -> None:
    """What the histogram shows more of in the next sample."""
    counts = dict(world.counts["latency"])
    counts[STABLE] += Count(0, stable)
    counts[CANDIDATE] += candidate or Count(0, 0)
    world.counts["latency"] = counts


def slow(world: World) -> tuple[int, int]:
    counted = world.analysis[0].candidate
    return counted.bad, counted.requests


def test_a_server_that_hangs_is_found_while_its_callers_still_wait() -> None:
    world = releasing()
    for waiting in (40, 90):
        answered(world)
        world.overdue = {CANDIDATE: waiting}
        world.step(5)
    assert world.live == {STABLE: 100}
    quarantined = world.status.quarantined[-1]
    assert quarantined.reason == Reason.EVIDENCE_AGAINST
    assert "90 of 90 answers were slower than 100ms (100 %), 0 of 900 by 1.0.1" in quarantined.message


Sample = tuple[int, Count, int, int]
"""Overdue, new in the histogram, and then: slow, of how many."""

COUNTED: dict[str, list[Sample]] = {
    "it ends slowly: no news": [(1, Count(0, 0), 1, 1), (0, Count(1, 1), 1, 1), (0, Count(0, 9), 1, 10)],
    "it ends without an answer: it was slow": [(1, Count(0, 0), 1, 1), (0, Count(0, 0), 1, 1)],
    "it goes on: once": [(1, Count(0, 5), 1, 6), (1, Count(0, 5), 1, 11), (1, Count(0, 5), 1, 16)],
    "another one": [(1, Count(0, 0), 1, 1), (1, Count(1, 1), 2, 2), (0, Count(1, 1), 2, 2)],
    "another one after one that nobody answered may be the same": [
        (1, Count(0, 0), 1, 1),
        (0, Count(0, 3), 1, 4),
        (1, Count(0, 3), 1, 7),
        (2, Count(0, 3), 2, 11),
    ],
    "slow ones that were never seen under way": [(0, Count(2, 7), 2, 7), (1, Count(1, 1), 4, 9)],
    "none": [(0, Count(0, 7), 0, 7)],
}


@pytest.mark.parametrize("samples", COUNTED.values(), ids=COUNTED)
def test_each_counts_once(samples: list[Sample]) -> None:
    world = releasing()
    bad, requests = slow(world)
    for overdue, new, slow_then, of_then in samples:
        answered(world, candidate=new)
        world.overdue = {CANDIDATE: overdue}
        world.step(5)
        assert slow(world) == (bad + slow_then, requests + of_then)


def test_what_is_overdue_when_the_trial_begins_is_no_evidence_in_it() -> None:
    world = World.of(CANARY).installed()
    world.configure(analysis={"metrics": LATENCY})
    world.overdue = {STABLE: 50}
    world.apply(version=CANDIDATE)
    for _ in range(4):
        world.requests(500, metric="latency").step(5)
    assert world.weight == 10
    assert world.analysis[0].stable.bad == 0
