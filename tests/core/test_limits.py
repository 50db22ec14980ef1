"""An absolute limit stands beside the comparison: what exceeds it goes back in every phase, where going back helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.evidence import Count
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import SpecError
from tests.core import phases, test_scraped_apart
from tests.core.world import World

OLD, NEW = "1.0.1", "1.1.2"
WITHIN = {OLD: 0.005, NEW: 0.018}
"""Odds of 3.6, where 4 are tolerated."""
BOTH = {OLD: 0.03, NEW: 0.03}
ANALYSIS: dict[str, Any] = {"metrics": [{"name": "errors", "limit": 0.01}], "margin": 4.0, "notWorseThan": 5.0}


def limited(world: World, **metric: Any) -> World:
    """The same, with a limit of 1 %."""
    return world.configure(analysis={**ANALYSIS, "metrics": [{"name": "errors", "limit": 0.01, **metric}]})


def with_all_requests() -> World:
    """In a bake without a control share; stable's half hour before it is known."""
    world = phases.canary(phases.TEN, bake={"for": "10m", "control": 0})
    world.history = {"errors": (Count(2, 1000),) * 360}
    limited(world).apply(version=NEW)
    for _ in range(60):
        if world.live != {NEW: 100}:
            world.run(5, rate=1000)
    assert world.live == {NEW: 100}
    return world


PHASES: dict[str, Callable[[], World]] = {
    "at a step": phases.at_a_clock,
    "while a person is asked": phases.awaiting,
    "while a person holds it": phases.paused,
    "in the bake": phases.baking,
}


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES.keys())
def test_who_exceeds_it_goes_back(phase: Callable[[], World]) -> None:
    world = limited(phase()).run(120, rate=1000, bad=WITHIN)
    assert world.live == {OLD: 100}
    [back] = world.status.quarantined
    assert back.reason == Reason.EVIDENCE_AGAINST
    assert "answers failed (1." in back.message
    assert "%), the limit is 1 %, " in back.message
    assert f"by {OLD} (0." in back.message


def test_without_it_the_same_is_tolerated() -> None:
    world = phases.at_a_clock().configure(analysis={**ANALYSIS, "metrics": [{"name": "errors"}]})
    assert world.run(900, rate=1000, bad=WITHIN).status.quarantined == ()


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES.keys())
def test_nobody_goes_back_to_what_exceeds_it_as_well(phase: Callable[[], World]) -> None:
    """It is held, and says why; and it goes on when both are within the limit again."""
    world = limited(phase())
    before = world.weight
    world.run(300, rate=1000, bad=BOTH)
    assert world.status.quarantined == ()
    assert world.weight == before
    assert world.status.stable is not None
    assert world.status.stable.version == OLD


def test_it_says_why_it_is_held_and_goes_on_when_all_is_well() -> None:
    world = limited(phases.at_a_clock()).run(120, rate=1000, bad=BOTH)
    assert "the limit is 1 %, " in world.status.message
    assert "it is not sure that going back would help" in world.status.message
    world.run(1500, rate=1000)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


@pytest.mark.parametrize("seconds", [5, 15, 30, 60])
def test_an_outage_of_both_takes_nobody_back(seconds: int) -> None:
    world = limited(phases.at_a_clock()).run(20, rate=1000)
    world.run(seconds, rate=1000, bad={OLD: 0.5, NEW: 0.5}).run(600, rate=1000)
    assert world.said(Reason.EVIDENCE_AGAINST) == []
    assert world.status.quarantined == ()


def test_with_all_requests_it_hands_them_back_and_stable_shows_whose_fault_it_is() -> None:
    world = with_all_requests()
    world.run(120, rate=1000, bad={NEW: 0.03})
    assert world.live == {OLD: 100}
    assert [item.version for item in world.status.quarantined] == [NEW]


def test_with_all_requests_in_an_outage_of_both_nobody_is_to_blame() -> None:
    world = with_all_requests()
    world.run(120, rate=1000, bad={OLD: 0.03, NEW: 0.03}).run(900, rate=1000)
    assert world.status.quarantined == ()
    assert world.status.phase is Phase.HEALTHY
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


def test_of_what_should_be_more_it_is_the_least() -> None:
    clicks = {"name": "clicks", "successes": "c{v='{{ version }}'}", "trials": "t{v='{{ version }}'}", "limit": 0.9}
    world = phases.at_a_clock().configure(analysis={**ANALYSIS, "metrics": [clicks]})
    for _ in range(40):
        world.requests(5000, {OLD: 0.07, NEW: 0.14}, metric="clicks").step(5)
    [back] = world.status.quarantined
    assert "clicks (86 %), the limit is 90 %, " in back.message


@pytest.mark.parametrize(("limit", "refused"), [(0, True), (1, True), (-0.1, True), (0.05, False)])
def test_it_is_a_share(limit: float, refused: bool) -> None:
    world = limited(phases.at_a_clock(), limit=limit)
    assert isinstance(world.rollout.spec, SpecError) is refused


@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES.keys())
@pytest.mark.parametrize(
    ("stable", "candidate"), [(0.015, 0.03), (0.012, 0.02), (0.013, 0.02)], ids=["1.5 and 3 %", "1.2 and 2 %", "1.3 %"]
)
def test_nobody_goes_back_while_stable_exceeds_it_a_little(
    phase: Callable[[], World], stable: float, candidate: float
) -> None:
    world = limited(phase()).run(900, rate=1000, bad={OLD: stable, NEW: candidate})
    assert world.status.quarantined == ()


@pytest.mark.parametrize("to", [1, 3])
@pytest.mark.parametrize(("errors", "seconds"), [(0.5, 60), (0.2, 20), (0.1, 60), (0.05, 300)])
def test_an_outage_of_both_is_not_held_against_it_when_the_shares_change(errors: float, seconds: int, to: int) -> None:
    """Pooled over both, stable's many good answers after it made its outage look like none."""
    world = limited(phases.baking()).run(20)
    world.run(seconds, bad={OLD: errors, NEW: errors})
    world.command = f"lower {NEW} t {to} looks odd"
    world.run(1800, bad={OLD: 0.002, NEW: 0.002})
    assert world.status.quarantined == ()


@pytest.mark.parametrize("to", [30, 80, 95])
def test_a_record_is_no_excuse_once_stable_answers_again(to: int) -> None:
    world = with_all_requests().run(20, rate=1000)
    world.command = f"lower {NEW} t {to}"
    world.run(60, rate=1000).run(120, rate=1000, bad={OLD: 0.03, NEW: 0.03})
    assert world.status.quarantined == ()


def test_after_an_outage_of_both_a_version_that_exceeds_it_is_still_found() -> None:
    world = limited(phases.at_a_clock()).run(20, rate=1000)
    world.run(60, rate=1000, bad={OLD: 0.5, NEW: 0.5}).run(600, rate=1000, bad=WITHIN)
    assert [item.version for item in world.status.quarantined] == [NEW]


def test_after_a_short_outage_of_both_it_goes_on_in_minutes() -> None:
    """It was held for hours, and with onTimeout: Rollback it went to quarantine."""
    world = limited(phases.at_a_clock(), limit=0.001).run(20)
    world.run(10, bad={OLD: 1.0, NEW: 1.0}).run(900)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


def test_a_limit_that_stable_exceeds_excuses_nobody_who_is_worse_than_stable() -> None:
    world = phases.canary(phases.TEN, bake={"for": "10m", "control": 0})
    world.history = {"errors": (Count(5, 1000),) * 360}
    world.configure(analysis={"metrics": [{"name": "errors", "limit": 0.002}]}).apply(version=NEW)
    for _ in range(80):
        if world.live != {NEW: 100}:
            world.run(5, rate=1000)
    world.run(400, rate=1000, bad={OLD: 0.005, NEW: 0.02})
    assert [item.version for item in world.status.quarantined] == [NEW]


@pytest.mark.parametrize(("candidate", "taken"), [(0.05, True), (0.004, False)], ids=["exceeds it", "keeps it"])
def test_it_holds_where_each_version_counts_by_itself(candidate: float, taken: bool) -> None:
    """No scrape has both: what one version answered waits for the other's."""
    world = limited(test_scraped_apart.releasing())
    test_scraped_apart.scraped_apart(world, 150, share_bad=candidate)
    assert [item.version for item in world.status.quarantined] == ([NEW] if taken else [])
