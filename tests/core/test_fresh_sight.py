"""No rise and no promotion on bad news, or without fresh sight: nothing is proven by the newest tick, and yet it is not
the moment."""

from __future__ import annotations

import numpy as np
import pytest

from modelrollout.api.status import Phase
from modelrollout.core.evidence import Count
from modelrollout.core.observation import Unavailable
from tests.core import phases
from tests.core.world import CANARY, World

OLD, NEW = "1.0.1", "1.1.2"
BAKED = CANARY.replace("]}}", "], bake: 60s}}", 1)
AWAY = "connection refused"


def at(weight: int, text: str = CANARY) -> World:
    """The release has just reached this weight."""
    world = World.of(text).installed().run(60)
    world.apply(version=NEW)
    for _ in range(60):
        if world.weight < weight:
            world.run(5)
    assert world.weight == weight
    world.step(0.5)
    return world


CASES = {"first step": (10, CANARY), "last step": (50, CANARY), "bake": (95, BAKED)}


@pytest.mark.parametrize(("weight", "text"), CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("before", [5.0, 0.5])
def test_a_whole_failure_in_the_last_tick_is_no_moment_to_rise(weight: int, text: str, before: float) -> None:
    world = at(weight, text)
    end = world.trial.next_step_at
    assert end is not None
    while world.now + before < end:
        world.run(min(5.0, end - world.now - before), tick=min(5.0, end - world.now - before))
    world.requests(500, {NEW: 1.0})
    world.step(before)
    for _ in range(4):
        world.step(0.5)
    assert world.weight == weight
    assert "the newest answers speak against it" in world.status.message


@pytest.mark.parametrize(("weight", "text"), CASES.values(), ids=CASES.keys())
def test_a_whole_failure_that_nothing_can_be_compared_with_yet_is_none_either(weight: int, text: str) -> None:
    """The control happens to have no request in the last tick, as a share of 5 % has now and then."""
    world = at(weight, text)
    end = world.trial.next_step_at
    assert end is not None
    while world.now + 5.0 < end:
        world.run(min(5.0, end - world.now - 5.0), tick=min(5.0, end - world.now - 5.0))
    counts = world.counts["errors"]
    counts[NEW] += Count(100, 100)
    world.step(5.0)
    for _ in range(4):
        world.step(0.5)
    assert world.weight == weight
    assert f"100 of 100 answers failed (100 %), and none by {OLD} to compare with yet" in world.status.message
    world.requests(500, {NEW: 1.0})
    world.run(10, bad={NEW: 1.0})
    assert world.weight == 0


@pytest.mark.parametrize(("weight", "text"), CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("bad", [1.0, 0.3])
def test_good_answers_of_a_gap_do_not_hide_a_failure_at_its_end(weight: int, text: str, bad: float) -> None:
    """No answer of Prometheus for two scrapes, which is no blindness yet; what it gives then is one sample for all."""
    world = at(weight, text)
    end = world.trial.next_step_at
    assert end is not None
    while world.now + 12.0 < end:
        world.run(min(5.0, end - world.now - 12.0), tick=min(5.0, end - world.now - 12.0))
    world.away = "connection refused"
    world.run(11.0, tick=1.0)
    world.away = None
    world.requests(300, {NEW: bad})
    world.step(2.0)
    for _ in range(4):
        world.step(0.5)
    assert world.weight == weight
    assert "the newest answers speak against it" in world.status.message


ALONE = CANARY.replace("]}}", "], bake: {for: 60s, control: 0}}}", 1)
RETRIED = "traffic: {hosts: [fraud.example.com], retries: {attempts: 2}}"  # then no shares are held against the counts


@pytest.mark.parametrize(
    ("weight", "text"),
    [*CASES.values(), (95, BAKED.replace("traffic: {hosts: [fraud.example.com]}", RETRIED)), (100, ALONE)],
    ids=[*CASES, "bake, and requests that are tried again", "bake with all requests"],
)
@pytest.mark.parametrize("silent", [1, 3])
def test_a_version_that_answers_nothing_any_more_gets_no_more(weight: int, text: str, silent: int) -> None:
    """It hangs and its callers still wait, so no answer is lost yet: it rose, and was promoted, for noTrafficAfter."""
    world = at(weight, text)
    end = world.trial.next_step_at
    assert end is not None
    while world.now + 5.0 * silent < end:
        world.run(5)
    counts = world.counts["errors"]
    for _ in range(silent + 2):
        counts[OLD] += Count(0, 5 * (100 - weight))
        world.step(5)
        world.step(0.5)
    assert world.weight == weight
    assert "nothing was answered since" in world.status.message or "no request to the candidate" in world.status.message
    world.run(300)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW, "it answers again"


@pytest.mark.parametrize("rate", [2, 5, 20])
def test_who_is_asked_now_and_then_is_not_held_for_silence(rate: int) -> None:
    """Requests as they come, so few that many a sample has none of the candidate's."""
    random = np.random.default_rng(rate)
    world, said = at(10).run(10), list[str]()
    counts = world.counts["errors"]
    for _ in range(400):
        asked = int(random.poisson(rate * 5))
        mine = int(random.binomial(asked, world.weight / 100))
        counts[NEW], counts[OLD] = counts[NEW] + Count(0, mine), counts[OLD] + Count(0, asked - mine)
        said.append(world.step(5).status.message)
        if world.status.trial is None:
            break
    assert len([message for message in said if "nothing was answered since" in message]) < 0.1 * len(said)


@pytest.mark.parametrize(("weight", "text"), CASES.values(), ids=CASES.keys())
def test_the_clock_stands_still_while_nothing_can_be_seen(weight: int, text: str) -> None:
    world = at(weight, text).run(10)
    world.away = AWAY
    for _ in range(60):
        world.requests(500, {NEW: 1.0})
        world.step(5)
        assert world.weight == weight
    world.away = None
    world.requests(500)
    world.step(5)
    assert world.weight == 0, "what was not seen counts as the many samples that it spans"


def test_after_sight_is_back_a_healthy_version_goes_on() -> None:
    world = at(10).run(10)
    world.away = AWAY
    for _ in range(20):
        world.requests(500)
        world.step(5)
    world.away = None
    world.run(10)
    assert world.weight == 10
    world.run(120)
    assert world.status.phase is Phase.HEALTHY
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


def test_one_step_longer_by_as_much_as_nothing_was_seen() -> None:
    world = at(10).run(5)
    end = world.trial.next_step_at
    world.away = AWAY
    for _ in range(12):
        world.requests(500)
        world.step(5)
    assert world.trial.next_step_at is None
    world.away = None
    world.run(5)
    assert end is not None
    assert world.trial.next_step_at == pytest.approx(end + world.trial.stopped_for)


@pytest.mark.parametrize("behind", [0.0, 60.0, -60.0])
def test_samples_that_stand_still_are_no_sight_whatever_the_clocks_say(behind: float) -> None:
    """Prometheus answers, and has scraped nothing for two intervals."""
    world = at(10)
    world.prometheus_behind = behind
    world.run(15)
    frozen = {metric: dict(counts) for metric, counts in world.counts.items()}
    sample = world.sample("errors")
    assert not isinstance(sample, Unavailable)
    world.sample = lambda metric, split="everybody": sample  # type: ignore[method-assign]
    for _ in range(10):
        world.step(2.0)
    assert world.counts == frozen
    assert world.weight == 10


@pytest.mark.parametrize("behind", [0.0, 60.0, -60.0])
def test_a_constant_difference_of_clocks_holds_nothing(behind: float) -> None:
    world = World.of(CANARY)
    world.prometheus_behind = behind
    world.installed().run(60)
    world.apply(version=NEW).run(180)
    assert world.status.phase is Phase.HEALTHY


@pytest.mark.parametrize("behind", [0.0, 60.0, -60.0])
def test_one_question_that_fails_is_no_blindness_and_three_scrapes_are_whatever_the_clocks_say(behind: float) -> None:
    world = World.of(CANARY)
    world.prometheus_behind = behind
    world.installed().run(60)
    world.apply(version=NEW).run(20)
    world.away = AWAY
    world.step(0.5)
    assert world.arm.blind_since is None
    world.away = None
    world.run(5)
    world.away = AWAY
    for _ in range(40):
        world.requests(50).step(0.5)
    assert world.arm.blind_since is not None
    assert 14.0 <= world.arm.blind_since - (world.now - 20.0) <= 16.0


@pytest.mark.parametrize("behind", [0.0, 60.0])
def test_who_waits_for_traffic_says_so_and_not_that_nothing_can_be_seen(behind: float) -> None:
    """The first samples are read long before the first share, and nothing is counted after it."""
    world = World.of(CANARY)
    world.prometheus_behind = behind
    world.installed().run(60)
    world.requests(100)
    world.autoload = False
    world.apply(version=NEW).run(60)
    world.autoload = True
    said = [world.step(1.0).status.message for _ in range(60)]
    assert world.weight == 10
    assert not [message for message in said if "no answer" in message]


def test_blindness_counts_from_the_first_weight() -> None:
    """A person gives the first share in spite of it. What was not seen before costs nothing of ``maxBlind``."""
    world = World.of(CANARY.replace("noTrafficAfter: 20s", "noTrafficAfter: 20s, onBlind: Rollback, maxBlind: 60s"))
    world.installed().apply(version=NEW)
    world.away = AWAY
    blind(world, 90)
    assert (world.weight, world.status.quarantined) == (0, ())
    world.command = f"skip {NEW} t1"
    blind(world, 50)
    assert world.weight == 10
    blind(world, 20)
    assert [item.version for item in world.status.quarantined] == [NEW]


def blind(world: World, seconds: int) -> None:
    """So long, two seconds at a time."""
    for _ in range(seconds // 2):
        world.step(2.0)


def test_an_edit_while_prometheus_is_behind_loses_no_answer() -> None:
    """The tests begin anew with the edit, and what is answered from then on counts, whatever its clock says."""
    counted = []
    for behind in (0.0, 60.0):
        world = World.of(CANARY.replace("{setWeight: 10, for: 30s}", "{setWeight: 10, for: 60m}"))
        world.prometheus_behind = behind
        world.installed().run(60)
        world.apply(version=NEW).run(30)
        world.configure(analysis={"margin": 1.2}).run(60)
        counted.append(world.trial.arms[0].metrics[0].candidate.requests)
    assert counted[0] == counted[1] > 100


@pytest.mark.parametrize(("weight", "text"), CASES.values(), ids=CASES.keys())
def test_an_operator_that_has_just_begun_warns_of_nothing_and_raises_nothing(weight: int, text: str) -> None:
    """Its first look comes long after the last sample, when every step is due, and before Prometheus' first answer."""
    world = at(weight, text).run(10)
    world.events.clear()
    world.pending = True
    world.requests(5000).step(600)
    for _ in range(4):
        world.step(0.5)
    assert (world.weight, world.arm.blind_since) == (weight, None)
    assert [event.reason for event in world.events if event.warning] == []
    assert "Prometheus gave no answer about errors just now" in world.status.message
    world.pending = False
    world.run(60)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW


def test_an_operator_that_begins_while_prometheus_is_away_does_not_say_that_sight_is_back() -> None:
    world = at(10).run(10)
    world.away = AWAY
    for _ in range(12):
        world.requests(50).step(5)
    since = world.arm.blind_since
    assert since is not None
    world.events.clear()
    world.pending = True
    world.step(0.5)
    world.pending = False
    world.step(0.5)
    assert world.arm.blind_since == since
    assert world.events == []


def test_who_skips_what_cannot_be_seen_has_the_time_anew() -> None:
    """It was paused for that very reason, and would be again a moment after the word."""
    world = phases.blind()
    world.configure(analysis={**world.spec["analysis"], "onBlind": "Pause", "maxBlind": "60s"}).run(90)
    assert (world.weight, world.status.phase) == (10, Phase.PAUSED)
    phases.say(world, "skip")
    world.run(30)
    assert (world.weight, world.status.phase) == (50, Phase.PROGRESSING)
    world.run(60)
    assert (world.weight, world.status.phase) == (50, Phase.PAUSED)
