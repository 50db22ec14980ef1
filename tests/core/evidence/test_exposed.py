"""Rewards that come late: their e-values summed up exactly, and beside the exact test where both are the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.exposed import late_ratios
from modelrollout.core.evidence.pairwise import BETTER_BY, PairEvidence

DUE = st.floats(0.5, 12.0)


@given(DUE, DUE, st.floats(0.01, 0.9), st.floats(0.2, 1.0))
def test_the_mean_of_each_ratio_is_at_most_one(mine: float, theirs: float, rate: float, spread: float) -> None:
    """Of equal rates, exactly summed, where some requests have their reward in this tick nearly surely, and most with a
    small chance."""
    first, second = _distribution(mine, rate, spread), _distribution(theirs, rate, spread)
    found = np.zeros(len(BETTER_BY))
    for one, weight in enumerate(first):
        for other, likely in enumerate(second):
            if weight * likely > 1e-12:
                ratios = late_ratios((one, mine), (other, theirs), 0.05)
                found += weight * likely * np.exp(ratios.first)
    assert found.max() <= 1.0 + 1e-6


def _distribution(due: float, rate: float, spread: float) -> np.ndarray:
    """Of the sum of independent rewards whose chances to come now add up to what is due, some near 1 and most small."""
    sure, rest = int(due * spread), due - int(due * spread)
    chances = [rate] * sure + [rate * rest / 20] * 20
    known = np.array([1.0])
    for chance in chances:
        known = np.convolve(known, [1.0 - chance, chance])
    return known


def test_rare_rewards_are_compared_as_by_the_exact_test() -> None:
    rng = np.random.default_rng(7)
    exact, late = PairEvidence(), PairEvidence()
    for _ in range(200):
        one, other = int(rng.binomial(2000, 0.004)), int(rng.binomial(1000, 0.003))
        exact = exact.after(Tick(0.0, Count(one, 2000), Count(other, 1000)), 0.05)
        late = late.grown(late_ratios((one, 2000.0), (other, 1000.0), 0.05), 1.0)
    assert late.first == pytest.approx(exact.first, rel=0.03, abs=0.3)
    assert late.second == pytest.approx(exact.second, rel=0.03, abs=0.3)
    assert late.not_above == pytest.approx(exact.not_above, rel=0.03, abs=0.3)


def test_both_sides_are_each_others_mirror() -> None:
    one, other = late_ratios((9, 120.5), (4, 77.25), 0.1), late_ratios((4, 77.25), (9, 120.5), 0.1)
    assert one.first == pytest.approx(other.second)
    assert one.not_above == pytest.approx(other.not_below[::-1])


def test_nothing_came() -> None:
    for part in (*late_ratios((0, 10.0), (0, 20.0), 0.05).first, *late_ratios((0, 1.0), (0, 2.0), 0.05).not_below):
        assert part == 0.0
