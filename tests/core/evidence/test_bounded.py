"""Rewards of any size up to a largest one: who earns more a request, by sums and numbers alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pytest

from modelrollout.core.evidence import PARTS, Count, Tick, rate_interval
from modelrollout.core.evidence.bounded import reward_ratios
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.proofs import BETA, Proofs
from modelrollout.core.evidence.spread import Spread

A, B, C = "1.0.0", "1.0.1", "1.0.2"
PLAIN = Rules(overdispersion=1.0, parts=PARTS)
LESS = Rules(overdispersion=1.0, parts=PARTS, more_is_better=False)

Draw = Callable[[np.random.Generator, float, int], float]
"""The sum of so many rewards with this mean."""


def one_or_none(rng: np.random.Generator, mean: float, requests: int) -> float:
    """The widest that rewards can be."""
    return float(rng.binomial(requests, mean))


def narrow(rng: np.random.Generator, mean: float, requests: int) -> float:
    """Rewards that hardly vary."""
    return float(rng.uniform(mean - 0.01, mean + 0.01, requests).sum())


def skewed(rng: np.random.Generator, mean: float, requests: int) -> float:
    """Most requests bring in nothing, and some anything up to the largest."""
    return float(rng.uniform(0.0, 1.0, rng.binomial(requests, 2.0 * mean)).sum())


def played(
    means: Mapping[str, float],
    ticks: int,
    *,
    seed: int = 1,
    rules: Rules = PLAIN,
    draw: Draw = skewed,
    size: int = 1000,
) -> Contest:
    """So many ticks of so many requests to each version, or until one has won."""
    rng, contest = np.random.default_rng(seed), Contest().among(tuple(means))
    for tick in range(ticks):
        new = {version: (size, int(draw(rng, mean, size) * PARTS)) for version, mean in means.items()}
        contest = contest.after(5.0 * tick, new, rules)
        if Proofs(contest, rules).winner is not None:
            break
    return contest


@pytest.mark.parametrize("draw", [one_or_none, narrow, skewed])
def test_the_better_one_wins_and_only_it(draw: Draw) -> None:
    contest = played({A: 0.2, B: 0.2, C: 0.24}, 200, draw=draw)
    assert Proofs(contest, PLAIN).winner == C
    assert Proofs(contest, PLAIN).best == C


def test_less_may_be_better() -> None:
    contest = played({A: 0.05, B: 0.08}, 100, rules=LESS)
    assert Proofs(contest, LESS).winner == A
    assert Proofs(contest, LESS).best == A


@pytest.mark.parametrize("draw", [one_or_none, narrow, skewed])
def test_versions_that_earn_the_same_have_no_winner(draw: Draw) -> None:
    won = [Proofs(played({A: 0.1, B: 0.1}, 100, seed=seed, draw=draw, size=200), PLAIN).winner for seed in range(40)]
    assert sum(item is not None for item in won) <= 4


def test_rewards_that_come_together_in_a_tick_make_no_winner() -> None:
    """What a version earns in a tick moves for all its requests at once: the measured spread holds that back."""

    def together(rng: np.random.Generator, mean: float, requests: int) -> float:
        return float(rng.beta(mean * 30, (1.0 - mean) * 30)) * requests

    rules = Rules(overdispersion=30.0, parts=PARTS)
    won = [
        Proofs(played({A: 0.3, B: 0.3}, 150, seed=seed, draw=together, rules=rules), rules).winner for seed in range(40)
    ]
    assert sum(item is not None for item in won) <= 4


@pytest.mark.parametrize("less", [False, True])
@pytest.mark.parametrize("mean", [0.02, 0.3])
def test_no_difference_is_that_of_means(mean: float, less: bool) -> None:
    rules = Rules(false_winner=1e-9, overdispersion=1.0, parts=PARTS, indifference=0.25, more_is_better=not less)
    ticks = 60 if mean > 0.1 else 400
    assert Proofs(played({A: mean, B: mean}, ticks, rules=rules, draw=one_or_none), rules).alike >= 1 / BETA
    other = {A: 1.25 * mean, B: mean}
    assert Proofs(played(other, ticks, rules=rules, draw=one_or_none), rules).alike < 1 / BETA


REWARDS = (0.0, 0.37, 1.0)


def expected(
    first: list[float], second: list[float], n: int, other: int, rate: float, indifference: float
) -> np.ndarray:
    """Mean of each ratio over every way in which so many rewards of REWARDS can come out, with these chances."""
    mean = np.zeros(18)
    for mine, theirs in product(product(range(3), repeat=n), product(range(3), repeat=other)):
        chance = float(np.prod([first[item] for item in mine]) * np.prod([second[item] for item in theirs]))
        sums = [round(sum(REWARDS[item] for item in items) * PARTS) for items in (mine, theirs)]
        tick = Tick(1.0, Count(sums[0], n * PARTS), Count(sums[1], other * PARTS))
        found = reward_ratios(tick, rate, indifference, PARTS)
        mean += chance * np.exp(np.concatenate([found.first, found.second, found.not_above, found.not_below]))
    return mean


@pytest.mark.parametrize("chances", [[0.2, 0.0, 0.8], [0.9, 0.0, 0.1], [0.3, 0.5, 0.2], [0.0, 1.0, 0.0]])
@pytest.mark.parametrize(("n", "other"), [(2, 3), (4, 1)])
@pytest.mark.parametrize("rate", [0.001, 0.4, 0.95])
def test_a_tie_pays_nothing_on_average_whatever_the_rewards_are(
    chances: list[float], n: int, other: int, rate: float
) -> None:
    assert (expected(chances, chances, n, other, rate, 0.1)[:12] <= 1 + 1e-9).all()


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_nor_does_it_pay_where_the_null_hypothesis_holds(rate: float) -> None:
    low, high = [0.75, 0.05, 0.2], [0.45, 0.15, 0.4]
    assert (expected(low, high, 3, 2, rate, 0.1)[:6] <= 1 + 1e-9).all(), "the first is not better"
    assert (expected(high, low, 3, 2, rate, 0.1)[6:12] <= 1 + 1e-9).all(), "the second is not better"


@pytest.mark.parametrize("rate", [0.05, 0.5])
@pytest.mark.parametrize("indifference", [0.05, 0.5])
def test_means_at_the_bound_are_not_called_the_same(rate: float, indifference: float) -> None:
    mean = 0.4
    low, high = [1 - mean, 0.0, mean], [1 - mean * (1 + indifference), 0.0, mean * (1 + indifference)]
    assert (expected(high, low, 3, 2, rate, indifference)[12:15] <= 1 + 1e-9).all()
    assert (expected(low, high, 3, 2, rate, indifference)[15:18] <= 1 + 1e-9).all()


def test_with_rewards_of_one_or_none_it_takes_hardly_longer_than_the_exact_test() -> None:
    def ticks(parts: int) -> float:
        rules, found = Rules(overdispersion=1.0, parts=parts), []
        for seed in range(15):
            rng, contest = np.random.default_rng(seed), Contest().among((A, B))
            for tick in range(400):
                new = {
                    A: (1000, int(rng.binomial(1000, 0.05)) * parts),
                    B: (1000, int(rng.binomial(1000, 0.06)) * parts),
                }
                contest = contest.after(5.0 * tick, new, rules)
                if Proofs(contest, rules).winner is not None:
                    break
            found.append(tick)
        return float(np.median(found))

    assert ticks(PARTS) <= 1.15 * ticks(1)


def test_nothing_is_bet_before_anybody_has_earned_anything() -> None:
    contest = Contest().among((A, B)).after(1.0, {A: (100, 0), B: (100, 40 * PARTS)}, PLAIN)
    assert contest.evidence(B, A, PLAIN) == 1.0


def test_rewards_that_come_later_than_their_requests_are_counted_then() -> None:
    contest = Contest().among((A, B)).after(1.0, {A: (0, 5 * PARTS), B: (1, PARTS + 7)}, PLAIN)
    assert contest.counts == {A: Count(0, 0), B: Count(PARTS, PARTS)}
    assert {name: item.rewards for name, item in contest.waiting.items()} == {A: 5 * PARTS, B: 7}


def test_nothing_is_lost_on_the_way_through_the_status() -> None:
    contest = played({A: 0.05, B: 0.06, C: 0.05}, 30)
    assert Contest.from_status(json.loads(json.dumps(contest.to_status()))) == contest


def test_rewards_that_hardly_vary_are_no_burst_and_those_of_people_who_come_five_times_are() -> None:
    rng, quiet, bursty = np.random.default_rng(3), Spread(), Spread()
    for _ in range(400):
        quiet = quiet.after({A: Count(int(narrow(rng, 0.3, 1000) * PARTS), 1000 * PARTS)}, PARTS)
        bursty = bursty.after({A: Count(int(5 * one_or_none(rng, 0.1, 200) * PARTS), 1000 * PARTS)}, PARTS)
    assert quiet.factor(1.0) == 1.0
    assert bursty.factor(1.0) == pytest.approx(5.0, rel=0.2)


def test_the_interval_holds_the_mean_at_all_times() -> None:
    missed = 0
    for seed in range(60):
        rng, total = np.random.default_rng(seed), Count(0, 0)
        for _ in range(60):
            total += Count(int(skewed(rng, 0.1, 100) * PARTS), 100 * PARTS)
            found = rate_interval(total, 0.05, PARTS)
            if not found.low <= 0.1 <= found.high:
                missed += 1
                break
    assert missed <= 3
