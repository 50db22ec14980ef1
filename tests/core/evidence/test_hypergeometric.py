"""The distribution behind the comparison, against independent calculations."""

from collections.abc import Sequence
from fractions import Fraction
from math import comb, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import nchypergeom_fisher

from modelrollout.core.evidence import Count, Tick
from modelrollout.core.evidence.hypergeometric import log_likelihoods

RATIOS = (0.02, 0.5, 1.0, 1.1, 2.2, 11.0, 110.0)


def logs(candidate: Count, stable: Count, ratios: Sequence[float] = RATIOS) -> np.ndarray:
    return log_likelihoods(Tick(0.0, candidate, stable), np.log(np.array(ratios)))


@pytest.mark.parametrize(
    ("candidate", "stable"),
    [
        pytest.param(Count(1, 50), Count(2, 450), id="a tick of a canary"),
        pytest.param(Count(10, 50), Count(2, 450), id="a bad canary"),
        pytest.param(Count(0, 500), Count(9, 500), id="no bad answer of the candidate"),
        pytest.param(Count(40, 40), Count(3, 400), id="only bad answers of the candidate"),
        pytest.param(Count(90, 300), Count(120, 700), id="most of the support"),
        pytest.param(Count(300, 3000), Count(900, 9000), id="a shared outage"),
        pytest.param(Count(700, 10000), Count(5000, 90000), id="six standard deviations from the mode"),
    ],
)
def test_as_scipy_has_it(candidate: Any, stable: Any) -> None:
    everyone, bad = candidate.trials + stable.trials, candidate.bad + stable.bad
    expected = [nchypergeom_fisher(everyone, candidate.trials, bad, ratio).logpmf(candidate.bad) for ratio in RATIOS]
    found = logs(candidate, stable)
    known = np.isfinite(expected)  # scipy gives -inf where the probability is below the smallest float
    assert known.any()
    np.testing.assert_allclose(found[known], np.array(expected)[known], rtol=1e-9, atol=1e-7)
    assert (found[~known] < -700).all()


def test_as_counted_one_by_one_for_all_small_tables() -> None:
    for n, other in [(1, 1), (2, 3), (4, 2), (5, 6)]:
        for m in range(n + other + 1):
            support = range(max(0, m - other), min(n, m) + 1)
            for ratio in (Fraction(1, 3), Fraction(1), Fraction(11, 10), Fraction(50)):
                weights = {j: comb(n, j) * comb(other, m - j) * ratio**j for j in support}
                for x in support:
                    exact = log(weights[x] / sum(weights.values()))
                    found = logs(Count(x, n), Count(m - x, other), (float(ratio),))[0]
                    assert found == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize(
    ("n", "other", "m"),
    [
        pytest.param(400, 3600, 200, id="just too many terms to sum them all"),
        pytest.param(5000, 50000, 3000, id="thousands"),
        pytest.param(100000, 100000, 100000, id="a wide support"),
        pytest.param(200, 10**6, 10**5, id="a candidate with little traffic in a large outage"),
        pytest.param(10**6, 200, 10**5, id="stable with little traffic in a large outage"),
        pytest.param(1000, 1000, 1990, id="nearly all answers bad"),
    ],
)
def test_every_hth_term_does_as_well_as_all_of_them(n: int, other: int, m: int, ratio: float) -> None:
    j = np.arange(max(0, m - other), min(n, m) + 1, dtype=float)
    terms = j * log(ratio) - gammaln(j + 1) - gammaln(n - j + 1) - gammaln(m - j + 1) - gammaln(other - m + j + 1)
    top = terms.max()
    exact = terms - top - log(np.exp(terms - top).sum())
    for x in {int(j[0]), int(j[len(j) // 3]), int(j[exact.argmax()]), int(j[-1])}:
        found = logs(Count(x, n), Count(m - x, other), (ratio,))[0]
        assert found == pytest.approx(exact[x - int(j[0])], rel=1e-9, abs=2e-7)  # gammaln itself is good to 1e-7 here


@pytest.mark.parametrize(("n", "other", "m"), [(60, 500, 40), (300, 2500, 1200), (20000, 80000, 50000)])
def test_the_probabilities_of_all_outcomes_add_up_to_one(n: int, other: int, m: int) -> None:
    xs = range(max(0, m - other), min(n, m) + 1, 1)
    if len(xs) > 3000:  # the rest lies more than 20 standard deviations out
        mean = n * m // (n + other)
        xs = range(mean - 1500, mean + 1500)
    total = sum(np.exp(logs(Count(x, n), Count(m - x, other), (1.0,))[0]) for x in xs)
    assert total == pytest.approx(1.0, abs=1e-9)


counts = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)).map(lambda pair: Count(min(pair), max(pair)))


@given(counts, counts)
def test_any_counts_up_to_a_billion_give_log_probabilities(candidate: Count, stable: Count) -> None:
    found = logs(candidate, stable)
    assert np.isfinite(found).all()
    assert (found <= 1e-6).all()


@given(counts, counts)
def test_it_does_not_matter_which_version_is_named_first(candidate: Count, stable: Count) -> None:
    found = logs(candidate, stable)
    turned = logs(stable, candidate, [1.0 / ratio for ratio in RATIOS])
    np.testing.assert_allclose(found, turned, rtol=1e-9, atol=1e-5)


@given(counts, counts)
def test_it_does_not_matter_whether_bad_or_good_answers_are_counted(candidate: Count, stable: Count) -> None:
    def good(count: Count) -> Any:
        return Count(count.trials - count.bad, count.trials)

    turned = logs(good(candidate), good(stable), [1.0 / ratio for ratio in RATIOS])
    np.testing.assert_allclose(logs(candidate, stable), turned, rtol=1e-9, atol=1e-5)


@pytest.mark.parametrize(
    ("candidate", "stable"),
    [
        pytest.param(Count(0, 0), Count(3, 50), id="candidate without requests"),
        pytest.param(Count(3, 50), Count(0, 0), id="stable without requests"),
        pytest.param(Count(0, 50), Count(0, 50), id="no bad answer"),
        pytest.param(Count(50, 50), Count(9, 9), id="only bad answers"),
    ],
)
def test_what_could_not_have_come_out_otherwise_says_nothing(candidate: Any, stable: Any) -> None:
    assert (logs(candidate, stable) == 0.0).all()
