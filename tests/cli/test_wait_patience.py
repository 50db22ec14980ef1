"""What wait gives time to, and how it counts the time that a version has left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pytest

from modelrollout.api.base import clock_time
from modelrollout.cli.countdown import countdowns
from modelrollout.cli.feed import Broken, Snapshot
from modelrollout.cli.outcome import METRIC_SECONDS, Exit, Outcome, Wanted, outcome
from modelrollout.cli.wait import Wait, progress_words
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from tests.cli.worlds import CANDIDATE, applied, installed, loading, refused_by_the_cluster
from tests.core.world import World

WANTED = Wanted(CANDIDATE)
UNKNOWN = Refusal(Reason.UNKNOWN_METRIC, "spec.analysis.metrics[1].successes: Prometheus knows no metric clicks")


@dataclass
class Silence:
    """A feed in which nothing comes, by a clock of its own."""

    now: float = 0.0

    def next(self, seconds: float) -> Broken | Snapshot | None:
        self.now += seconds
        return None


def refused_for_a_metric() -> World:
    world = applied(installed())
    world.refusal = UNKNOWN
    world.step(1.0)
    return world


WAITS: dict[str, tuple[Callable[[], World], float]] = {
    "a metric that may be scraped yet": (refused_for_a_metric, METRIC_SECONDS),
    "a host that somebody else has": (refused_by_the_cluster, 0.0),
}


@pytest.mark.parametrize(("world", "seconds"), WAITS.values(), ids=WAITS)
def test_how_long_a_refusal_has_to_stand(
    monkeypatch: pytest.MonkeyPatch, world: Callable[[], World], seconds: float
) -> None:
    rollout, feed = world().rollout, Silence()
    monkeypatch.setattr(time, "monotonic", lambda: feed.now)
    over = partial(outcome, wanted=WANTED)
    waiting = Wait(partial(progress_words, wanted=WANTED), over, Outcome(Exit.TAKEN_BACK, "deleted"), None)
    end = waiting.look(rollout) or waiting.follow(feed)  # type: ignore[arg-type]  # all that is asked of it
    assert (end.code, feed.now) == (Exit.INVALID, seconds)


def test_a_metric_that_comes_meanwhile_is_no_end() -> None:
    world = refused_for_a_metric()
    world.refusal = None
    world.step(1.0)
    assert outcome(world.rollout, WANTED) is None


def test_what_is_left_is_said_and_counted_down() -> None:
    world = loading()
    words = 'image "x:9" cannot be pulled: not found'
    world.workloads[CANDIDATE] = replace(world.workloads[CANDIDATE], waiting=words)
    world.step(1.0)
    assert world.arm.fails_at is not None
    assert countdowns(world.status, world.arm.fails_at - 270) == f"; {CANDIDATE} fails in 4m30s unless that comes"
    named = f"{CANDIDATE} fails at {clock_time(world.arm.fails_at)} (loadTimeout) unless that is corrected"
    told = world.status.model_copy(update={"message": named})
    assert countdowns(told, world.arm.fails_at - 270) == f"; {CANDIDATE} has 4m30s left", "the rest is said already"
    assert countdowns(installed().status, world.now) == ""
