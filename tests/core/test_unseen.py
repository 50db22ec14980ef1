"""What has failed since a status was stored: by this an operator that begins knows whom to look at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from modelrollout.api.route import EVERYBODY
from modelrollout.core.decide import decide
from modelrollout.core.judge.unseen import failed_unseen
from modelrollout.core.observation import Sample, Unavailable
from modelrollout.core.plan import Reason
from tests.core import phases
from tests.core.phases import NEW
from tests.core.world import World

OLD = "1.0.1"


def spoilt(world: World) -> None:
    metrics = tuple(item.model_copy(update={"counters": {"versions": "none"}}) for item in world.arm.metrics)
    world.change_arm(metrics=metrics).requests(1000, {NEW: 0.5})


def away(world: World) -> None:
    world.requests(1000, {NEW: 0.5}).away = "connection refused"


HAPPENED: dict[str, tuple[Callable[[World], object], int]] = {
    "nothing": (lambda world: None, 0),
    "answers of the new version failed": (lambda world: world.requests(1000, {NEW: 0.5}), 50),
    "only the old one's did": (lambda world: world.requests(1000, {OLD: 0.5}), 0),
    "Prometheus is away": (away, 0),
    "the counters in the status cannot be read": (spoilt, 0),
}


@pytest.mark.parametrize("case", HAPPENED)
def test_what_nobody_has_looked_at_yet(case: str) -> None:
    happens, number = HAPPENED[case]
    world = phases.at_a_clock()
    assert world.weight == 10
    happens(world)
    world.now += 15
    samples = {(name, EVERYBODY): world.sample(name) for name in ("errors", "latency")}
    assert isinstance(samples["errors", EVERYBODY], Unavailable) is (case == "Prometheus is away")
    assert failed_unseen(world.status, samples, world.scrape_interval) == number


def test_a_rollout_at_rest_has_nothing_unseen() -> None:
    world = phases.canary(phases.TEN)
    assert failed_unseen(world.status, {("errors", EVERYBODY): world.sample("errors")}, 5.0) == 0


def test_scrapes_that_an_operator_slept_through_count_as_if_it_had_looked_at_each() -> None:
    """As one large sample they would say less, and a fault would be found two scrapes later."""
    kept, slept = phases.at_a_clock(), phases.at_a_clock()
    seen = []
    for _ in range(3):
        kept.requests(500, {NEW: 0.3, OLD: 0.01}).step(5)
        slept.requests(500, {NEW: 0.3, OLD: 0.01})
        slept.now += 5
        seen.append(slept.sample("errors"))
    newest = seen[-1]
    assert isinstance(newest, Sample)
    earlier = tuple(each for each in seen[:-1] if isinstance(each, Sample))
    looked = replace(slept.observe(), samples={("errors", EVERYBODY): replace(newest, earlier=earlier)})
    after = decide(slept.rollout, looked).status
    assert [item.reason for item in kept.status.quarantined] == [Reason.EVIDENCE_AGAINST]
    assert [item.reason for item in after.quarantined] == [Reason.EVIDENCE_AGAINST]


def test_what_was_answered_before_a_test_has_a_base_is_no_evidence() -> None:
    world = phases.at_a_clock()
    before = world.sample("errors")
    world.requests(500, {NEW: 0.5}).now += 5
    newest = world.sample("errors")
    assert isinstance(before, Sample)
    assert isinstance(newest, Sample)
    fresh = tuple(item.model_copy(update={"counters": {}, "state": {}}) for item in world.arm.metrics)
    world.change_arm(metrics=fresh)
    sample = replace(newest, earlier=(replace(before, at=before.at - 1),))
    after = decide(world.rollout, replace(world.observe(), samples={("errors", EVERYBODY): sample})).status
    assert [item.candidate.requests for item in after.arms[0].metrics] == [0]
