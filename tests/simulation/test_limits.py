"""Clopper-Pearson limits against scipy's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from modelrollout.simulation.limits import clopper_pearson


@settings(max_examples=40, deadline=None)
@given(runs=st.integers(1, 2000), part=st.floats(0, 1), confidence=st.sampled_from([0.9, 0.95, 0.99]))
def test_limits_are_scipys(runs: int, part: float, confidence: float) -> None:
    hits = round(part * runs)
    expected = binomtest(hits, runs).proportion_ci(confidence, method="exact")
    assert clopper_pearson(hits, runs, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_runs_say_nothing() -> None:
    with pytest.raises(ValueError, match="0 hits in 0 runs"):
        clopper_pearson(0, 0)
