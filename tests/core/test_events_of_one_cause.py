"""What happens again is one Event, counted up, in its newest words; what is something else is another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelrollout.core.plan import Reason
from modelrollout.manifests.events import event_object
from tests.core.copies import Answers
from tests.core.phases import FIFTY, NEW, TEN, canary, released, say
from tests.core.shadows import released as shadowed
from tests.core.test_split_broken import shared
from tests.core.world import World
from tests.strategies.test_ab_test import play, under_test

AWAY = "connection refused"


def names(world: World, reason: Reason) -> tuple[int, int]:
    """How often it was said, and how many objects that makes."""
    told = [event for event in world.events if event.reason is reason]
    return len(told), len({event_object(world.rollout, event, world.now)["metadata"]["name"] for event in told})


def away_and_back() -> World:
    """Prometheus, four times in a step."""
    world = released({"setWeight": 10, "for": "60m"}, seconds=40)
    for _ in range(4):
        world.away = AWAY
        world.run(30)
        world.away = None
        world.run(30)
    return world


def nobody_asks_now_and_then() -> World:
    """For longer than maxHold, twice."""
    analysis = {"metrics": [{"name": "errors"}], "noTrafficAfter": "20s", "maxHold": "30s"}
    world = canary({"setWeight": 10, "for": "60m"}).configure(analysis=analysis).apply(version=NEW).run(40)
    for _ in range(2):
        world.run(120, rate=0).run(60)
    return world


def splitting_and_mended() -> World:
    """Other parts of the requests, twice."""
    world = canary({"setWeight": 10, "for": "60m"}).apply(version=NEW).run(25)
    for part in (0.3, 0.4):
        shared(world, part, 8)
        world.run(120)
    return world


def refused_again() -> World:
    """At other moments of a clock, of another end each time."""
    world = released({"setWeight": 10, "for": "60m"}, seconds=40)
    for pause in ("60m", "61m", "62m"):
        world.configure(strategy={"canary": {"steps": [{"setWeight": 10, "for": pause}]}}).run(10)
        say(world, "promote")
    return world


def rewards_that_cannot_be() -> World:
    """Other impossible counts each time."""
    world = under_test()
    for successes in (60, 61, 62):
        play(world, 20, {})
        world.refused = {"clicks": f"{successes} successes of 50 trials; both must count the same requests"}
        play(world, 30, {})
        world.refused = {}
    return play(world, 20, {})


def copies_that_are_dropped() -> World:
    """Another number of them each time."""
    world = shadowed().run(30)
    for dropped in (0.6, 0.7):
        world.copies.answers[NEW], world.copies.counted = Answers(dropped=dropped), {}
        world.run(30)
        world.copies.answers[NEW], world.copies.counted = Answers(), {}
        world.run(5)
    return world


FLAPPING: dict[str, tuple[Callable[[], World], Reason, int]] = {
    "nothing can be seen": (away_and_back, Reason.BLIND, 4),
    "the metrics are back": (away_and_back, Reason.SIGHT_RESTORED, 4),
    "a reward cannot be seen": (rewards_that_cannot_be, Reason.BLIND, 3),
    "a shadow cannot be seen": (copies_that_are_dropped, Reason.BLIND, 2),
    "nobody asks": (nobody_asks_now_and_then, Reason.NO_TRAFFIC, 2),
    "a split that breaks again": (splitting_and_mended, Reason.SPLIT_BROKEN, 2),
    "a word that is refused": (refused_again, Reason.COMMAND_IGNORED, 3),
}


@pytest.mark.parametrize(("given", "reason", "times"), FLAPPING.values(), ids=FLAPPING.keys())
def test_one_cause_is_one_event(given: Callable[[], World], reason: Reason, times: int) -> None:
    assert names(given(), reason) == (times, 1)


def test_a_step_that_is_held_for_other_numbers_is_one_and_another_step_is_another() -> None:
    world = canary(TEN, FIFTY).configure(analysis={"metrics": [{"name": "errors"}], "minRequests": 400})
    for _ in range(2):
        world.apply(version=NEW).run(150, rate=20).apply(version="1.0.1").run(20)
    said, objects = names(world, Reason.STEP_HELD)
    assert said == 2 * objects
    assert {event.message for event in world.events if event.reason is Reason.STEP_HELD}


def test_each_rise_is_an_event_of_its_own() -> None:
    world = released(TEN, FIFTY, seconds=120)
    said, objects = names(world, Reason.WEIGHT_CHANGED)
    assert said == objects > 1
