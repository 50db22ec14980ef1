"""Who earns more, and whether there is a difference: sequential tests of every two versions."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from scipy.stats import nchypergeom_fisher

from modelrollout.core.evidence import Count, Tick
from modelrollout.core.evidence.contest import BETA, Contest, Rules
from modelrollout.core.evidence.pairwise import BETTER_BY, PairEvidence
from modelrollout.core.evidence.skew import Skew
from modelrollout.core.evidence.spread import Spread

A, B, C = "1.0.0", "1.0.1", "1.0.2"
PLAIN = Rules(overdispersion=1.0)


def played(rates: Mapping[str, float], ticks: int, seed: int = 1, rules: Rules = PLAIN, size: int = 1000) -> Contest:
    """So many ticks of so many requests to each version, rewarded at these rates."""
    rng, contest = np.random.default_rng(seed), Contest().among(tuple(rates))
    for tick in range(ticks):
        new = {version: (size, int(rng.binomial(size, rate))) for version, rate in rates.items()}
        contest = contest.after(5.0 * tick, new, A, rules)
    return contest


def test_the_better_one_wins_and_only_it() -> None:
    contest = played({A: 0.05, B: 0.05, C: 0.06}, 200)
    assert contest.winner(PLAIN) == C
    assert contest.best(PLAIN) == C


def test_less_may_be_better() -> None:
    rules = Rules(overdispersion=1.0, more_is_better=False)
    contest = played({A: 0.05, B: 0.08}, 100, rules=rules)
    assert contest.winner(rules) == A
    assert contest.best(rules) == A


def test_two_that_are_alike_are_proven_so_and_two_that_are_not_are_not() -> None:
    rules = Rules(overdispersion=1.0, indifference=0.2)
    assert played({A: 0.2, B: 0.2}, 60, rules=rules).alike(rules) >= 1 / BETA
    assert played({A: 0.2, B: 0.26}, 60, rules=rules).alike(rules) < 1 / BETA


def test_who_is_beaten_is_not_asked_whether_it_differs() -> None:
    rules = Rules(overdispersion=1.0, indifference=0.2)
    contest = played({A: 0.1, B: 0.2, C: 0.2}, 60, rules=rules)
    assert contest.contenders(rules) == (B, C)
    assert contest.alike(rules) >= 1 / BETA
    assert contest.winner(rules) is None


@pytest.mark.parametrize("index", range(len(BETTER_BY)))
def test_the_likelihood_ratio_is_that_of_scipy(index: int) -> None:
    tick = Tick(1.0, Count(30, 400), Count(20, 600))
    ratio = PairEvidence().after(tick, 0.05).first[index]
    alternative, equal = (nchypergeom_fisher(1000, 50, 400, odds).pmf(30) for odds in (BETTER_BY[index], 1.0))
    assert ratio == pytest.approx(alternative / equal, rel=1e-6)


@pytest.mark.parametrize("rate", [0.02, 0.2, 0.5])
def test_a_tie_pays_nothing_on_average(rate: float) -> None:
    """The mean of an e-value under its null hypothesis is at most 1: over every way a tick can come out."""
    first, second, rewards = 40, 60, round(100 * rate)
    chances = nchypergeom_fisher(100, rewards, first, 1.0)
    mean = 0.0
    for won in range(max(0, rewards - second), min(first, rewards) + 1):
        pair = PairEvidence().after(Tick(1.0, Count(won, first), Count(rewards - won, second)), 0.05)
        mean += chances.pmf(won) * pair.first_is_better
    assert mean <= 1 + 1e-9


def test_rewards_that_come_later_than_their_requests_are_counted_then() -> None:
    contest = Contest().among((A, B))
    contest = contest.after(1.0, {A: (100, 0), B: (100, 0)}, A, PLAIN)
    contest = contest.after(2.0, {A: (0, 5), B: (0, 9)}, A, PLAIN)
    assert contest.counts == {A: Count(0, 100), B: Count(0, 100)}
    contest = contest.after(3.0, {A: (100, 0), B: (100, 0)}, A, PLAIN)
    assert contest.counts == {A: Count(5, 200), B: Count(9, 200)}


def test_a_version_that_comes_later_has_everything_before_it() -> None:
    contest = played({A: 0.05, B: 0.2}, 40).among((A, B, C))
    assert contest.counts[C] == Count(0, 0)
    assert contest.evidence(B, A) > 100
    assert contest.winner(PLAIN) is None


def test_it_is_no_easier_to_win_when_others_have_left() -> None:
    contest = played({A: 0.05, B: 0.05, C: 0.05}, 2)
    assert contest.among((A, B)).needed(PLAIN) == contest.needed(PLAIN) == 40


def test_nothing_is_lost_on_the_way_through_the_status() -> None:
    contest = played({A: 0.05, B: 0.06, C: 0.05}, 30)
    assert Contest.from_status(json.loads(json.dumps(contest.to_status()))) == contest


def test_the_spread_is_that_of_the_bursts() -> None:
    """Every success comes five times: people who come five times are one."""
    rng, spread = np.random.default_rng(3), Spread()
    for _ in range(400):
        people = int(rng.binomial(200, 0.1))
        spread = spread.after(Count(5 * people, 1000))
    assert spread.factor(1.0) == pytest.approx(5.0, rel=0.2)
    assert spread.factor(None) == pytest.approx(5.0, rel=0.2)


def test_without_a_past_the_spread_is_a_guess_at_first() -> None:
    assert Spread().factor(None) == 2.0
    assert Spread().factor(1.3) == 1.3


SHARES = {A: 34, B: 33, C: 33}


def test_requests_that_go_where_the_shares_say_are_no_skew() -> None:
    rng, skew = np.random.default_rng(1), Skew()
    for _ in range(300):
        counts = rng.multinomial(1000, [0.34, 0.33, 0.33])
        skew = skew.after(dict(zip((A, B, C), map(int, counts), strict=True)), SHARES)
    assert skew.broken is None


def test_requests_that_get_lost_are() -> None:
    rng, skew = np.random.default_rng(1), Skew()
    for _ in range(60):
        a, b, c = map(int, rng.multinomial(1000, [0.34, 0.33, 0.33]))
        skew = skew.after({A: a, B: b // 2, C: c}, SHARES)
    assert skew.broken == B
    assert Skew.from_status(json.loads(json.dumps(skew.to_status()))) == skew


def test_without_a_past_nothing_is_proven_before_the_noise_is_known() -> None:
    """Rewards come ten at a time, of two versions that are alike: by the guess a winner would soon be named."""
    rng, versions = np.random.default_rng(5), ("1.0.1", "1.1.2")
    wrong = 0
    for _ in range(40):
        contest, rules = Contest().among(versions), Rules(overdispersion=None)
        for tick in range(60):
            new = {version: (200, 10 * int(rng.binomial(20, 0.1))) for version in versions}
            contest = contest.after(5.0 * tick, new, versions[0], rules)
            if contest.winner(rules) is not None:
                wrong += 1
                break
    assert wrong <= 4, "one of twenty by falseWinner, and chance"
