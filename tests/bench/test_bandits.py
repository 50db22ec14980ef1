"""Bandits of the bench: what they lose, who is dropped, when a change is followed, and rewards that come late."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from bench.stats import bandits, context, delay, drift, mab, policies
from bench.stats.__main__ import main
from bench.stats.bandit_pictures import draw_bandits
from bench.stats.bandit_tables import HEADS, rows_of
from bench.stats.bandits import RATES, Played, Rewards, Scenario, ends_of, lai_robbins, play
from bench.stats.course_pictures import by_minute, course_of, draw_delay, draw_drift
from bench.stats.elimination import Race
from bench.stats.policies import Policy, among_two_best, equal, thompson
from bench.stats.product import NAME
from bench.stats.traffic import generator
from modelrollout.core.evidence.belief import Belief
from modelrollout.core.evidence.thompson import Posterior

SHORT = Scenario(20_000, {})
KNOWN = [Belief(1e4 * rate, 1e4) for rate in RATES]
ALL = range(len(RATES))
CHANGE = "6 % and 3 % change places"


def test_an_equal_split_loses_what_can_be_computed() -> None:
    played = play(SHORT, Policy(equal), generator(1, "test"))
    assert played.regret == pytest.approx(20_000 * (0.06 - np.mean(RATES)), rel=0.02)
    assert played.best_share == pytest.approx(1 / 6)
    assert (played.dropped, played.followed) == (False, inf)


def test_thompson_loses_less() -> None:
    assert play(SHORT, Policy(thompson), generator(1, "test")).regret < 0.5 * 20_000 * (0.06 - np.mean(RATES))


def test_the_scale_is_that_of_lai_and_robbins() -> None:
    assert lai_robbins(Scenario(100_000, {})) == pytest.approx(320, abs=1)
    assert lai_robbins(Scenario(1_000_000, {})) == pytest.approx(384, abs=1)


def test_who_is_worse_is_dropped_and_the_best_stays() -> None:
    race, rng = Race.of(3, 0.0), generator(1, "test")
    for _ in range(60):
        trials = [500, 500, 500]
        race = race.after(trials, rng.binomial(trials, [0.05, 0.10, 0.05]).tolist(), 5.0)
    assert race.racing == (1,)


def test_nobody_is_dropped_of_equals() -> None:
    race, rng = Race.of(3, 0.0), generator(1, "test")
    for _ in range(60):
        race = race.after([500] * 3, rng.binomial([500] * 3, 0.05).tolist(), 5.0)
    assert race.racing == (0, 1, 2)


RULES = {
    "thompson": (policies.thompson, (0.01, 0.01, 0.95, 0.01, 0.01, 0.01)),
    "iter8": (policies.iter8, (1 / 60, 1 / 60, 0.9 + 1 / 60, 1 / 60, 1 / 60, 1 / 60)),
    "growthbook": (policies.growthbook, (0.01, 0.4527, 0.48, 0.01, 0.0373, 0.01)),
    "equal": (policies.equal, (1 / 6,) * 6),
}


@pytest.mark.parametrize(("rule", "shares"), RULES.values(), ids=RULES.keys())
def test_shares(rule: policies.Rule, shares: tuple[float, ...]) -> None:
    found = rule(KNOWN, ALL)
    assert sum(found) == pytest.approx(1.0)
    assert found == pytest.approx(shares, abs=0.02)


def test_who_is_out_gets_nothing() -> None:
    assert thompson(KNOWN, (1, 2)) == [0.0, 0.01, 0.99, 0.0, 0.0, 0.0]


def test_the_two_best_are_those_of_draws() -> None:
    arms = [Posterior(5.0, 95.0), Posterior(8.0, 110.0), Posterior(1.0, 1.0), Posterior(4.0, 60.0)]
    rng = np.random.default_rng(1)
    draws = np.array([rng.beta(arm.a, arm.b, 200_000) for arm in arms])
    ranks = draws.argsort(axis=0).argsort(axis=0)
    assert among_two_best(arms) == pytest.approx((ranks >= 2).mean(axis=1), abs=0.005)
    assert sum(among_two_best(arms)) == pytest.approx(2.0)


def test_a_change_is_followed_when_the_new_best_arm_gets_more_than_half() -> None:
    scenario = Scenario(8000, {}, later=drift.changed(0.03))
    assert scenario.rates_of(3).argmax() == 2
    assert scenario.rates_of(4).argmax() == 3
    assert ends_of(scenario, [0.9, 0.9, 0.9, 0.9, 0.1, 0.5, 0.6, 0.4])[1] == 20.0
    assert ends_of(scenario, [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1])[1] == inf


def test_rewards_come_after_their_delay_and_none_is_lost() -> None:
    rng, rewards, came = generator(1, "test"), Rewards(np.zeros(1, dtype=np.int64)), []
    for second in range(200):
        rewards, now = rewards.after(np.array([1000 if second < 10 else 0]), 1.0, 20.0, rng)
        came.append(int(now[0]))
    assert sum(came) + int(rewards.out[0]) == 10_000
    mean = np.dot(came, np.arange(200)) / sum(came)
    assert mean - 4.5 == pytest.approx(20.0, rel=0.05)


def test_counting_only_matured_requests_is_worth_it() -> None:
    scenario = Scenario(100_000, {}, delay=300.0)
    policies_of = delay.late(300.0).policies
    regret = {
        name: np.mean([play(scenario, policies_of[name], generator(1, "test", run)).regret for run in range(4)])
        for name in (delay.KEPT, delay.NAIVE)
    }
    assert regret[delay.KEPT] < regret[delay.NAIVE]


def test_a_quotient_has_the_limits_of_both() -> None:
    measure = delay.quotient([140.0, 160.0, 150.0, 150.0], [100.0, 100.0])
    assert measure["value"] == 1.5
    assert measure["high"] - 1.5 == pytest.approx(0.01 * 1.96 * np.std([140, 160, 150, 150], ddof=1) / 2)


def test_measures_are_of_all_runs() -> None:
    lost = [Played(100.0, False, 0.9, 60.0), Played(300.0, True, 0.7, 120.0)]
    found = mab.measure({"1e5 requests": {NAME: lost}})["1e5 requests"][NAME]
    assert (found["regret"]["value"], found["bestDropped"]["hits"], found["regret"]["runs"]) == (200.0, 1, 2)
    assert found["timesLaiRobbins"]["value"] == pytest.approx(200 / 320, rel=0.01)
    assert drift.losses(CHANGE, lost)["followed"]["value"] == 60.0


def test_only_who_drops_arms_can_have_dropped_the_best() -> None:
    lost = [Played(100.0, True, 0.9, 60.0), Played(300.0, False, 0.7, 120.0)]
    found = delay.measure({delay.AT_ONCE: {delay.KEPT: lost}, "after 300 s": {delay.NAIVE: lost, "equal split": lost}})
    assert found["after 300 s"][delay.NAIVE]["bestDropped"]["hits"] == 1
    assert set(found["after 300 s"]["equal split"]) == {"regret", "timesAtOnce"}


@pytest.mark.parametrize("suite", [mab, drift, delay], ids=["mab", "drift", "delay"])
def test_the_rules_of_others_play_beside_the_product(suite: ModuleType) -> None:
    quick = next(scenario for scenario in suite.SCENARIOS.values() if scenario.quick)
    assert set(policies.PEERS) < set(quick.policies)


def test_a_part_has_the_same_name_in_every_process() -> None:
    assert " at 0x" not in repr(drift.SCENARIOS)  # the address of a function, another one each time
    assert " at 0x" not in repr(context.SCENARIOS)


def test_a_course_is_the_mean_of_all_runs() -> None:
    course = course_of([[(10.0, 0.2), (6.0, 0.4)], [(20.0, 0.4), (4.0, 0.8)]])
    assert course.lost.tolist() == [15.0, 20.0]
    assert course.best.tolist() == pytest.approx([0.3, 0.6])
    assert by_minute(np.array([1.0, 3.0, 4.0, 6.0, 9.0]), 30.0).tolist() == [2.0, 5.0]


@pytest.mark.parametrize("draw", [draw_drift, draw_delay], ids=["drift", "delay"])
def test_the_pictures_of_courses_are_drawn(draw: Callable[..., None], tmp_path: Path) -> None:
    draw(tmp_path / "course.png", runs=1, requests=12_000)
    assert (tmp_path / "course.png").read_bytes().startswith(b"\x89PNG")


def test_the_tables_have_a_line_for_each_cell_and_policy() -> None:
    played = [Played(100.0, False, 0.9, inf), Played(300.0, True, 0.7, inf)]
    results = {"mab": mab.measure({"1e5 requests": {NAME: played}}), "drift": drift.measure({CHANGE: {NAME: played}})}
    assert rows_of(results["mab"], HEADS["mab"])[1] == ("1e5 requests", NAME, "2", "200", "300", "0.62", "50 %")
    assert rows_of(results["drift"], HEADS["drift"]) == [
        ("", "policy", "runs", "lost, mean", "followed after, median"),
        (CHANGE, NAME, "2", "200", "never"),
    ]


def test_the_suites_run_and_depend_on_the_seed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the usual requests, each run a task of its own."""
    monkeypatch.setattr(bandits, "CHUNK", 1)
    for suite in (mab, drift, delay):
        for name, scenario in suite.SCENARIOS.items():
            monkeypatch.setitem(suite.SCENARIOS, name, replace(scenario, requests=scenario.requests // 10))
    found = []
    for processes in ("1", "2"):
        path = tmp_path / f"{processes}.json"
        suites = [part for name in ("mab", "drift", "delay") for part in ("--suite", name)]
        result = CliRunner().invoke(
            main, [*suites, "--quick", "--runs", "2", "--json", str(path), "--processes", processes]
        )
        assert result.exit_code == 0, result.output
        found.append(json.loads(path.read_text())["results"])
    assert found[0] == found[1]
    assert set(found[0]["delay"]) == {delay.AT_ONCE, "after 300 s"}


def test_the_picture_has_every_policy(tmp_path: Path) -> None:
    path = tmp_path / "bandits.png"
    draw_bandits(path, runs=1, requests=3000)
    assert path.read_bytes().startswith(b"\x89PNG")
