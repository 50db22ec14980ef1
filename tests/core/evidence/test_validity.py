"""The promise behind every number: under the null hypothesis the expected evidence never exceeds 1.

Checked by adding up all outcomes of one and of two ticks, not by drawing samples.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, nchypergeom_fisher

from modelrollout.core.evidence import (
    Count,
    EvidenceSettings,
    MetricEvidence,
    NonInferiority,
    OddsRatioEProcess,
    RateEProcess,
    SampleRatio,
    Tick,
)
from modelrollout.core.evidence.odds_ratio import log_ratios
from modelrollout.core.evidence.rate import rate_log_ratios
from modelrollout.core.evidence.settings import WORSE_BY

SETTINGS = EvidenceSettings()
EPSILON = 1e-9


def odds_times(rate: float, ratio: float) -> float:
    odds = rate / (1 - rate) * ratio
    return odds / (1 + odds)


def expected_ratios(n: int, other: int, m: int, true_ratio: float, settings: EvidenceSettings) -> np.ndarray:
    """Expectation of each alternative's likelihood ratio, given m bad answers and the true odds ratio."""
    law = nchypergeom_fisher(n + other, n, m, true_ratio)
    total = np.zeros(len(WORSE_BY))
    for x in range(max(0, m - other), min(n, m) + 1):
        ratios = log_ratios(Tick(0.0, Count(x, n), Count(m - x, other)), settings)
        total += law.pmf(x) * np.exp(np.minimum(np.array(ratios) / settings.overdispersion, settings.cap))
    return total


@pytest.mark.parametrize("margin", [1.0, 1.1, 3.0])
@pytest.mark.parametrize(("n", "other", "m"), [(5, 5, 3), (50, 450, 5), (50, 450, 60), (500, 40, 30), (90, 10, 98)])
class TestComparison:
    def test_at_the_margin_the_likelihood_ratio_is_expected_to_be_one(
        self, n: int, other: int, m: int, margin: float
    ) -> None:
        law = nchypergeom_fisher(n + other, n, m, margin)
        settings = EvidenceSettings(margin=margin)
        total = np.zeros(len(WORSE_BY))
        for x in range(max(0, m - other), min(n, m) + 1):
            ratios = np.array(log_ratios(Tick(0.0, Count(x, n), Count(m - x, other)), settings))
            with np.errstate(under="ignore"):
                total += np.exp(law.logpmf(x) + ratios)
        np.testing.assert_allclose(total, 1.0, rtol=1e-6)

    @pytest.mark.parametrize("part", [1.0, 0.99, 0.7, 0.1])
    def test_within_the_margin_it_is_less(self, n: int, other: int, m: int, margin: float, part: float) -> None:
        settings = EvidenceSettings(margin=margin)
        assert (expected_ratios(n, other, m, margin * part, settings) <= 1 + 1e-6).all()

    @pytest.mark.parametrize("phi", [1.3, 5.0, 20.0])
    def test_with_overdispersion_it_is_less(self, n: int, other: int, m: int, margin: float, phi: float) -> None:
        settings = EvidenceSettings(margin=margin, overdispersion=phi)
        assert (expected_ratios(n, other, m, margin, settings) <= 1 + 1e-6).all()


@pytest.mark.parametrize("edge", [0.0005, 0.001, 0.05, 0.9])
@pytest.mark.parametrize("n", [1, 7, 100])
def test_the_rate_ratio_is_expected_to_be_one_at_the_edge_and_less_below(n: int, edge: float) -> None:
    def expected(rate: float) -> np.ndarray:
        total = np.zeros(len(WORSE_BY))
        for x in range(n + 1):
            total += binom(n, rate).pmf(x) * np.exp(rate_log_ratios(Count(x, n), edge, WORSE_BY))
        return total

    np.testing.assert_allclose(expected(edge), 1.0, rtol=1e-9)
    assert (expected(edge * 0.8) < 1.0).all()


def outcomes(n: int, other: int, rate: float, other_rate: float) -> Iterator[tuple[float, Tick]]:
    """Every tick that n and other requests can give, with its probability."""
    for x, y in product(range(n + 1), range(other + 1)):
        yield binom(n, rate).pmf(x) * binom(other, other_rate).pmf(y), Tick(1.0, Count(x, n), Count(y, other))


def expected_after_two_ticks(first: Any, second: Any, value: Any) -> float:
    """Expectation of ``value`` of what two ticks give; the rates may differ from tick to tick."""
    total = 0.0
    for (p, one), (q, two) in product(list(first), list(second)):
        total += p * q * value(one, replace(two, at=2.0))
    return total


def of_comparison(one: Tick, two: Tick) -> float:
    return OddsRatioEProcess().after(one, SETTINGS).after(two, SETTINGS).evidence(SETTINGS)


def of_metric(settings: EvidenceSettings) -> Any:
    def value(one: Tick, two: Tick) -> float:
        return MetricEvidence.start("errors", 0.0, settings).after(one).after(two).evidence

    return value


def of_promotion(settings: EvidenceSettings) -> Any:
    def value(one: Tick, two: Tick) -> float:
        return NonInferiority().after(one, settings).after(two, settings).evidence(settings)

    return value


def null_cases() -> Any:
    outage = outcomes(3, 4, odds_times(0.4, 1.1), 0.4)
    quiet = outcomes(4, 2, odds_times(0.01, 1.1), 0.01)
    yield pytest.param(outage, quiet, of_comparison, id="at the margin, the rate of both changes forty times")
    yield pytest.param(
        outcomes(3, 4, 0.3, 0.3),
        outcomes(5, 1, 0.05, 0.2),
        of_comparison,
        id="better than stable, the weight changes",
    )
    yield pytest.param(
        outcomes(3, 4, odds_times(0.4, 1.1), 0.4),
        outcomes(4, 3, odds_times(0.2, 1.1), 0.2),
        of_metric(SETTINGS),
        id="metric: at the margin, far above the floor",
    )
    yield pytest.param(
        outcomes(3, 4, 0.2, 0.0),
        outcomes(4, 3, 0.2, 0.01),
        of_metric(EvidenceSettings(floor=0.2)),
        id="metric: at the floor, far beyond the margin",
    )
    yield pytest.param(
        outcomes(3, 4, 0.25, 0.1),
        outcomes(4, 3, 0.25, 0.25),
        of_metric(EvidenceSettings(limit=0.25, margin=2.9)),
        id="metric: at its absolute limit and within its margin",
    )
    yield pytest.param(
        outcomes(3, 4, odds_times(0.3, 2.0), 0.3),
        outcomes(4, 3, odds_times(0.1, 2.0), 0.1),
        of_promotion(SETTINGS),
        id="promotion: as bad as must be disproved",
    )
    yield pytest.param(
        outcomes(3, 4, odds_times(0.3, 2.5), 0.3),
        outcomes(4, 3, odds_times(0.1, 9.0), 0.1),
        of_promotion(SETTINGS),
        id="promotion: worse than must be disproved",
    )
    yield pytest.param(
        outcomes(4, 0, 0.2, 0.0),
        outcomes(4, 0, 0.2, 0.0),
        of_metric(EvidenceSettings(record=0.2, limit=0.2)),
        id="metric: at its absolute limit, stable without traffic",
    )
    yield pytest.param(
        outcomes(3, 4, 0.2, 0.05),
        outcomes(4, 3, 0.25, 0.1),
        of_promotion(EvidenceSettings(floor=0.2, floor_stake=0.9)),
        id="promotion: at the floor and above, with nearly all of the capital on the floor",
    )
    yield pytest.param(
        outcomes(4, 0, 0.2, 0.0),
        outcomes(4, 0, 0.2, 0.0),
        of_metric(EvidenceSettings(record=0.2)),
        id="metric: as bad as stable's record allows, stable without traffic",
    )


@pytest.mark.parametrize(("first", "second", "value"), list(null_cases()))
def test_expected_evidence_after_two_ticks_is_at_most_one(first: Any, second: Any, value: Any) -> None:
    assert expected_after_two_ticks(first, second, value) <= 1 + EPSILON


def test_at_the_margin_evidence_is_a_fair_game_until_a_cap_takes_something_away() -> None:
    settings = EvidenceSettings(alpha=1e-9)
    first = outcomes(3, 4, odds_times(0.4, 1.1), 0.4)
    second = outcomes(4, 3, odds_times(0.2, 1.1), 0.2)

    def value(one: Tick, two: Tick) -> float:
        return OddsRatioEProcess().after(one, settings).after(two, settings).evidence(settings)

    assert expected_after_two_ticks(first, second, value) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("share", [0.09, 0.1, 0.11])
def test_sample_ratio_within_its_tolerance_is_at_most_one(share: float) -> None:
    def value(one: int, two: int) -> float:
        return SampleRatio().after(one, 12 - one, 0.1).after(two, 12 - two, 0.1).evidence

    law = binom(12, share)
    assert sum(law.pmf(i) * law.pmf(j) * value(i, j) for i in range(13) for j in range(13)) <= 1 + EPSILON


def test_a_rate_below_the_edge_is_proven_only_from_below() -> None:
    below = RateEProcess.below(0.5, (2.0, 5.0))
    total = sum(binom(6, 0.5).pmf(x) * below.after(Count(x, 6), SETTINGS).evidence(SETTINGS) for x in range(7))
    assert total <= 1 + EPSILON
    assert below.after(Count(0, 6), SETTINGS).evidence(SETTINGS) > 1.0
