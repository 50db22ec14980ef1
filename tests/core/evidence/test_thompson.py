"""How likely each arm is the best one, and what is left to gain: right beside scipy, and the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import beta

from modelrollout.core.evidence.thompson import Posterior, chances_of_best, value_remaining

Floats = NDArray[np.float64]
FAR = 1e-12
QUANTILES: Floats = np.concatenate(
    [np.geomspace(FAR, 1e-3, 100), np.linspace(0.001, 0.999, 1000), 1.0 - np.geomspace(1e-3, FAR, 100)]
)


def known(*pairs: tuple[float, float]) -> list[Posterior]:
    """Posteriors after so many successes and failures each."""
    return [Posterior(1.0 + successes, 1.0 + failures) for successes, failures in pairs]


def by_scipy(arms: Sequence[Posterior]) -> Floats:
    """The chances from scipy's distribution functions, on thousands of quantiles of every arm."""
    grid = np.unique(np.concatenate([[0.0, 1.0], *(beta.ppf(QUANTILES, arm.a, arm.b) for arm in arms)]))
    below = np.array([beta.cdf(grid, arm.a, arm.b) for arm in arms])
    parts = np.diff(below, axis=1)
    middle = below[:, :-1] + parts / 2
    return np.array([(parts[i] * np.delete(middle, i, axis=0).prod(axis=0)).sum() for i in range(len(arms))])


ARMS = {
    "nothing known of two": known((0, 0), (0, 0)),
    "nothing known of nine": known(*[(0, 0)] * 9),
    "rare, unknown and exactly known": known((5, 1e6), (0, 0), (5e5, 5e5)),
    "exactly known and nearly equal": known((5e5, 5e5), (5.01e5, 5e5), (0, 0)),
    "many trials": known((5e9, 5e9), (5e9 + 1e5, 5e9), (2, 2)),
    "hardly any success": known((0, 1e6), (1, 1e6), (5, 1e6), (0, 10)),
    "hardly any failure": known((1e6, 0), (5e5, 0), (1e6, 1), (0, 0)),
    "parts of counts, after a discount": known((2, 0.3), (9, 0.5), (0, 0.1)),
    "part of a failure beside nothing known": known(*[(0, 0)] * 8, (0, 0.125)),
    "part of a failure of the best": known(*[(29, 0)] * 5, (29, 0.1)),
    "nine alike": known(*[(600, 9400)] * 9),
    "six of the bench": known((40, 960), (50, 950), (60, 940), (30, 970), (45, 955), (20, 980)),
    "one far ahead": known((900, 100), (100, 900), (100, 900)),
}


@pytest.mark.parametrize("arms", ARMS.values(), ids=ARMS.keys())
def test_the_chances_are_those_of_scipy(arms: list[Posterior]) -> None:
    chances = chances_of_best(arms)
    assert chances == pytest.approx(by_scipy(arms), abs=1e-4)
    assert sum(chances) == pytest.approx(1.0, abs=1e-12)


def test_two_arms_as_an_integral_says() -> None:
    one, other = known((40, 960), (55, 945))
    exact, _ = quad(lambda p: beta.pdf(p, one.a, one.b) * beta.cdf(p, other.a, other.b), 0.0, 0.2, epsabs=1e-9)
    assert chances_of_best([one, other])[0] == pytest.approx(exact, abs=1e-6)


NUMBERS = st.one_of(st.floats(0.0, 50.0), st.floats(0.0, 1e7))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(lambda s, f: Posterior(1.0 + s, 1.0 + f), NUMBERS, NUMBERS), min_size=1, max_size=9))
def test_any_arms(arms: list[Posterior]) -> None:
    chances = chances_of_best(arms)
    assert min(chances) >= 0.0
    assert chances == pytest.approx(by_scipy(arms), abs=2e-4)
    assert chances == chances_of_best(list(arms)), "the same bits"
    assert chances_of_best(arms[::-1]) == pytest.approx(chances[::-1], abs=1e-9)


def test_a_chance_of_nearly_nothing_is_not_negative() -> None:
    arms = known((2103, 78_454), (2061, 49_727), (5, 116), (1269, 22_452), (27, 560), (1329, 36_096))
    assert min(chances_of_best(arms)) >= 0.0


def test_an_arm_without_rivals_is_the_best() -> None:
    assert chances_of_best(known((3, 4))) == (1.0,)


def test_more_successes_make_it_likelier() -> None:
    chances = [chances_of_best(known((wins, 100), (20, 100), (25, 90)))[0] for wins in range(0, 60, 5)]
    assert all(before < after for before, after in pairwise(chances))


@pytest.mark.parametrize("name", ["nothing known of two", "parts of counts, after a discount", "six of the bench"])
def test_value_remaining_is_the_percentile_of_draws(name: str) -> None:
    arms, rng = ARMS[name], np.random.default_rng(1)
    rates = np.array([rng.beta(arm.a, arm.b, 400_000) for arm in arms])
    best = int(np.argmax(chances_of_best(arms)))
    lower, upper = np.quantile(rates.max(axis=0) / rates[best] - 1.0, [0.948, 0.952])
    assert lower < value_remaining(arms) < upper


def test_value_remaining_of_two_as_an_integral_says() -> None:
    best, other = known((55, 945), (50, 950))
    more = 1.0 + value_remaining([other, best])
    share, _ = quad(lambda p: beta.pdf(p, best.a, best.b) * beta.cdf(p * more, other.a, other.b), 0.0, 0.2)
    assert share == pytest.approx(0.95, abs=1e-4)


def test_nothing_remains_once_the_best_arm_is_known() -> None:
    assert value_remaining(ARMS["one far ahead"]) == 0.0
    assert value_remaining(known((3, 4))) == 0.0


def test_what_remains_shrinks_with_more_requests() -> None:
    left = [value_remaining(known((50 * n, 950 * n), (50.5 * n, 949.5 * n))) for n in (1, 10, 100, 1000, 10_000)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.01


@pytest.mark.parametrize(("a", "b"), [(0.5, 1.0), (1.0, 0.0), (float("nan"), 1.0), (1.0, 1e16)])
def test_what_is_no_posterior_is_refused(a: float, b: float) -> None:
    with pytest.raises(ValueError, match="must be a number from 1 on"):
        Posterior(a, b)


@pytest.mark.parametrize("trials", [1e12, 1e15])
def test_no_count_is_too_large_for_an_answer(trials: float) -> None:
    known_well, better, unknown = known((trials / 2, trials / 2), (trials / 2 + trials**0.5, trials / 2), (1, 1))
    chances = chances_of_best([known_well, better, unknown])
    assert chances == pytest.approx((0.08, 0.42, 0.5), abs=0.05)
    assert value_remaining([known_well, better, unknown]) > 0.0


def test_there_must_be_an_arm() -> None:
    with pytest.raises(ValueError, match="there must be an arm"):
        chances_of_best([])
