"""Rewards that come later than the answers they are for, in a bandit and in an A/B test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import yaml

from modelrollout.api.status import Status
from modelrollout.core.evidence import Count
from modelrollout.core.evidence.delay import Delays
from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World
from tests.strategies.test_ab_test import ANALYSIS, REWARD
from tests.strategies.test_bandit import bandit

RATES = {"1.0.1": 0.04, "1.1.2": 0.05, "1.2.3": 0.06}
TICK = 5.0


@dataclass
class People:
    """They ask 200 times a second, and buy so many seconds later on average. Before the trial all asked 1.0.1, so often
    and for so many seconds. ``punctual``: each is exactly so late."""

    late: float
    seed: int = 1
    rates: dict[str, float] = field(default_factory=lambda: RATES)
    rate_before: float = 200.0
    seconds_before: float = 10_000.0
    punctual: bool = False
    due: dict[str, list[np.ndarray]] = field(default_factory=dict)
    came: list[tuple[float, float]] = field(default_factory=list)  # when, and how late

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def ask(self, version: str, requests: int, start: float, seconds: float) -> None:
        """Requests at even distances."""
        earned = int(self.rng.binomial(requests, self.rates[version]))
        delays = np.full(earned, self.late) if self.punctual else self.rng.exponential(self.late, earned)
        self.due.setdefault(version, []).append(
            np.stack([start + seconds * self.rng.random(earned) + delays, delays], axis=1)
        )

    def buy(self, now: float) -> dict[str, int]:
        """Who has bought by now."""
        found = {}
        for version, parts in self.due.items():
            known = np.concatenate(parts)
            here = known[:, 0] <= now
            found[version], self.due[version] = int(here.sum()), [known[~here]]
            self.came += [(now, delay) for delay in known[here][:, 1].tolist()]
        return found


def playing(strategy: dict[str, Any], people: People) -> World:
    """1.0.1 serves and has served for long; the others have their first shares."""
    spec = yaml.safe_load(CANARY) | {"analysis": ANALYSIS, "strategy": bandit()}
    world = World(spec=spec).installed()
    world.counts["clicks"] = {"1.0.1": Count(100_000, 5_000_000)}
    before = people.seconds_before
    people.ask("1.0.1", int(people.rate_before * before), world.now - before, before)
    people.buy(world.now)
    world.configure(strategy=strategy).apply(version="1.1.2", uri="pvc://models/fraud/2")
    return world


def play(world: World, people: People, seconds: float, *, measured: bool = False) -> World:
    """Requests at the live shares, until it is over. Delays are ``measured`` of the trial's own requests."""
    end, first = world.now + seconds, world.now
    trial = world.status.trial
    began = trial.started_at if trial is not None else world.now
    while world.now == first or (world.now < end and world.status.trial is not None):
        world.requests(1000)
        counts = world.counts["clicks"]
        for version, share in (world.live or {}).items():
            requests = int(1000 * share / 100)
            people.ask(version, requests, world.now, TICK)
            counts[version] = counts.get(version, Count(0, 0)) + Count(0, requests)
        for version, bought in people.buy(world.now + TICK).items():
            known = counts.get(version, Count(0, 0))
            counts[version] = Count(known.bad + bought, known.trials)
        if measured:
            late = [delay for at, delay in people.came if at - delay > began]
            world.delays = Delays(float(len(late)), float(np.mean(late)) if late else 0.0, world.now + TICK - began)
        world.step(TICK)
    return world


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_best_is_found_though_its_rewards_come_ten_minutes_late(seed: int) -> None:
    """Its share rises, so most of its requests are young: by plain counts it is proven to be the worst."""
    people = People(600.0, seed)
    world = play(playing(bandit("1.2.3", rewardDelay="10m", minDuration="30m"), people), people, 7200)
    assert world.live == {"1.2.3": 100}
    assert not any("1.2.3 was not chosen" in words for words in world.said(Reason.NOT_CHOSEN))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_the_control_earned_before_the_test_makes_it_no_winner(seed: int) -> None:
    """When the test begins, the rewards of a time in which all people asked the control are still to come."""
    people = People(600.0, seed, dict.fromkeys(RATES, 0.05))
    test = {"abTest": {"rewardDelay": "10m", "minDuration": "20m", "maxDuration": "40m", "indifference": 0.01}}
    world = play(playing(test, people), people, 3600)
    assert world.live == {"1.0.1": 100}
    assert "no version is proven to be the best" in world.status.message


LATE = {"rewardDelay": "10m", "minDuration": "30m"}

UNKNOWN_PASTS = {
    "it served for a minute": People(600.0, rate_before=200.0, seconds_before=60.0),
    "there were half as many requests": People(600.0, rate_before=100.0),
    "there were half as many again": People(600.0, rate_before=300.0),
}


@pytest.mark.parametrize("name", UNKNOWN_PASTS)
def test_a_past_that_nobody_knows_makes_no_winner(name: str) -> None:
    """What is still to come from it is guessed, so nothing is proven until that is next to nothing."""
    people = replace(UNKNOWN_PASTS[name], rates=dict.fromkeys(RATES, 0.05), due={}, came=[])
    test = {"abTest": {"rewardDelay": "10m", "minDuration": "10m", "maxDuration": "80m", "indifference": 0.01}}
    world = play(playing(test, people), people, 1900)
    assert world.status.trial is not None
    assert "for what it was asked before" in world.status.message
    play(world, people, 4800)
    assert world.live == {"1.0.1": 100}
    assert "no version is proven to be the best" in world.status.message


@pytest.mark.parametrize("strategy", [{"abTest": LATE}, bandit(**LATE)])
def test_the_best_is_found_by_rewards_that_all_come_after_the_same_time(strategy: dict[str, Any]) -> None:
    """For ten minutes the new version has none at all."""
    people = People(600.0, rates={"1.0.1": 0.04, "1.1.2": 0.06}, punctual=True)
    world = play(playing(strategy, people), people, 7200)
    assert world.live == {"1.1.2": 100}


@pytest.mark.parametrize("better", [0.05, 0.055])
def test_who_is_not_worse_is_not_taken_for_worse_by_rewards_that_are_punctual(better: float) -> None:
    people = People(600.0, rates={"1.0.1": 0.05, "1.1.2": better}, punctual=True)
    world = play(playing(bandit(rewardDelay="10m", minDuration="1h"), people), people, 5400)
    assert not any("proven to be worse" in words for words in world.said(Reason.NOT_CHOSEN))


def test_where_the_status_was_lost_all_of_them_were_asked_before() -> None:
    """The trial that is found begins in the middle, and not with the control alone."""
    people = People(600.0, rates=dict.fromkeys(RATES, 0.05))
    test = {"abTest": {"rewardDelay": "10m", "minDuration": "1h"}}
    world = play(playing(test, people), people, 3000)
    world.status = Status()
    play(world, people, 600)
    contest = world.status.trial.contest if world.status.trial is not None else None
    assert contest is not None
    assert [item.rate for item in contest.versions] == pytest.approx([0.05, 0.05], rel=0.05)


def test_a_version_that_comes_back_does_not_win_by_what_it_was_asked_before() -> None:
    """Taken out for a minute, its rewards come on."""

    def arms(*versions: str) -> dict[str, Any]:
        every = [{"version": version, "uri": f"pvc://models/fraud/{version}"} for version in versions]
        return {"abTest": {"arms": every, "rewardDelay": "10m", "minDuration": "10m", "maxDuration": "90m"}}

    people = People(600.0, rates=dict.fromkeys(RATES, 0.05))
    world = play(playing(arms("1.2.3"), people), people, 1200)
    play(world.configure(strategy=arms()), people, 60)
    assert world.live == {"1.0.1": 50, "1.1.2": 50}
    play(world.configure(strategy=arms("1.2.3")), people, 1200)
    contest = world.status.trial.contest if world.status.trial is not None else None
    assert contest is not None
    back = next(item for item in contest.versions if item.version == "1.2.3")
    assert back.rate == pytest.approx(0.05, rel=0.05)
    assert back.against == {"1.0.1": 1.0, "1.1.2": 1.0}, "nothing speaks for it or against it yet"


ATTEMPTS = {"a person took it back": "abort 1.1.2 1", "it was ended, and it was not the best": "skip 1.1.2 1"}


@pytest.mark.parametrize("command", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_retry_is_told_by_its_own_requests_and_those_of_the_attempt_before(command: str) -> None:
    """Rewards of the attempt before go on coming to the arm, and the control had a half of the requests then."""
    people = People(600.0, rates=dict.fromkeys(RATES, 0.05))
    test = {"abTest": {"rewardDelay": "10m", "minDuration": "1h", "maxDuration": "90m"}}
    world = play(playing(test, people), people, 1800)
    world.command = command
    world.history = {"clicks": (Count(25, 500),) * 360}  # the last half hour, at half of the requests
    for _ in range(7):
        play(world, people, 10)
    assert world.status.trial is None
    world.command = "retry 1.1.2 2"
    for _ in range(5):
        play(world, people, 10)
    for _ in range(10):
        play(world, people, 30)
        contest = world.status.trial.contest if world.status.trial is not None else None
        assert contest is not None
        assert [item.rate for item in contest.versions] == pytest.approx([0.05, 0.05], rel=0.25)
        assert contest.unproven is not None, "a guess proves nothing"


TOLD_WRONG: dict[str, tuple[str, bool]] = {
    "twice too short": ("5m", False),
    "five times too short": ("2m", False),
    "to come at once": ("0s", False),
    "five times too short, and all are equally late": ("2m", True),
}


@pytest.mark.parametrize(("told", "punctual"), TOLD_WRONG.values(), ids=TOLD_WRONG)
def test_rewards_that_come_later_than_is_told_make_no_winner(told: str, punctual: bool) -> None:
    """The control is still rewarded for the time in which it had all requests; so is said what it may be."""
    people = People(600.0, rates=dict.fromkeys(RATES, 0.05), punctual=punctual)
    test = {"abTest": {"rewardDelay": told, "minDuration": "5m", "maxDuration": "50m", "indifference": 0.01}}
    world = play(playing(test, people), people, 1500)
    assert world.status.trial is not None
    assert world.live == {"1.0.1": 50, "1.1.2": 50}
    assert "1.0.1 would have won, but rewards that come" in world.status.message
    play(world, people, 2400)
    assert world.live == {"1.0.1": 100}
    assert "no version is proven to be the best" in world.status.message


@pytest.mark.parametrize("told", ["2m", "10m"])
def test_the_best_is_found_though_nobody_knows_how_late_its_rewards_come(told: str) -> None:
    people = People(600.0, rates={"1.0.1": 0.04, "1.1.2": 0.06})
    world = play(playing({"abTest": {"rewardDelay": told, "minDuration": "5m"}}, people), people, 7200)
    assert world.live == {"1.1.2": 100}


def test_a_bandit_drops_nobody_by_rewards_that_come_later_than_is_told() -> None:
    people = People(600.0, rates=dict.fromkeys(RATES, 0.05))
    world = play(playing(bandit("1.2.3", rewardDelay="2m", minDuration="5m", stopAt=0), people), people, 3600)
    assert not any("proven to be worse" in words for words in world.said(Reason.NOT_CHOSEN))
    assert world.status.trial is not None


def test_a_delay_that_is_said_in_the_middle_begins_the_comparison_anew() -> None:
    """What was compared before took rewards for those of their moment."""
    people = People(60.0, rates=dict.fromkeys(RATES, 0.04))
    test = {"minDuration": "20m", "maxDuration": "30m"}
    world = play(playing({"abTest": test}, people), people, 900)
    play(world.configure(strategy={"abTest": {**test, "rewardDelay": "1m"}}), people, 60)
    contest = world.status.trial.contest if world.status.trial is not None else None
    assert contest is not None
    assert contest.unproven is not None
    assert [item.rate for item in contest.versions] == pytest.approx([0.04, 0.04], rel=0.15)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_test_that_begins_anew_takes_nobody_for_worse(seed: int) -> None:
    """In the middle, by an edit of the query: what was asked before was asked of all versions, and is still to come."""
    people = People(600.0, seed, dict.fromkeys(RATES, 0.05))
    test = {"abTest": {"rewardDelay": "10m", "minDuration": "10m", "maxDuration": "90m", "indifference": 0.01}}
    world = play(playing(test, people), people, 2400)
    analysis = {"metrics": [{"name": "errors"}, {**REWARD, "trials": 'asked_total{version="{{ version }}"}'}]}
    play(world.configure(analysis=analysis), people, 4200)
    assert world.live == {"1.0.1": 100}
    assert "no version is proven to be the best" in world.status.message


def test_nothing_follows_rewards_of_which_nobody_knows_how_late_they_come() -> None:
    people = People(600.0)
    world = play(playing(bandit("1.2.3", rewardDelay="Measured"), people), people, 300)
    assert world.live == {"1.0.1": 34, "1.1.2": 33, "1.2.3": 33}
    assert "it is not known yet how late rewards come" in world.status.message
    assert "modelrollout_reward_delay_seconds" in world.status.message, "and where they would be measured"


def test_by_the_delay_that_is_measured_the_best_is_found() -> None:
    people = People(600.0)
    world = playing(bandit("1.2.3", rewardDelay="Measured", minDuration="50m"), people)
    play(world, people, 1500, measured=True)
    assert world.live == {"1.0.1": 34, "1.1.2": 33, "1.2.3": 33}
    assert "it is not known well how late rewards come" in world.status.message, "a young trial tells of early ones"
    play(world, people, 600, measured=True)
    contest = world.status.trial.contest if world.status.trial is not None else None
    assert contest is not None
    assert contest.reward_delay == pytest.approx(600, rel=0.15)
    play(world, people, 6000, measured=True)
    assert world.live == {"1.2.3": 100}


def test_a_delay_that_is_not_told_any_more_is_still_true() -> None:
    people = People(60.0)
    world = playing(bandit("1.2.3", rewardDelay="Measured", onWinner="GoOn", halfLife="1h"), people)
    play(world, people, 600, measured=True)
    world.delays = None
    before = world.status.trial
    play(world, people, 60)
    after = world.status.trial
    assert before is not None
    assert after is not None
    assert before.contest is not None
    assert after.contest is not None
    assert after.contest.reward_delay == before.contest.reward_delay
    assert "not known yet" not in world.status.message
