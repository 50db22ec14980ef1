"""Whether scores are distributed as before: the index, what it has of itself, and what it comes to."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chi2, ks_2samp

from modelrollout.api.compared import SCORE_BOUNDS
from modelrollout.core.validate import score_shift as module
from modelrollout.core.validate.disagreement import Outcome
from modelrollout.core.validate.score_shift import GROUPS, ScoreShift, score_shift

LIMIT = 0.1


def histogram(scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """As the comparer counts them."""
    places = np.searchsorted(np.array(SCORE_BOUNDS), scores)
    return [float(count) for count in np.bincount(places, minlength=len(SCORE_BOUNDS) + 1)]


def drawn(kind: str, size: int, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    if kind == "prices":
        return histogram(rng.lognormal(4, 1, size))
    return histogram(rng.beta(*{"sure": (8, 1), "less sure": (6, 1.5)}[kind], size))


def shift(one: str, other: str, size: int, seed: int = 1) -> ScoreShift:
    found = score_shift(drawn(one, size, seed), drawn(other, size, seed + 1000))
    assert found is not None
    return found


def test_bounds_rise_and_are_finest_where_probabilities_are() -> None:
    assert all(one < other for one, other in pairwise(SCORE_BOUNDS))
    assert sum(0 < bound < 1 for bound in SCORE_BOUNDS) > 20


@pytest.mark.parametrize("kind", ["sure", "prices"])
def test_equal_versions_are_above_the_noise_in_one_case_of_twenty(kind: str) -> None:
    found = [shift(kind, kind, 1000, seed) for seed in range(200)]
    assert sum(one.index > one.noise for one in found) <= 22  # of 10 expected, 4 standard deviations


# Kinds of scores, how many -> what is known of a limit of 0.1
JUDGED: dict[str, tuple[str, str, int, Outcome]] = {
    "equal": ("sure", "sure", 1000, Outcome.PASS),
    "equal, and hardly any": ("sure", "sure", 50, Outcome.OPEN),
    "shifted": ("sure", "less sure", 1000, Outcome.FAIL),
    "shifted, and hardly any": ("sure", "less sure", 50, Outcome.OPEN),
    "of another unit": ("sure", "prices", 1000, Outcome.FAIL),
}


@pytest.mark.parametrize(("one", "other", "size", "outcome"), JUDGED.values(), ids=JUDGED)
def test_what_is_known(one: str, other: str, size: int, outcome: Outcome) -> None:
    assert shift(one, other, size).judged(LIMIT) is outcome


def test_just_above_the_limit_nothing_is_known() -> None:
    assert ScoreShift(0.12, 0.05, 0.0).judged(LIMIT) is Outcome.OPEN
    assert ScoreShift(0.16, 0.05, 0.0).judged(LIMIT) is Outcome.FAIL


def test_ten_groups_have_the_noise_that_is_promised() -> None:
    even = [100.0] * GROUPS
    found = score_shift(even, even)
    assert found is not None
    assert (found.index, found.distance) == (0, 0)
    assert found.noise == pytest.approx(33.8 / 1000, rel=0.01)


def test_the_levels_are_those_of_the_distribution() -> None:
    expected = [float(chi2.ppf(0.95, degrees)) for degrees in range(1, GROUPS)]
    assert pytest.approx(expected, abs=1e-3) == module._CHI_SQUARE


def test_the_distance_is_that_of_the_scores_themselves() -> None:
    rng = np.random.default_rng(3)
    bounds = np.array(SCORE_BOUNDS)
    one, other = bounds[rng.integers(20, 40, 500)], bounds[rng.integers(22, 45, 500)]
    found = score_shift(histogram(one), histogram(other))
    assert found is not None
    assert found.distance == pytest.approx(float(ks_2samp(one, other).statistic))


def test_without_scores_nothing_is_said() -> None:
    nothing = [0.0] * 5
    assert score_shift(nothing, [1.0] * 5) is None
    assert score_shift([1.0] * 5, nothing) is None


def test_scores_that_are_all_alike_and_then_all_otherwise() -> None:
    found = score_shift([0, 1000, 0, 0], [0, 0, 1000, 0])
    assert found is not None
    assert found.judged(LIMIT) is Outcome.FAIL
    alike = score_shift([0, 1000, 0, 0], [0, 1000, 0, 0])
    assert alike is not None
    assert alike.judged(LIMIT) is Outcome.PASS
