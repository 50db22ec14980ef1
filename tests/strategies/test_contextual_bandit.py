"""Contextual bandit: in each segment the shares follow what the versions earn there."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import yaml

from modelrollout.api.route import EVERYBODY
from modelrollout.api.status import Phase
from modelrollout.core.evidence import Count
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import SpecError, parse_spec
from tests.core.world import CANARY, World

SEGMENTS = ("mobile", "desktop")
ANALYSIS = {
    "metrics": [
        {"name": "errors"},
        {
            "name": "clicks",
            "role": "Reward",
            "successes": 'clicks{version="{{ version }}",segment="{{ segment }}"}',
            "trials": 'shown{version="{{ version }}",segment="{{ segment }}"}',
        },
    ],
    "noTrafficAfter": "20s",
}


def contextual(*arms: str, segments: tuple[str, ...] = SEGMENTS, **settings: Any) -> dict[str, Any]:
    """A contextual bandit of spec.model and further arms."""
    others = [{"version": version, "uri": f"pvc://models/fraud/{version}"} for version in arms]
    given = {"header": "x-client", "segments": list(segments), "updateEvery": "10s", "minDuration": "1m"}
    return {"contextualBandit": given | ({"arms": others} if others else {}) | settings}


SPECS = {
    "two": contextual(),
    "three": contextual("1.2.3", onWinner="Promote"),
    "drifting": contextual("1.2.3", halfLife="5m"),
    "by hand": contextual("1.2.3", onWinner="Pause"),
}
"""For the properties of the core."""

Rates = Mapping[str, Mapping[str, float]]
"""By split and version."""

APART: Rates = {
    "mobile": {"1.0.1": 0.04, "1.1.2": 0.10, "1.2.3": 0.04},
    "desktop": {"1.0.1": 0.04, "1.1.2": 0.04, "1.2.3": 0.10},
    EVERYBODY: {"1.0.1": 0.10, "1.1.2": 0.04, "1.2.3": 0.04},
}
SAME: Rates = {split: {"1.0.1": 0.04, "1.1.2": 0.04, "1.2.3": 0.10} for split in APART}


def playing(*arms: str, **settings: Any) -> World:
    """1.0.1 serves; 1.1.2 and other arms have their first shares in every segment."""
    spec = yaml.safe_load(CANARY)
    world = World(spec=spec | {"analysis": ANALYSIS, "strategy": contextual()}).installed()
    world.configure(strategy=contextual(*arms, **settings)).apply(version="1.1.2", uri="pvc://models/fraud/2")
    for _ in range(8):
        world.step(1)
    assert world.status.trial is not None
    return world


def play(world: World, seconds: float, rates: Rates, *, rates_of_errors: Rates | None = None, rate: int = 100) -> World:
    """Requests of every split at its live shares, rewarded at random, until it is over."""
    rng, end = np.random.default_rng(1), world.now + seconds
    while world.now < end and world.status.trial is not None:
        for split, by_version in rates.items():
            found = world.route.split(split) if world.route is not None else None
            world.requests_in(split, rate * 5, (rates_of_errors or {}).get(split))
            counts = world.counts_in(split).setdefault("clicks", {})
            for version, share in (found.shares if found is not None else {}).items():
                requests = int(rate * 5 * share / 100)
                earned = int(rng.binomial(requests, by_version[version]))
                counts[version] = counts.get(version, Count(0, 0)) + Count(earned, requests)
        world.step(5)
    return world


def shares(world: World, split: str) -> dict[str, float]:
    """The live ones."""
    assert world.route is not None
    found = world.route.split(split)
    assert found is not None
    return dict(found.shares)


def test_every_version_gets_the_same_share_of_every_segment_at_first() -> None:
    world = playing("1.2.3")
    assert world.route is not None
    assert [split.name for split in world.route.splits] == [*SEGMENTS, EVERYBODY]
    for split in (*SEGMENTS, EVERYBODY):
        assert shares(world, split) == {"1.0.1": 34, "1.1.2": 33, "1.2.3": 33}
    assert [match.model_dump(exclude_none=True) for match in world.route.splits[0].who] == [
        {"headers": {"x-client": {"exact": "mobile"}}}
    ]


def test_each_segment_goes_to_the_version_that_is_the_best_there() -> None:
    world = play(playing("1.2.3"), 600, APART)
    assert shares(world, "mobile")["1.1.2"] > 80
    assert shares(world, "desktop")["1.2.3"] > 80
    assert shares(world, EVERYBODY)["1.0.1"] > 80
    assert world.status.phase is Phase.HEALTHY
    assert len(world.trial.arms) == 2, "the best somewhere is worse than nobody everywhere"


def test_who_is_worse_everywhere_leaves() -> None:
    world = play(playing("1.2.3"), 900, SAME)
    assert [arm.version for arm in world.trial.arms] == ["1.2.3"]
    assert world.said(Reason.NOT_CHOSEN) == [
        "1.1.2 was not chosen: proven to be worse than another version in every segment"
    ]


def test_who_is_the_best_everywhere_takes_all_if_that_is_asked_for() -> None:
    world = play(playing("1.2.3", onWinner="Promote"), 1800, SAME)
    assert world.status.stable is not None
    assert world.status.stable.version == "1.2.3"
    assert world.live == {"1.2.3": 100}
    assert world.route is not None
    assert len(world.route.splits) == 1


def test_who_fails_in_one_segment_is_out_of_all_of_them() -> None:
    failing: Rates = {"mobile": {"1.1.2": 0.5}}
    world = play(playing("1.2.3"), 60, APART, rates_of_errors=failing)
    assert [arm.version for arm in world.trial.arms] == ["1.2.3"]
    assert all("1.1.2" not in shares(world, split) for split in (*SEGMENTS, EVERYBODY))
    quarantined = [item.version for item in world.status.quarantined]
    assert quarantined == ["1.1.2"]
    (told,) = world.said(Reason.EVIDENCE_AGAINST)
    assert "answers of mobile failed (50 %)" in told


def test_segments_that_fail_unequally_by_themselves_take_nobody_out() -> None:
    """Where one version gets most requests of a segment that always fails more, it is not the version."""
    of_segments = {"mobile": 0.2, "desktop": 0.002, EVERYBODY: 0.01}
    rates: Rates = {split: dict.fromkeys(APART[split], rate) for split, rate in of_segments.items()}
    world = play(playing("1.2.3"), 900, APART, rates_of_errors=rates)
    assert len(world.trial.arms) == 2
    assert shares(world, "mobile")["1.1.2"] > 80


def test_a_segment_that_nobody_asks_keeps_its_shares_and_holds_no_other() -> None:
    rates = {split: by for split, by in APART.items() if split != EVERYBODY}
    world = play(playing("1.2.3"), 600, rates)
    assert shares(world, "mobile")["1.1.2"] > 80
    assert shares(world, EVERYBODY) == {"1.0.1": 34, "1.1.2": 33, "1.2.3": 33}
    assert world.status.phase is Phase.HEALTHY


def test_while_the_rewards_cannot_be_seen_no_share_moves() -> None:
    world = play(playing("1.2.3"), 300, APART)
    before = world.route
    world.away = "Prometheus is away"
    play(world, 300, APART)
    assert world.route == before
    assert "the shares stay as they are" in world.status.message or "Prometheus is away" in world.status.message


def test_all_segments_are_written_at_once_and_no_more_often_than_asked_for() -> None:
    world = playing("1.2.3", updateEvery="1m")
    start = len(world.plans)
    play(world, 600, APART)
    routes = [plan.route for plan in world.plans[start:]]
    assert 1 <= sum(one != other for one, other in pairwise(routes)) <= 11


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"segments": ("mobile", "mobile")}, "each segment is given once"),
        ({"segments": ("everybody",)}, "have a meaning of their own"),
        ({"segments": ("a-grpc",)}, "ends with -grpc"),
        ({"segments": ("a b",)}, "is no value that can name a split"),
        ({"halfLife": "5m", "onWinner": "Promote"}, "with halfLife the best may change for ever"),
        ({"segments": tuple(f"s{number}" for number in range(32))}, "more than 64"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], words: str) -> None:
    spec = yaml.safe_load(CANARY) | {"analysis": ANALYSIS, "strategy": contextual("1.2.3", **settings)}
    found = parse_spec(spec)
    assert isinstance(found, SpecError)
    assert words in str(found)


def test_it_has_no_match_beside_it() -> None:
    spec = yaml.safe_load(CANARY) | {"analysis": ANALYSIS, "strategy": contextual()}
    spec["traffic"] = {**spec["traffic"], "match": [{"headers": {"x-team": {"exact": "one"}}}]}
    found = parse_spec(spec)
    assert isinstance(found, SpecError)
    assert "traffic.match and segments would both divide the requests" in str(found)


def test_what_the_segments_are_worth_is_told_with_its_interval() -> None:
    """Each segment earns 10 % with its best version, and 6 % with equal shares or any single version for all."""
    value = play(playing("1.2.3", updateEvery="1m"), 1500, APART).trial.value
    assert value is not None
    assert value.ran is not None
    assert value.ran.low < 0.1 < value.ran.high + 0.002
    for gain in (value.over_equal, value.over_one):
        assert gain is not None
        assert 0.02 < gain.low < 0.04 < gain.high < 0.06


def test_with_another_version_the_worth_is_asked_anew() -> None:
    world = play(playing("1.2.3"), 120, APART)
    before = world.trial.value
    failing: Rates = {"mobile": {"1.1.2": 0.5}}
    after = play(world, 60, APART, rates_of_errors=failing).trial.value
    assert before is not None
    assert after is not None
    assert (before.versions, after.versions) == (("1.0.1", "1.1.2", "1.2.3"), ("1.0.1", "1.2.3"))
    assert after.since is not None
    assert before.since is not None
    assert after.since > before.since


def in_bursts(world: World, seconds: float, seed: int) -> World:
    """Requests of every split to versions that are alike. Everybody comes six times, and is rewarded each time or
    never."""
    rng, end = np.random.default_rng(seed), world.now + seconds
    while world.now < end and world.status.trial is not None:
        for split in (*SEGMENTS, EVERYBODY):
            world.requests_in(split, 500)
            counts = world.counts_in(split).setdefault("clicks", {})
            found = world.route.split(split) if world.route is not None else None
            for version, share in (found.shares if found is not None else {}).items():
                people = int(rng.poisson(500 * share / 600))
                earned = 6 * int(rng.binomial(people, 0.2))
                counts[version] = counts.get(version, Count(0, 0)) + Count(earned, 6 * people)
        world.step(5)
    return world


def test_rewards_in_bursts_prove_nothing_in_any_segment_though_there_is_no_past() -> None:
    wrong = 0
    for seed in range(5):
        world = in_bursts(playing(onWinner="Promote", stopAt=0), 250, seed)
        assert world.status.trial is not None
        assert world.status.trial.contest is not None
        known = [world.status.trial.contest, *world.status.trial.segments]
        assert [item.noise for item in known] == [None] * 3, "nothing was counted before"
        assert any(item.unproven is None for item in known), "and yet it is known by now"
        wrong += any(max(one.against.values()) >= item.needed for item in known for one in item.versions)
    assert wrong <= 1
