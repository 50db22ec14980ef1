"""The least evidence grows with the bursts in which stable's bad answers come: few requests tell nothing there."""

from __future__ import annotations

import pytest

from modelrollout.core.evidence import Count
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World

OLD, NEW = "1.0.1", "1.1.2"
SHORT = CANARY.replace("[{setWeight: 10, for: 30s}, {setWeight: 50, for: 30s}]", "[{setWeight: 30, for: 5s}]")
BURSTS = (Count(0, 300), Count(60, 300)) * 5
SINGLE = (Count(1, 300), Count(2, 300)) * 60


def releasing(history: tuple[Count, ...]) -> World:
    world = World.of(SHORT).installed()
    world.scrape_interval = 2.0
    world.history = {"errors": history}
    world.apply(version=NEW)
    for _ in range(10):
        if world.weight < 30:
            world.step(2.0)
    assert world.weight == 30
    return world


def test_a_failing_version_is_not_promoted_before_its_faults_can_count() -> None:
    """Half of 156 answers were bad and stable had none: evidence of 2.4, and it was promoted by the clock."""
    world = releasing(BURSTS)
    for _ in range(60):
        world.requests(130, {NEW: 0.47})
        world.step(2.0)
        if world.status.quarantined:
            break
    assert world.live == {OLD: 100}
    assert world.status.quarantined[0].reason == Reason.EVIDENCE_AGAINST


@pytest.mark.parametrize("share_bad", [0.2, 0.47, 1.0])
@pytest.mark.parametrize("burst", [20, 60, 100, 150, 230])
def test_a_failing_version_is_not_promoted_whatever_the_noise(burst: int, share_bad: float) -> None:
    """With a noise of 282 one that failed wholly was promoted by the clock: the tests were deaf to it."""
    world = releasing((Count(0, 20), Count(burst, 250), *[Count(0, 250)] * 8))
    for _ in range(120):
        world.requests(130, {NEW: share_bad})
        world.step(2.0)
    assert world.status.stable is not None
    assert world.status.stable.version == OLD
    assert world.weight <= 30


@pytest.mark.parametrize(("history", "says"), [(BURSTS, "come in bursts"), (SINGLE, "needs minRequests 50 and")])
def test_what_is_needed_is_said(history: tuple[Count, ...], says: str) -> None:
    world = releasing(history)
    for _ in range(4):
        world.requests(20)
        world.step(2.0)
    assert says in world.status.message


def test_one_cold_start_does_not_hold_a_good_version_for_long() -> None:
    """19 slow answers when stable began, and none since: noise of 226, and 3400 requests were needed instead of 300."""
    world = releasing((Count(0, 20), Count(230, 250), *[Count(0, 250)] * 8))
    assert world.analysis[0].overdispersion > 200
    for _ in range(20):
        world.requests(130)
        world.step(2.0)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


def test_a_good_version_is_promoted_all_the_same() -> None:
    world = releasing(BURSTS)
    for _ in range(120):
        world.requests(130)
        world.step(2.0)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW
