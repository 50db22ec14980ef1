"""What a person's word ends, what it stands above and what is said of it, in every phase in which it can be given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.status import Phase
from modelrollout.core.plan import Reason
from tests.core.phases import APPROVAL, FIFTY, NEW, TEN, awaiting, released, say
from tests.core.world import BLUE_GREEN, CANARY, World

AWAY = "connection refused"
LONG: dict[str, Any] = {"setWeight": 10, "for": "10m"}
PROOF: dict[str, Any] = {"setWeight": 10}


def blind(world: World) -> World:
    """Nothing can be seen, and it fails wholly."""
    world.away = AWAY
    return world.run(30, bad={NEW: 1.0})


def failing(world: World) -> World:
    """One tick with bad answers alone."""
    return world.run(5, bad={NEW: 1.0})


def suspected(world: World) -> World:
    """Beyond its limit, and stable as well, so that nothing is in the newest answers."""
    world.configure(analysis=dict(world.spec["analysis"]) | {"metrics": [{"name": "errors", "limit": 0.01}]})
    return world.run(60, bad={"1.0.1": 0.03, NEW: 0.03})


def stepping() -> World:
    """A step by the clock."""
    return released(LONG, FIFTY, seconds=40)


def proving() -> World:
    """A step without a clock."""
    return released(PROOF, FIFTY, seconds=40)


def waiting_long() -> World:
    """A pause with an end."""
    return released(TEN, {"pause": {"for": "10m"}}, FIFTY)


def baking(**bake: Any) -> World:
    """The bake of a canary."""
    return released(TEN, seconds=80, bake={"for": "10m", **bake})


def baking_green(time: str = "10m") -> World:
    """All requests, by blue/green."""
    world = World.of(BLUE_GREEN).configure(strategy={"blueGreen": {"bake": time}}).installed()
    return world.apply(version=NEW).run(60)


def over(world: World) -> World:
    """The clock of the bake runs out while a tick speaks against it."""
    while (end := world.trial.next_step_at) is not None and end - world.now > 5:
        world.run(5)
    return failing(world).run(0).run(2, rate=0, tick=1)


CLOCKS: dict[str, Callable[[], World]] = {
    "a step": stepping,
    "a step, unseen": lambda: blind(stepping()),
    "a step that is the last": lambda: blind(released(LONG, seconds=40, bake="0s")),
    "a step, on bad news": lambda: failing(stepping()),
    "a pause": waiting_long,
    "a pause, unseen": lambda: blind(waiting_long()),
    "the bake": baking,
    "the bake, unseen": lambda: blind(baking()),
    "the bake, on bad news": lambda: failing(baking()),
    "the bake without control, unseen": lambda: blind(baking(control=0)),
    "the bake that is over, on bad news": lambda: over(released(TEN, seconds=60, bake="1m")),
    "blue/green": baking_green,
    "blue/green, unseen": lambda: blind(baking_green()),
}


@pytest.mark.parametrize("given", CLOCKS.values(), ids=CLOCKS.keys())
def test_promote_ends_no_clock_and_no_bake_seen_or_unseen(given: Callable[[], World]) -> None:
    world = given()
    before = world.live
    say(world, "promote")
    assert "modelrollout skip fraud -n prod ends it" in (world.status.command_ignored or "")
    world.step(1)
    assert (world.live, world.trial.approved) == (before, None)
    assert world.said(Reason.APPROVED) == []


@pytest.mark.parametrize("given", CLOCKS.values(), ids=CLOCKS.keys())
def test_skip_ends_it_and_says_what_it_was_said_in_spite_of(given: Callable[[], World]) -> None:
    world = given()
    blind, failed = bool(world.away), "speak against it" in world.status.message or world.arm.metrics[0].candidate.bad
    before = world.live
    say(world, "skip")
    assert world.live != before or world.status.phase is Phase.HEALTHY
    [told] = world.said(Reason.APPROVED)
    if blind:
        assert "skipped: errors: no sample since" in told
        assert AWAY in told
    elif failed:
        assert "skipped: the newest answers speak against it: in the last " in told
        assert " answers failed (100 %), 0 of " in told
    else:
        assert "skipped" not in told


HOLDS: dict[str, tuple[Callable[[], World], str]] = {
    "nothing can be seen": (lambda: blind(proving()), "errors: no sample since"),
    "bad news": (lambda: failing(proving()), "the newest answers speak against it: in the last 6 s 50 of 50 answers"),
    "suspicion": (lambda: suspected(proving()), "beyond the limit"),
}


@pytest.mark.parametrize(("given", "words"), HOLDS.values(), ids=HOLDS.keys())
def test_promote_does_not_stand_above_sight_or_what_speaks_against_it(given: Callable[[], World], words: str) -> None:
    world = given()
    say(world, "promote")
    assert world.weight == 10
    refused = world.status.command_ignored or ""
    assert words in refused
    assert refused.endswith("; modelrollout skip fraud -n prod goes on all the same")
    world.away = None
    world.run(10)
    assert world.weight <= 10, "and it does not count later"


@pytest.mark.parametrize(("given", "words"), HOLDS.values(), ids=HOLDS.keys())
@pytest.mark.parametrize("verb", ["skip", "promote-full"])
def test_with_skip_and_promote_full_a_person_takes_it_on_and_both_events_say_what(
    verb: str, given: Callable[[], World], words: str
) -> None:
    world = given()
    say(world, verb)
    assert world.weight == 50 or world.status.phase is Phase.HEALTHY
    for reason in (Reason.APPROVED, Reason.WEIGHT_CHANGED if verb == "skip" else Reason.SWITCHED):
        assert words in world.said(reason)[-1].partition("skipped: ")[2]


def test_promote_stands_above_evidence_that_is_missing_and_says_what() -> None:
    world = released(PROOF, FIFTY, seconds=20)
    world.command = f"promote {NEW} t1"
    world.step(3)
    assert world.weight == 50
    assert "skipped: needs minRequests 50 and 3 samples" in world.said(Reason.APPROVED)[0]


MOMENTS: dict[str, tuple[str | None, float]] = {"nothing can be seen": (AWAY, 0.0), "bad news": (None, 0.08)}


@pytest.mark.parametrize(("away", "bad"), MOMENTS.values(), ids=MOMENTS.keys())
def test_an_approval_stays_given_and_the_rise_waits_for_its_moment(away: str | None, bad: float) -> None:
    world = awaiting()
    world.away = away
    world.run(30 if away else 5, bad={NEW: bad})
    say(world, "promote")
    assert world.weight == 10
    assert world.status.command_ignored is None
    world.away = None
    world.run(20)
    assert world.weight == 50


def test_what_came_after_a_word_is_not_skipped_by_it() -> None:
    """Said when all was well and a pod was missing; when the pod is back it fails wholly."""
    world = stepping()
    world.workloads[NEW] = replace(world.workloads[NEW], desired=2)
    say(world, "skip")
    world.run(5, bad={NEW: 1.0})
    world.workloads[NEW] = replace(world.workloads[NEW], ready=2)
    world.step(0.5)
    assert world.weight == 10
    assert "the newest answers speak against it" in world.status.message


def test_two_words_within_a_second_end_one_wait_though_a_person_had_paused_it() -> None:
    world = say(awaiting(), "pause").run(20)
    say(world, "promote")
    assert world.status.phase is Phase.AWAITING_APPROVAL
    say(world, "promote")
    assert world.weight == 10
    assert "has only just begun" in (world.status.command_ignored or "")
    world.step(3)
    assert say(world, "promote").weight == 50


@pytest.mark.parametrize("verb", ["skip", "promote"])
def test_a_word_counts_for_the_hold_that_it_was_given_for(verb: str) -> None:
    """Held by a limit in the bake after the status was lost: an edit of the metrics is another story."""
    world = World.of(BLUE_GREEN).configure(
        strategy={"blueGreen": {"bake": "10m"}}, analysis={"metrics": [{"name": "errors", "limit": 0.01}]}
    )
    world.installed().run(60).apply(version=NEW).run(30)
    world.status = type(world.status)()
    world.step(1)
    world.run(70, bad={NEW: 0.03})
    world.run(5)
    assert world.status.trial is not None, world.status.message
    say(world, verb)
    assert world.status.command_ignored is not None, world.status.message
    world.configure(analysis={"metrics": [{"name": "errors"}]}).step(1)
    world.step(1)
    assert world.status.trial is not None
    assert world.trial.approved is None


def test_a_full_promotion_in_a_running_bake_is_no_word_for_its_end() -> None:
    world = baking()
    say(world, "promote-full")
    assert world.status.command_ignored == (
        "promote --full: the bake is none of the steps; modelrollout skip fraud -n prod ends it"
    )
    assert not world.trial.promote_fully


@pytest.mark.parametrize("verb", ["skip", "promote-full"])
def test_a_word_that_is_refused_leaves_a_pause_as_it_is(verb: str) -> None:
    world = say(baking(), "pause")
    world.workloads[NEW] = replace(world.workloads[NEW], desired=2)
    say(world, verb)
    assert world.status.command_ignored is not None
    assert world.arm.paused
    world.step(0.5)
    assert world.status.phase is Phase.PAUSED


def test_a_step_with_a_clock_that_is_over_is_a_wait() -> None:
    text = CANARY.replace("noTrafficAfter: 20s", "minRequests: 100000")
    world = World.of(text).installed().apply(version=NEW).run(60)
    assert "needs minRequests 100000" in world.status.message
    say(world, "promote")
    assert world.weight == 50
    assert "skipped: needs minRequests 100000" in world.said(Reason.APPROVED)[0]


def test_an_approval_is_asked_for_by_its_own_step() -> None:
    world = released(APPROVAL, TEN, seconds=30)
    assert world.status.phase is Phase.AWAITING_APPROVAL
    say(world, "promote")
    assert world.weight == 10
