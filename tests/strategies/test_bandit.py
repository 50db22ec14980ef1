"""Bandit: shares follow what the versions earn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml

from modelrollout.api.status import Phase
from modelrollout.core.evidence import Count
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import SpecError, parse_spec
from modelrollout.strategies import Standing
from modelrollout.strategies.following import winner_of
from tests.core.world import CANARY, World
from tests.strategies.test_ab_test import ANALYSIS, contest_of


def bandit(*arms: str, **settings: Any) -> dict[str, Any]:
    """A bandit of spec.model and further arms."""
    others = [{"version": version, "uri": f"pvc://models/fraud/{version}"} for version in arms]
    return {"bandit": {"arms": others, "updateEvery": "10s", "minDuration": "1m"} | settings}


SPECS = {
    "two": bandit(),
    "three": bandit("1.2.3"),
    "drifting": bandit("1.2.3", halfLife="5m", onWinner="GoOn"),
    "by hand": bandit("1.2.3", onWinner="Pause"),
    "a floor below one percent": bandit("1.2.3", floor=0.25),
}
"""For the properties of the core."""

RATES = {"1.0.1": 0.04, "1.1.2": 0.05, "1.2.3": 0.06}


def playing(*arms: str, **settings: Any) -> World:
    """1.0.1 serves; 1.1.2 and other arms have their first shares."""
    spec = yaml.safe_load(CANARY)
    world = World(spec=spec | {"analysis": ANALYSIS, "strategy": bandit()}).installed()
    world.configure(strategy=bandit(*arms, **settings)).apply(version="1.1.2", uri="pvc://models/fraud/2")
    for _ in range(8):
        world.step(1)
    assert world.status.trial is not None
    return world


def play(world: World, seconds: float, rates: dict[str, float], *, rate: int = 200, seed: int = 1) -> World:
    """Requests at the live shares, rewarded at random, until it is over."""
    rng, end = np.random.default_rng(seed), world.now + seconds
    while world.now < end and world.status.trial is not None:
        world.requests(rate * 5)
        counts = world.counts.setdefault("clicks", {})
        for version, share in (world.live or {}).items():
            requests = int(rate * 5 * share / 100)
            earned = int(rng.binomial(requests, rates.get(version, 0.04)))
            counts[version] = counts.get(version, Count(0, 0)) + Count(earned, requests)
        world.step(5)
    return world


def test_every_version_gets_the_same_share_at_first() -> None:
    assert playing("1.2.3").live == {"1.0.1": 34, "1.1.2": 33, "1.2.3": 33}


def test_a_floor_below_one_percent_is_kept_to_its_hundredths() -> None:
    """One percent of a large service's requests is a lot to be worse for: the others may have less."""
    world = playing("1.2.3", stopAt=0, minDuration="24h", floor=0.25, falseWinner=1e-9)
    play(world, 1500, RATES)
    assert world.live is not None
    least = min(world.live.values())
    assert 0.25 <= least < 1
    assert sum(world.live.values()) == pytest.approx(100)
    assert f"{world.live['1.2.3']} %" in world.status.message


def test_the_best_gets_nearly_all_and_wins() -> None:
    world = playing("1.2.3", stopAt=0, minDuration="24h")
    play(world, 1500, RATES)
    assert world.live is not None
    assert world.live["1.2.3"] >= 90
    assert min(world.live.values()) >= 1
    world = play(playing("1.2.3"), 7200, RATES)
    assert world.live == {"1.2.3": 100}
    for _ in range(20):
        world.step(5)
    assert world.status.phase is Phase.HEALTHY
    assert "1.2.3 is the best by clicks: " in world.status.message


def test_who_is_proven_worse_leaves_and_is_not_to_blame() -> None:
    world = play(playing("1.2.3", minDuration="24h"), 1800, RATES | {"1.1.2": 0.02})
    assert [arm.version for arm in world.status.arms] == ["1.2.3"]
    assert world.said(Reason.NOT_CHOSEN)[0].startswith("1.1.2 was not chosen: proven to be worse than another version")
    assert not world.status.quarantined
    assert world.status.trial is not None
    assert "1.1.2" not in (world.live or {})


def test_a_failing_arm_has_no_share_whatever_it_earns() -> None:
    world = play(playing("1.2.3", minDuration="1h"), 60, RATES)
    for _ in range(8):
        world.requests(2000, {"1.2.3": 0.5})
        world.step(5)
    assert "1.2.3" not in (world.live or {})
    assert [item.version for item in world.status.quarantined] == ["1.2.3"]


def test_shares_freeze_while_the_rewards_cannot_be_seen() -> None:
    world = play(playing("1.2.3", minDuration="1h"), 120, RATES)
    world.away = "Prometheus does not answer"
    before = play(world, 20, RATES).live  # the last sample is fresh for three scrapes
    play(world, 600, RATES | {"1.0.1": 0.2})
    assert world.live == before
    assert "the shares stay as they are" in world.status.message


def test_the_shares_follow_a_change_where_the_past_is_forgotten() -> None:
    world = playing("1.2.3", halfLife="3m", onWinner="GoOn")
    play(world, 1200, RATES)
    assert world.live is not None
    assert world.live["1.2.3"] > 60
    play(world, 1500, {"1.0.1": 0.04, "1.1.2": 0.09, "1.2.3": 0.04}, seed=2)
    assert world.live["1.1.2"] > 60
    assert world.status.phase is Phase.HEALTHY
    assert len(world.status.arms) == 2, "nobody leaves, since the best may change"


def test_a_person_is_waited_for() -> None:
    world = play(playing("1.2.3", onWinner="Pause"), 7200, RATES)
    assert world.status.phase is Phase.AWAITING_APPROVAL
    world.command = "promote 1.2.3 1"
    play(world, 30, RATES)
    assert world.live == {"1.2.3": 100}


@pytest.mark.parametrize("settings", [{}, {"halfLife": "5m", "onWinner": "GoOn"}], ids=["ends", "goes on"])
def test_a_person_takes_the_likely_best_now(settings: dict[str, str]) -> None:
    world = play(playing("1.2.3", minDuration="24h", stopAt=0, **settings), 120, RATES)
    world.command = "promote 1.2.3 1"
    play(world, 30, RATES)
    assert world.live == {"1.2.3": 100}


def test_a_word_of_a_person_is_for_the_end_and_not_for_every_rise_that_follows() -> None:
    world = playing("1.2.3", minDuration="24h")
    world.command = "skip 1.2.3 1"  # nothing is known yet
    world.step(1)
    assert world.status.trial is not None
    play(world, 60, RATES)
    assert world.status.trial is None or world.status.trial.approved is None


def test_with_stop_at_0_a_winner_is_proven_and_not_only_likely() -> None:
    """With 95 % nothing is left to gain long before anything is proven."""
    likely = Standing(best="1.1.2", value_remaining=0.0)
    assert winner_of(likely, 0.0) is None
    assert winner_of(likely, 0.01) == "1.1.2"
    assert winner_of(replace(likely, winner="1.2.3"), 0.0) == "1.2.3"


def test_the_same_samples_give_the_same_shares() -> None:
    one, other = (play(playing("1.2.3", minDuration="24h"), 300, RATES) for _ in range(2))
    assert one.live == other.live
    assert contest_of(one) == contest_of(other)


def test_shares_move_often_and_no_event_tells_of_each() -> None:
    world = play(playing("1.2.3", minDuration="24h"), 600, RATES)
    assert len(world.said(Reason.WEIGHT_CHANGED)) == 2, "the first share of each arm"


REFUSED = {
    "twice": (bandit("1.2.3", "1.2.3"), "each version is given once"),
    "too often": (bandit(updateEvery="5s"), "every update is sent to all proxies"),
    "endless": (bandit(halfLife="1h"), "onWinner: GoOn says so"),
}


@pytest.mark.parametrize(("strategy", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(strategy: dict[str, Any], words: str) -> None:
    found = parse_spec(yaml.safe_load(CANARY) | {"analysis": ANALYSIS, "strategy": strategy})
    assert isinstance(found, SpecError)
    assert words in found.message


def in_bursts(world: World, seconds: float, seed: int) -> World:
    """Requests at the live shares to versions that are alike. Everybody comes six times, and is rewarded each time or
    never."""
    rng, end = np.random.default_rng(seed), world.now + seconds
    while world.now < end and world.status.trial is not None:
        world.requests(1000)
        counts = world.counts.setdefault("clicks", {})
        for version, share in (world.live or {}).items():
            people = int(rng.poisson(1000 * share / 600))
            earned = 6 * int(rng.binomial(people, 0.2))
            counts[version] = counts.get(version, Count(0, 0)) + Count(earned, 6 * people)
        world.step(5)
    return world


def test_rewards_in_bursts_prove_nothing_though_there_is_no_past() -> None:
    """By a guess of the noise every second of these would lose a version that is as good as the other."""
    worlds = [in_bursts(playing(stopAt=0, minDuration="1m"), 300, seed) for seed in range(8)]
    assert contest_of(worlds[0]).noise is None, "nothing was counted before"
    assert sum(world.status.trial is None or not world.status.arms for world in worlds) <= 1


def test_nothing_ends_before_the_noise_is_known_and_the_message_says_so() -> None:
    world = play(playing("1.2.3", minDuration="0s", stopAt=0.5), 30, RATES | {"1.2.3": 0.2})
    contest = contest_of(world)
    assert contest.value_remaining is None
    assert contest.unproven is not None
    assert world.status.message.endswith(f"the shares follow the rewards; {contest.unproven}")
    play(world, 60, RATES | {"1.2.3": 0.2})
    assert world.live == {"1.2.3": 100}
