"""What has failed since a status was stored: by this an operator that begins knows whom to look at first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelrollout.api.route import EVERYBODY
from modelrollout.core.judge.unseen import failed_unseen
from modelrollout.core.observation import Unavailable
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
