"""Intervals for people: they hold what they promise and say as much as they can."""

from math import exp, inf, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln
from scipy.stats import beta

from modelrollout.core.evidence import Count, OddsInterval, Tick, rate_interval
from modelrollout.core.evidence.hypergeometric import log_likelihoods
from modelrollout.core.evidence.interval import ODDS_GRID
from tests.core.evidence.ticks import counts, pairs, ticks_of

ALPHA = 0.01


class TestRate:
    @pytest.mark.parametrize(
        ("count", "low", "high"),
        [
            pytest.param(Count(0, 0), 0.0, 1.0, id="no answers"),
            pytest.param(Count(0, 100), 0.0, 0.08, id="no bad answer"),
            pytest.param(Count(100, 100), 0.92, 1.0, id="only bad answers"),
            pytest.param(Count(40, 812), 0.02, 0.09, id="a bad canary"),
            pytest.param(Count(5 * 10**8, 10**9), 0.4998, 0.5002, id="a billion answers"),
        ],
    )
    def test_where_the_rate_lies(self, count: Count, low: float, high: float) -> None:
        interval = rate_interval(count, ALPHA)
        assert low <= interval.low <= count.rate if count.trials else interval.low == 0.0
        assert interval.high <= high
        assert interval.high > count.rate or count.rate == 1.0

    @given(counts(10**6), st.sampled_from([0.5, 0.05, 0.0001]))
    def test_its_ends_are_where_the_mixture_beats_the_rate_by_one_in_alpha(self, count: Count, alpha: float) -> None:
        interval = rate_interval(count, alpha)
        good = count.trials - count.bad
        for end in (interval.low, interval.high):
            if 1e-12 < end < 1 - 1e-9:
                evidence = betaln(0.5 + count.bad, 0.5 + good) - betaln(0.5, 0.5)
                evidence -= count.bad * log(end) + good * np.log1p(-end)
                assert evidence == pytest.approx(log(1 / alpha), abs=1e-4)

    @given(counts(10_000).filter(lambda count: count.trials > 0))
    def test_it_holds_the_interval_for_a_single_look(self, count: Count) -> None:
        interval = rate_interval(count, ALPHA)
        bad, good = count.bad, count.trials - count.bad
        once = beta(bad + 0.5, good + 0.5).ppf([0.01, 0.99])
        assert interval.low <= max(once[0], 1e-12)
        assert interval.high >= once[1] - 1e-12

    def test_bursts_make_it_wider(self) -> None:
        plain, bursts = rate_interval(Count(40, 812), ALPHA), rate_interval(Count(40, 812), ALPHA, 5.0)
        assert bursts.low < plain.low < plain.high < bursts.high

    def test_over_a_whole_release_it_misses_a_true_rate_less_often_than_promised(self) -> None:
        """All paths of 60 answers, followed exactly: the chance to be outside at any time so far."""
        rate, alpha = 0.3, 0.1
        inside = {0: 1.0}
        for n in range(1, 61):
            moved: dict[int, float] = {}
            for x, p in inside.items():
                moved[x] = moved.get(x, 0.0) + p * (1 - rate)
                moved[x + 1] = moved.get(x + 1, 0.0) + p * rate
            ends = {x: rate_interval(Count(x, n), alpha) for x in moved}
            inside = {x: p for x, p in moved.items() if ends[x].low <= rate <= ends[x].high}
        assert 0.9 <= sum(inside.values()) < 1.0


def likelihood_on(points: Any, ticks: Any) -> Any:
    return sum((log_likelihoods(tick, points) for tick in ticks), np.zeros_like(points))


class TestOddsRatio:
    @given(pairs(200, 6))
    def test_it_never_leaves_out_what_the_whole_likelihood_keeps(self, counts_of: Any) -> None:
        ticks = ticks_of(counts_of)
        odds = OddsInterval()
        for tick in ticks:
            odds = odds.after(tick)
        interval = odds.interval(ALPHA)
        fine = np.linspace(log(0.001), log(5000), 400)
        mixture = np.logaddexp.reduce(likelihood_on(ODDS_GRID, ticks)) - log(len(ODDS_GRID))
        kept = np.exp(fine[likelihood_on(fine, ticks) >= mixture - log(1 / ALPHA) + 1e-9])
        assert interval.low <= kept.min() * (1 + 1e-9)
        assert interval.high >= kept.max() * (1 - 1e-9)

    @pytest.mark.parametrize(
        ("candidate", "stable", "ticks", "low", "high"),
        [
            pytest.param(Count(2, 500), Count(2, 500), 500, 0.8, 1.25, id="the same"),
            pytest.param(Count(20, 500), Count(2, 500), 20, 5.0, 25, id="ten times"),
            pytest.param(Count(0, 50), Count(2, 450), 100, 0.0, 0.6, id="no bad answer of the candidate"),
            pytest.param(Count(25, 50), Count(0, 450), 2, 20, inf, id="no bad answer of stable"),
            pytest.param(Count(1, 2), Count(1, 2), 1, 0.0, inf, id="hardly anything"),
            pytest.param(Count(10**6, 10**7), Count(10**6, 10**7), 50, 0.94, 1.12, id="millions"),
        ],
    )
    def test_where_it_lies(self, candidate: Any, stable: Any, ticks: Any, low: float, high: float) -> None:
        odds = OddsInterval()
        for tick in ticks_of([(candidate, stable)] * ticks):
            odds = odds.after(tick)
        interval = odds.interval(ALPHA)
        assert low <= interval.low <= interval.high <= high

    def test_the_estimate_is_not_fooled_by_weights_that_change_with_the_rate(self) -> None:
        """Simpson: equal in each tick, but most of the candidate's requests came during an outage."""
        odds = OddsInterval()
        for tick in ticks_of([(Count(1, 100), Count(9, 900)), (Count(90, 900), Count(10, 100))]):
            odds = odds.after(tick)
        assert odds.estimate(Count(91, 1000), Count(19, 1000)) == pytest.approx(1.0, abs=0.05)

    def test_there_is_no_estimate_before_any_bad_answer(self) -> None:
        odds = OddsInterval().after(Tick(5.0, Count(0, 50), Count(0, 450)))
        assert odds.estimate(Count(0, 50), Count(0, 450)) is None
        assert odds.interval(ALPHA).low == 0.0
        assert odds.interval(ALPHA).high == inf

    def test_over_a_whole_release_it_misses_a_true_ratio_less_often_than_promised(self) -> None:
        """All outcomes of three ticks in the middle of an outage, weighed by their probability."""
        ratio, alpha = 3.0, 0.2
        outcomes = [(Count(x, 12), Count(8 - x, 12)) for x in range(9)]
        chances = [exp(log_likelihoods(Tick(0, *pair), np.array([log(ratio)]))[0]) for pair in outcomes]
        missed = 0.0
        for one, p in zip(outcomes, chances, strict=True):
            first = OddsInterval().after(Tick(1.0, *one))
            for two, q in zip(outcomes, chances, strict=True):
                second = first.after(Tick(2.0, *two))
                for three, r in zip(outcomes, chances, strict=True):
                    third = second.after(Tick(3.0, *three))
                    looks = [each.interval(alpha) for each in (first, second, third)]
                    missed += p * q * r * any(not look.low <= ratio <= look.high for look in looks)
        assert missed <= alpha
        assert sum(chances) == pytest.approx(1.0)
