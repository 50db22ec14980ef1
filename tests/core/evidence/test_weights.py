"""Weights by chances: whole, all of the total, nobody in the race below the floor."""

from __future__ import annotations

from math import floor as whole_part

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.evidence.weights import weights_of

CASES: dict[str, tuple[list[float | None], float, int, tuple[int, ...]]] = {
    "by chance alone": ([0.5, 0.3, 0.2], 0.0, 100, (50, 30, 20)),
    "a floor for everybody": ([1.0, 0.0, 0.0], 0.01, 100, (98, 1, 1)),
    "the rest by the largest remainder": ([1.0, 1.0, 1.0], 0.0, 100, (34, 33, 33)),
    "a tie goes to the first": ([0.5, 0.5], 0.0, 1, (1, 0)),
    "finer": ([0.9995, 0.0005], 0.001, 10_000, (9985, 15)),
    "who is out gets nothing, no floor either": ([None, 0.0, 1.0], 0.05, 100, (0, 5, 95)),
    "one is left": ([None, 0.7, None], 0.01, 100, (0, 100, 0)),
    "nothing but floors": ([0.8, 0.2, 0.0, 0.0], 0.25, 100, (25, 25, 25, 25)),
    "a floor of less than one": ([1.0, 0.0], 0.004, 100, (100, 0)),
}


@pytest.mark.parametrize(("chances", "floor", "total", "weights"), CASES.values(), ids=CASES.keys())
def test_weights(chances: list[float | None], floor: float, total: int, weights: tuple[int, ...]) -> None:
    assert weights_of(chances, floor, total) == weights


CHANCES = st.lists(st.one_of(st.none(), st.floats(0.0, 1.0)), min_size=1, max_size=9)


@given(CHANCES, st.floats(0.0, 1.0), st.sampled_from([100, 10_000]))
def test_they_add_up_and_keep_to_the_floor(chances: list[float | None], part: float, total: int) -> None:
    known = [chance for chance in chances if chance is not None]
    if sum(known) <= 0.0:
        return
    floor = part / len(known)
    weights = weights_of(chances, floor, total)
    assert sum(weights) == total
    for chance, weight in zip(chances, weights, strict=True):
        exact = 0.0 if chance is None else total * (floor + (1 - len(known) * floor) * (chance / sum(known)))
        assert abs(weight - exact) < 1.0 + 1e-6
        assert weight == 0 if chance is None else weight >= whole_part(floor * total)


@pytest.mark.parametrize("percent", range(1, 51))
def test_a_whole_floor_is_kept_whatever_its_binary_fraction(percent: int) -> None:
    assert weights_of([0.0, 1.0], percent / 100) == (percent, 100 - percent)


@pytest.mark.parametrize(
    ("chances", "floor", "total", "words"),
    [
        ([None, None], 0.0, 100, "somebody must be in the race"),
        ([0.0, 0.0], 0.0, 100, "one above 0"),
        ([float("nan"), 1.0], 0.0, 100, "chances >= 0"),
        ([0.5, 0.5], 0.6, 100, "floor is 0.6: times 2 arms"),
        ([0.5, 0.5], -0.1, 100, "between 0 and 1"),
        ([0.5, 0.5], 0.0, 0, "at least 1"),
    ],
)
def test_what_cannot_be_is_refused(chances: list[float | None], floor: float, total: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        weights_of(chances, floor, total)
