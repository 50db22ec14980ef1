"""Who earns more, and whether there is a difference: sequential tests of every two versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import exp
from typing import Any

import numpy as np
import pytest
from scipy.stats import nchypergeom_fisher

from modelrollout.core.evidence import Count, Tick
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.pairwise import BETTER_BY, PairEvidence
from modelrollout.core.evidence.proofs import BETA, Proofs
from modelrollout.core.evidence.skew import Skew
from modelrollout.core.evidence.spread import Spread

A, B, C = "1.0.0", "1.0.1", "1.0.2"
PLAIN = Rules(overdispersion=1.0)


def played(rates: Mapping[str, float], ticks: int, seed: int = 1, rules: Rules = PLAIN, size: int = 1000) -> Contest:
    """So many ticks of so many requests to each version, rewarded at these rates."""
    rng, contest = np.random.default_rng(seed), Contest().among(tuple(rates))
    for tick in range(ticks):
        new = {version: (size, int(rng.binomial(size, rate))) for version, rate in rates.items()}
        contest = contest.after(5.0 * tick, new, rules)
    return contest


def test_the_better_one_wins_and_only_it() -> None:
    contest = played({A: 0.05, B: 0.05, C: 0.06}, 200)
    assert Proofs(contest, PLAIN).winner == C
    assert Proofs(contest, PLAIN).best == C


def test_less_may_be_better() -> None:
    rules = Rules(overdispersion=1.0, more_is_better=False)
    contest = played({A: 0.05, B: 0.08}, 100, rules=rules)
    assert Proofs(contest, rules).winner == A
    assert Proofs(contest, rules).best == A


def test_two_that_are_alike_are_proven_so_and_two_that_are_not_are_not() -> None:
    rules = Rules(overdispersion=1.0, indifference=0.2)
    assert Proofs(played({A: 0.2, B: 0.2}, 60, rules=rules), rules).alike >= 1 / BETA
    assert Proofs(played({A: 0.2, B: 0.26}, 60, rules=rules), rules).alike < 1 / BETA


def test_who_is_beaten_is_not_asked_whether_it_differs() -> None:
    rules = Rules(overdispersion=1.0, indifference=0.2)
    contest = played({A: 0.1, B: 0.2, C: 0.2}, 60, rules=rules)
    assert Proofs(contest, rules).contenders == (B, C)
    assert Proofs(contest, rules).alike >= 1 / BETA
    assert Proofs(contest, rules).winner is None


@pytest.mark.parametrize("index", range(len(BETTER_BY)))
def test_the_likelihood_ratio_is_that_of_scipy(index: int) -> None:
    tick = Tick(1.0, Count(30, 400), Count(20, 600))
    ratio = exp(PairEvidence().after(tick, 0.05).first[index])
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
        mean += chances.pmf(won) * pair.first_is_better()
    assert mean <= 1 + 1e-9


def test_rewards_that_come_later_than_their_requests_are_counted_then() -> None:
    contest = Contest().among((A, B))
    contest = contest.after(1.0, {A: (100, 0), B: (100, 0)}, PLAIN)
    contest = contest.after(2.0, {A: (0, 5), B: (0, 9)}, PLAIN)
    assert contest.counts == {A: Count(0, 100), B: Count(0, 100)}
    contest = contest.after(3.0, {A: (100, 0), B: (100, 0)}, PLAIN)
    assert contest.counts == {A: Count(5, 200), B: Count(9, 200)}


def test_a_version_that_comes_later_has_everything_before_it() -> None:
    contest = played({A: 0.05, B: 0.2}, 40).among((A, B, C))
    assert contest.counts[C] == Count(0, 0)
    assert contest.evidence(B, A, PLAIN) > 100
    assert Proofs(contest, PLAIN).winner is None


def test_it_is_no_easier_to_win_when_others_have_left() -> None:
    contest = played({A: 0.05, B: 0.05, C: 0.05}, 2)
    assert Proofs(contest.among((A, B)), PLAIN).needed() == Proofs(contest, PLAIN).needed() == 60


def test_nothing_is_lost_on_the_way_through_the_status() -> None:
    contest = played({A: 0.05, B: 0.06, C: 0.05}, 30)
    assert Contest.from_status(json.loads(json.dumps(contest.to_status()))) == contest


def test_the_spread_is_that_of_the_bursts() -> None:
    """Every success comes five times: people who come five times are one."""
    rng, spread = np.random.default_rng(3), Spread()
    for _ in range(400):
        people = int(rng.binomial(200, 0.1))
        spread = spread.after({A: Count(5 * people, 1000)})
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


def in_bursts(rng: np.random.Generator, versions: tuple[str, ...], rate: float, size: int = 200) -> dict[str, Any]:
    """One tick of versions that are alike, to which everybody comes ten times, and is rewarded each time or never."""
    return {version: (size, 10 * int(rng.binomial(size // 10, rate))) for version in versions}


@pytest.mark.parametrize("past", [None, 1.0], ids=["without a past", "after a past without bursts"])
def test_rewards_in_bursts_make_no_winner_and_nobody_worse(past: float | None) -> None:
    """By a guess, or by a past that knew of no bursts, a winner would soon be named."""
    rng, versions, rules = np.random.default_rng(5), (A, B), Rules(overdispersion=past)
    wrong = 0
    for _ in range(60):
        contest = Contest().among(versions)
        for tick in range(60):
            contest = contest.after(5.0 * tick, in_bursts(rng, versions, 0.1), rules)
            if Proofs(contest, rules).winner is not None or Proofs(contest, rules).contenders != versions:
                wrong += 1
                break
    assert wrong <= 6, "one of twenty by falseWinner, and chance"


@pytest.mark.parametrize("past", [None, 1.0, 3.0])
def test_nothing_is_proven_before_the_noise_is_known_and_nothing_is_lost_by_it(past: float | None) -> None:
    rules = Rules(overdispersion=past, indifference=0.25)
    early, later = (played({A: 0.05, B: 0.5, C: 0.5}, ticks, rules=rules) for ticks in (7, 8))
    assert (early.is_known, later.is_known) == (False, True), "six jumps of three versions, and then seven"
    assert Proofs(early, rules).contenders == (A, B, C)
    assert Proofs(early, rules).alike == 0.0
    assert Proofs(later, rules).contenders == (B, C), "by all that was seen from the beginning"
    won = [Proofs(played({A: 0.05, B: 0.5}, ticks, rules=rules), rules).winner for ticks in (10, 12)]
    assert won == [None, B]


def test_what_bursts_were_taken_for_before_they_were_known_does_not_stay() -> None:
    """The evidence of the first ticks is divided by what is known later."""
    rng, contest = np.random.default_rng(1), Contest().among((A, B))
    contest = contest.after(0.0, {A: (1000, 50), B: (1000, 110)}, PLAIN)
    believed = contest.evidence(B, A, PLAIN)
    for tick in range(30):
        contest = contest.after(5.0 * tick, in_bursts(rng, (A, B), 0.1), PLAIN)
    assert contest.spread.factor(1.0, A, B) > 5.0
    assert believed > 1000
    assert contest.evidence(B, A, PLAIN) < 20


def test_the_noise_is_that_of_all_versions() -> None:
    """A control with a share of 1 % has no rewards to tell it from; the others have."""
    rng, spread = np.random.default_rng(2), Spread()
    for _ in range(40):
        spread = spread.after({A: Count(0, 10), B: Count(10 * int(rng.binomial(100, 0.1)), 1000)})
    assert spread.is_known
    assert spread.own[A].weight == 0.0
    assert spread.factor(None, A, B) == pytest.approx(10.0, rel=0.5)


def test_a_version_may_have_a_noise_of_its_own() -> None:
    """Whoever is compared with it needs more evidence than the others among themselves."""
    rng, spread = np.random.default_rng(2), Spread()
    for _ in range(200):
        alone = {version: Count(int(rng.binomial(1000, 0.1)), 1000) for version in (A, B)}
        spread = spread.after({**alone, C: Count(10 * int(rng.binomial(100, 0.1)), 1000)})
    assert spread.factor(1.0, A, B) < 0.6 * spread.factor(1.0, A, C)
    assert spread.factor(1.0, A, C) == spread.factor(1.0, C, B) == pytest.approx(9.0, rel=0.2)
    assert spread.among((A, B)).factor(1.0, A, B) == spread.factor(1.0, A, B), "what it has shown is still true"


def test_of_independent_rewards_hardly_any_noise_is_made_up() -> None:
    """Or chance alone would make every test slower."""
    found = [played({A: 0.05, B: 0.05, C: 0.05}, 40, seed=seed).spread.factor(None, A, B) for seed in range(40)]
    assert np.mean(found) < 1.1
    assert np.mean(np.array(found) == 1.0) > 0.6


def test_a_past_in_bursts_counts_where_the_test_shows_fewer() -> None:
    assert played({A: 0.05, B: 0.05}, 60).spread.factor(4.0, A, B) == 4.0


def test_who_always_earns_and_who_never_does_differ_in_the_end() -> None:
    """Neither tells of bursts, however long one looks: the guess stands then."""
    assert Proofs(played({A: 0.0, B: 1.0}, 90, size=20), PLAIN).winner is None
    contest = played({A: 0.0, B: 1.0}, 110, size=20, rules=Rules(overdispersion=None))
    assert contest.spread.factor(None, A, B) == 2.0
    assert Proofs(contest, Rules(overdispersion=None)).winner == B
