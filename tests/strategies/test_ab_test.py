"""A/B test: versions compete by a reward at fixed shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import yaml

from modelrollout.adapters.metrics.custom import combine
from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.status import Phase
from modelrollout.core.evidence import BadCount, Count
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import SpecError, parse_spec
from tests.core.world import CANARY, World

REWARD = {
    "name": "clicks",
    "role": "Reward",
    "successes": 'clicks_total{version="{{ version }}"}',
    "trials": 'shown_total{version="{{ version }}"}',
}
ANALYSIS: dict[str, Any] = {"metrics": [{"name": "errors"}, REWARD]}


def ab_test(*arms: str, **settings: Any) -> dict[str, Any]:
    """A test of at most an hour of spec.model and further arms."""
    others = [{"version": version, "uri": f"pvc://models/fraud/{version}"} for version in arms]
    return {"abTest": {"arms": others, "minDuration": "1m", "maxDuration": "1h"} | settings}


SHORT = {"maxDuration": "5m"}
SPECS = {
    "two": ab_test(**SHORT),
    "three": ab_test("1.2.3", **SHORT),
    "weighted": ab_test("1.2.3", "2.0.4", weight=10, **SHORT),
    "by hand": ab_test("1.2.3", onWinner="Pause", onNoDifference="Pause", **SHORT),
}
"""For the properties of the core."""


def serving(**analysis: Any) -> World:
    """1.0.1 serves, by a canary."""
    spec = yaml.safe_load(CANARY)
    return World(spec=spec | {"analysis": ANALYSIS | analysis, "strategy": ab_test()}).installed()


def under_test(*arms: str, **settings: Any) -> World:
    """A test of 1.1.2 and other arms against 1.0.1, all of them with their shares."""
    world = serving()
    world.configure(strategy=ab_test(*arms, **settings)).apply(version="1.1.2", uri="pvc://models/fraud/2")
    for _ in range(8):
        world.step(1)
    assert world.status.trial is not None
    return world


def contest_of(world: World) -> ContestStatus:
    """Who earns more, as the status has it."""
    assert world.status.trial is not None
    assert world.status.trial.contest is not None
    return world.status.trial.contest


def play(world: World, seconds: float, rewards: dict[str, float], *, rate: int = 1000) -> World:
    """Requests at a rate of so many a second, a part of them rewarded, until the test is over."""
    end = world.now + seconds
    while world.now < end and world.status.trial is not None:
        world.requests(rate * 5)
        world.requests(rate * 5, rewards, metric="clicks")
        world.step(5)
    return world


@pytest.mark.parametrize("behind", [0.0, 60.0, -60.0])
def test_rewards_are_out_of_sight_after_three_scrapes_whatever_the_clocks_say(behind: float) -> None:
    world = serving()
    world.prometheus_behind = behind
    world.configure(strategy=ab_test()).apply(version="1.1.2", uri="pvc://models/fraud/2").run(10, tick=1)
    play(world, 30, {})
    world.away = "connection refused"
    world.step(0.5)
    assert contest_of(world).trouble is None, "one question that fails is no blindness"
    for _ in range(32):
        world.step(0.5)
    assert contest_of(world).trouble == "connection refused"


def test_all_versions_get_the_same_share() -> None:
    world = under_test("1.2.3")
    assert world.live == {"1.0.1": 34, "1.1.2": 33, "1.2.3": 33}
    assert world.status.phase is Phase.PROGRESSING
    assert "nothing is decided: clicks has counted nothing yet" in world.status.message
    play(world, 20, {"1.0.1": 0.05, "1.1.2": 0.05, "1.2.3": 0.05})
    assert "no winner is named before minDuration 1m" in world.status.message


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        ({"weight": 10}, {"1.0.1": 45, "1.1.2": 10, "1.2.3": 45}),
        ({}, {"1.0.1": 34, "1.1.2": 33, "1.2.3": 33}),
    ],
    ids=["one has a weight", "none has"],
)
def test_who_has_no_weight_shares_what_the_others_leave(settings: dict[str, Any], shares: dict[str, int]) -> None:
    assert under_test("1.2.3", **settings).live == shares


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_people_who_come_six_times_make_no_winner(seed: int) -> None:
    """Of equal versions; nobody has said that rewards come in bursts, and the past had none."""
    world, rng = under_test(maxDuration="30m", indifference=0.01), np.random.default_rng(seed)
    counts = world.counts.setdefault("clicks", {})
    while world.status.trial is not None:
        world.requests(3000)
        for version, share in (world.live or {}).items():
            people = int(3000 * share / 100 / 6)
            earned = Count(6 * int(rng.binomial(people, 0.2)), 6 * people)
            counts[version] = counts.get(version, Count(0, 0)) + earned
        world.step(5)
    assert world.live == {"1.0.1": 100}
    assert "no version is proven to be the best" in world.status.message


def test_the_winner_takes_everything_and_nobody_begins_again() -> None:
    world = play(under_test("1.2.3"), 1800, {"1.0.1": 0.05, "1.1.2": 0.05, "1.2.3": 0.06})
    assert world.status.stable is not None
    assert world.status.stable.version == "1.2.3"
    for _ in range(60):
        world.step(5)
    assert world.live == {"1.2.3": 100}
    assert world.status.phase is Phase.HEALTHY
    assert world.status.message.startswith("1.2.3 serves all requests; the test is over: 1.2.3 won by clicks: ")
    assert not world.status.quarantined
    assert {item.version for item in world.status.taken_back} == {"1.1.2"}
    assert {entry.outcome for entry in world.status.history} == {"Installed", "NotChosen", "Promoted"}


def test_what_the_only_arm_has_won_by_is_told() -> None:
    world = play(under_test(), 1800, {"1.0.1": 0.05, "1.1.2": 0.08})
    for _ in range(60):
        world.step(5)
    assert world.status.message.startswith("1.1.2 serves all requests; the test is over: clicks: ")


def test_no_winner_before_min_duration() -> None:
    world = play(under_test(minDuration="20m"), 1140, {"1.0.1": 0.05, "1.1.2": 0.10})
    assert world.live == {"1.0.1": 50, "1.1.2": 50}
    contest = contest_of(world)
    assert contest.versions[1].against["1.0.1"] > contest.needed
    play(world, 120, {"1.0.1": 0.05, "1.1.2": 0.10})
    assert world.live == {"1.1.2": 100}


def test_the_control_may_win() -> None:
    """By own counters after the first hour: until then a part of its rivals' rewards might not have come at all."""
    world = play(under_test("1.2.3", maxDuration="3h"), 9000, {"1.0.1": 0.07, "1.1.2": 0.05, "1.2.3": 0.06})
    assert world.status.trial is None
    assert world.live == {"1.0.1": 100}
    assert world.said(Reason.NOT_CHOSEN)[0].startswith("1.1.2 was not chosen: 1.0.1 won by clicks: ")
    for _ in range(10):
        world.step(5)
    assert world.status.phase is Phase.HEALTHY


def test_no_difference_keeps_the_control() -> None:
    world = play(under_test(indifference=0.5), 3500, {"1.0.1": 0.2, "1.1.2": 0.2})
    assert world.status.trial is None
    assert "the versions do not differ, so 1.0.1 stays" in world.said(Reason.NOT_CHOSEN)[0]
    assert world.now < world.status.history[-1].started_at + 3500


def test_of_several_that_are_better_and_alike_the_best_is_taken() -> None:
    world = play(under_test("1.2.3", indifference=0.5), 3500, {"1.0.1": 0.1, "1.1.2": 0.2, "1.2.3": 0.2})
    assert world.status.trial is None
    assert world.live in ({"1.1.2": 100}, {"1.2.3": 100})


def test_what_is_undecided_at_the_end_keeps_the_control() -> None:
    world = play(under_test(), 4000, {"1.0.1": 0.05, "1.1.2": 0.0505}, rate=10)
    assert world.status.trial is None
    assert "no version is proven to be the best, so 1.0.1 stays" in world.said(Reason.NOT_CHOSEN)[0]


def test_an_arm_that_fails_leaves_at_once_and_no_other_is_touched() -> None:
    world = play(under_test("1.2.3"), 60, {"1.0.1": 0.05, "1.1.2": 0.05, "1.2.3": 0.05})
    for _ in range(6):
        world.requests(5000, {"1.1.2": 0.3})
        world.step(5)
    assert world.live == {"1.0.1": 67, "1.2.3": 33}
    assert [item.version for item in world.status.quarantined] == ["1.1.2"]
    play(world, 1200, {"1.0.1": 0.05, "1.2.3": 0.07})
    assert world.live == {"1.2.3": 100}
    for _ in range(10):
        world.step(5)
    assert world.status.phase is Phase.HEALTHY, "the test is over, whoever failed in it"
    assert "1.1.2 was rolled back: " in world.status.message


def test_when_every_arm_fails_somebody_has_to_act() -> None:
    world = play(under_test(), 60, {"1.0.1": 0.05, "1.1.2": 0.05})
    for _ in range(20):
        world.requests(5000, {"1.1.2": 0.3})
        world.step(5)
    assert world.live == {"1.0.1": 100}
    assert world.status.phase is Phase.DEGRADED


def test_a_person_is_waited_for() -> None:
    world = play(under_test(onWinner="Pause"), 900, {"1.0.1": 0.05, "1.1.2": 0.08})
    assert world.status.phase is Phase.AWAITING_APPROVAL
    assert "1.1.2 won by clicks: " in world.status.message
    assert world.live == {"1.0.1": 50, "1.1.2": 50}
    world.command = "promote 1.1.2 1"
    play(world, 30, {"1.0.1": 0.05, "1.1.2": 0.08})
    assert world.live == {"1.1.2": 100}


def test_a_person_ends_the_test_now() -> None:
    world = play(under_test(), 30, {"1.0.1": 0.05, "1.1.2": 0.05})
    world.command = "skip 1.1.2 1"
    play(world, 30, {"1.0.1": 0.05, "1.1.2": 0.05})
    assert world.status.trial is None
    assert world.live == {"1.0.1": 100}


def test_what_cannot_be_seen_decides_nothing() -> None:
    world = play(under_test(), 30, {"1.0.1": 0.05, "1.1.2": 0.05})
    world.away = "Prometheus does not answer"
    for _ in range(900):
        world.step(5)
    assert world.status.trial is not None, "maxDuration is over, and nothing was seen"
    assert world.live == {"1.0.1": 50, "1.1.2": 50}


def test_a_version_whose_rewards_nobody_counts_wins_nothing() -> None:
    world = under_test("1.2.3")
    for _ in range(60):
        world.requests(5000)
        world.requests(5000, {"1.0.1": 0.02, "1.1.2": 0.1}, metric="clicks")
        world.counts["clicks"].pop("1.2.3")
        world.step(5)
    assert world.status.trial is not None
    assert "clicks has counted no request of 1.2.3" in world.status.message


def elsewhere(world: World) -> World:
    """Twice as many requests go to one of two versions as to the other, at equal shares; and it is better."""
    for _ in range(120):
        world.requests(5000)
        counts = world.counts.setdefault("clicks", {})
        for version, requests, share in (("1.0.1", 1000, 0.05), ("1.1.2", 2000, 0.1)):
            counts[version] = counts.get(version, Count(0, 0)) + Count(int(requests * share), requests)
        world.step(5)
    return world


def test_requests_that_go_elsewhere_are_said_and_decide_nothing() -> None:
    world = elsewhere(under_test())
    assert world.status.trial is not None
    assert "where its share is 50 %" in world.status.message


AFFINITIES: dict[str, dict[str, Any]] = {
    "by a cookie": {"cookie": {}},
    "by an echo": {"echo": {}},
    "by an id": {"header": {"name": "x-user-id", "method": "HexSuffix"}},
}


@pytest.mark.parametrize("affinity", AFFINITIES.values(), ids=AFFINITIES)
def test_where_users_stay_the_shares_are_of_users_and_requests_may_go_elsewhere(affinity: dict[str, Any]) -> None:
    """Some ask more than others, and nobody knows how many there are."""
    world = under_test()
    elsewhere(world.configure(traffic={**world.spec["traffic"], "affinity": affinity}))
    assert world.status.trial is None
    assert world.live == {"1.1.2": 100}


def test_a_reward_counter_that_begins_anew_loses_nothing() -> None:
    world = play(under_test(), 60, {"1.0.1": 0.05, "1.1.2": 0.05}, rate=100)
    before = sum(item.requests for item in contest_of(world).versions)
    world.counts["clicks"] = {version: Count(0, 0) for version in world.counts["clicks"]}
    play(world, 20, {"1.0.1": 0.05, "1.1.2": 0.05}, rate=100)
    assert sum(item.requests for item in contest_of(world).versions) == before + 4 * 500


def test_a_reward_counter_that_goes_backwards_loses_what_came_meanwhile_and_no_more() -> None:
    world = play(under_test(), 60, {"1.0.1": 0.5, "1.1.2": 0.5}, rate=100)
    before = contest_of(world)
    counts = world.counts["clicks"]
    counts["1.1.2"] = Count(counts["1.1.2"].bad - 100, counts["1.1.2"].trials)
    play(world, 5, {"1.0.1": 0.5, "1.1.2": 0.5}, rate=2)
    for was, item in zip(before.versions, contest_of(world).versions, strict=True):
        assert item.rewards <= was.rewards + 5
    play(world, 60, {"1.0.1": 0.5, "1.1.2": 0.5}, rate=100)
    for was, item in zip(before.versions, contest_of(world).versions, strict=True):
        assert was.requests < item.requests <= was.requests + 12 * 250 + 5
        assert item.rate == pytest.approx(0.5, abs=0.02)
    assert contest_of(world).trouble is None


def test_more_rewards_than_requests_in_all_decide_nothing() -> None:
    world = play(under_test(), 200, {"1.0.1": 0.05, "1.1.2": 0.05})
    with pytest.raises(BadCount) as found:
        combine({"a": {1.0: (0.0, 101.0)}}, {"a": {1.0: (0.0, 100.0)}})
    world.refused["clicks"] = str(found.value)
    play(world, 4000, {"1.0.1": 0.05, "1.1.2": 0.1})
    assert world.live == {"1.0.1": 50, "1.1.2": 50}, "also when maxDuration is over"
    assert "101 successes of 100 trials" in world.status.message
    assert any("101 successes of 100 trials" in told for told in world.said(Reason.BLIND))
    world.refused.clear()
    play(world, 60, {"1.0.1": 0.05, "1.1.2": 0.1})
    assert world.live == {"1.1.2": 100}, "what was counted meanwhile counts"


def test_a_version_that_gets_no_requests_wins_nothing_and_loses_nothing() -> None:
    world = under_test("1.2.3")
    for _ in range(90):
        for metric, rewards in (("errors", {}), ("clicks", {"1.0.1": 0.02, "1.1.2": 0.1})):
            before = world.counts.setdefault(metric, {}).get("1.2.3")
            world.requests(5000, rewards, metric=metric)
            world.counts[metric].pop("1.2.3") if before is None else world.counts[metric].update({"1.2.3": before})
        world.step(5)
    assert world.live == {"1.0.1": 34, "1.1.2": 33, "1.2.3": 33}
    assert [item.verdict for arm in world.status.arms for item in arm.metrics if arm.version == "1.2.3"] == [
        "NoTraffic"
    ]
    assert "clicks has counted no request of 1.2.3" in world.status.message


def test_rewards_may_come_later_than_their_requests() -> None:
    world = under_test()
    counts = world.counts.setdefault("clicks", {})
    for tick in range(40):
        new = (50, 0) if tick % 2 else (0, 500)
        for version in ("1.0.1", "1.1.2"):
            before = counts.get(version, Count(0, 0))
            counts[version] = Count(before.bad + new[0], before.trials + new[1])
        world.requests(1000)
        world.step(5)
    contest = contest_of(world)
    assert contest.trouble is None
    assert contest.versions[0].rewards > 800


def test_an_operator_that_is_killed_knows_what_it_knew() -> None:
    world = play(under_test("1.2.3"), 100, {"1.0.1": 0.05, "1.1.2": 0.052, "1.2.3": 0.05})
    before = contest_of(world)
    again = replace(world)  # the status went through JSON after every pass
    again.step(0.5)
    assert contest_of(again) == before


def test_undo_goes_back_to_the_version_before() -> None:
    world = under_test()
    world.configure(rollback={"keepPrevious": "1h"})
    play(world, 900, {"1.0.1": 0.05, "1.1.2": 0.08})
    assert world.live == {"1.1.2": 100}
    world.command = "undo 1.1.2 1"
    for _ in range(10):
        world.step(5)
    assert world.live == {"1.0.1": 100}
    assert world.status.phase is Phase.DEGRADED


def test_the_model_that_serves_may_be_the_one_that_is_named() -> None:
    world = serving()
    world.configure(strategy=ab_test("1.1.2"))
    for _ in range(8):
        world.step(1)
    assert world.live == {"1.0.1": 50, "1.1.2": 50}
    world.configure(rollback={"keepPrevious": "1h"})
    play(world, 900, {"1.0.1": 0.05, "1.1.2": 0.08})
    for _ in range(100):
        world.step(5)
    assert world.live == {"1.1.2": 100}, "1.0.1 took part and was not chosen: it does not begin again"
    assert world.status.phase is Phase.HEALTHY
    world.command = "retry 1.0.1 1"
    for _ in range(10):
        world.step(5)
    assert world.status.trial is not None


def test_a_lost_status_holds_nobody_to_blame_who_was_only_not_the_best() -> None:
    world = play(under_test("1.2.3"), 1800, {"1.0.1": 0.05, "1.1.2": 0.05, "1.2.3": 0.07})
    world.status = type(world.status)()
    for _ in range(60):
        world.step(5)
    assert world.live == {"1.2.3": 100}
    assert world.status.phase is Phase.HEALTHY


REFUSED = {
    "no reward": ({"metrics": [{"name": "errors"}]}, ab_test(), "needs one metric with role: Reward"),
    "a reward for nothing": (
        ANALYSIS,
        {"canary": {"steps": [{"setWeight": 5}]}},
        "role: Reward is for strategy abTest, bandit or",
    ),
    "no guardrail": ({"metrics": [REWARD]}, ab_test(), "nothing would take a bad version out"),
    "a limit": ({"metrics": [{"name": "errors"}, REWARD | {"limit": 0.5}]}, ab_test(), "takes neither"),
    "errors as a reward": ({"metrics": [{"name": "errors", "role": "Reward"}]}, ab_test(), "are guardrails"),
    "twice": (ANALYSIS, ab_test("1.1.2", "1.1.2"), "each version is given once"),
    "no share is left": (ANALYSIS, ab_test("1.1.2", "1.2.3", weight=98), "leave nothing for the version that serves"),
    "never": (ANALYSIS, ab_test(minDuration="1h"), "no winner could ever be named"),
}


@pytest.mark.parametrize(("analysis", "strategy", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(analysis: dict[str, Any], strategy: dict[str, Any], words: str) -> None:
    found = parse_spec(yaml.safe_load(CANARY) | {"analysis": analysis, "strategy": strategy})
    assert isinstance(found, SpecError)
    assert words in found.message


def test_an_arm_of_another_digest_is_refused_by_its_own_field() -> None:
    world = under_test("1.2.3")
    arm = {"version": "1.2.3", "uri": "pvc://models/fraud/1.2.3", "digest": "sha256:" + "b" * 64}
    world.configure(strategy={"abTest": {**world.spec["strategy"]["abTest"], "arms": [arm]}}).step(1)
    assert world.status.message.startswith("spec.strategy.abTest.arms[0].digest: version 1.2.3 is already known with")
