"""The rules of others do what their documentation says, on counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, mannwhitneyu, norm

from bench.stats import peers
from bench.stats.peers import NEVER, Rule
from bench.stats.traffic import Counts

TICKS = 120  # ten minutes


def counts(candidate_bad: list[int], *, stable_bad: int = 0, answers: int = 100) -> Counts:
    """One release in which the candidate had so many bad answers in each tick, and none after."""
    bad = np.zeros((1, TICKS), dtype=np.int64)
    bad[0, : len(candidate_bad)] = candidate_bad
    full = np.full((1, TICKS), answers)
    return Counts(full, bad, full * 4, np.full((1, TICKS), stable_bad), full * 5, full * 0)


def minutes(*failed: int) -> list[int]:
    """Bad answers in each tick such that the minutes named are below 99 % success."""
    return [2 if minute in failed else 0 for minute in range(10) for _ in range(12)]


FIXED = {
    "one failure, threshold 1": (1, minutes(3), 47),
    "one failure, threshold 2": (2, minutes(3), NEVER),
    "two failures, not in a row": (2, minutes(1, 7), 95),
    "never fails": (1, minutes(), NEVER),
}


@pytest.mark.parametrize(("failures", "bad", "tick"), FIXED.values(), ids=FIXED.keys())
def test_fixed_thresholds_count_failures_and_forget_nothing(failures: int, bad: list[int], tick: int) -> None:
    assert peers.fixed(counts(bad), seconds=60, failures=failures).tolist() == [tick]


def test_fixed_thresholds_take_no_answers_for_no_failure() -> None:
    silent = counts([], answers=0)
    assert peers.fixed(silent, seconds=60, failures=1).tolist() == [NEVER]


def test_the_comparison_by_hand_fires_on_any_noise_above_a_fifth() -> None:
    assert peers.relative(counts([5] * TICKS, stable_bad=16), seconds=30, failures=4).tolist() == [23]
    assert peers.relative(counts([4] * TICKS, stable_bad=16), seconds=30, failures=4).tolist() == [NEVER]


def test_z_test_is_the_two_sample_test_of_everything_so_far() -> None:
    bad = [0] * 10 + [1] * (TICKS - 10)
    fired = int(peers.z_test(counts(bad, stable_bad=1))[0])
    for tick, significant in ((fired - 1, False), (fired, True)):
        n = 100 * (tick + 1)
        ours, others = sum(bad[: tick + 1]), tick + 1
        pooled = (ours + others) / (5 * n)
        z = (ours / n - others / (4 * n)) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / (4 * n)))
        assert (norm.sf(z) < 0.01) == significant


def test_msprt_takes_longer_than_one_look_and_ignores_a_better_candidate() -> None:
    worse = counts([3] * TICKS, stable_bad=1)
    assert peers.msprt(worse)[0] >= peers.z_test(worse)[0]
    better = counts([0] * TICKS, stable_bad=40)
    assert peers.msprt(better).tolist() == [NEVER]


def test_kayenta_judges_only_when_its_time_has_come() -> None:
    assert peers.kayenta(counts([5] * TICKS), seconds=600).tolist() == [TICKS - 1]
    assert peers.kayenta(counts([]), seconds=600).tolist() == [NEVER]


def test_the_shift_interval_agrees_with_mann_and_whitney() -> None:
    rng = np.random.default_rng(7)
    baseline = rng.normal(0.0, 1.0, (200, 12))
    for shift in (0.0, 0.9, 3.0):
        canary = rng.normal(shift, 1.0, (200, 12))
        p_values = mannwhitneyu(canary, baseline, alternative="greater", axis=1, method="asymptotic").pvalue
        fired = peers.shifted(canary, baseline)
        assert not fired[p_values > 0.015].any()
    assert fired.sum() > 0.95 * (p_values < 0.01).sum(), "a shift far beyond its quarter of tolerance"


def test_iter8_compares_the_posteriors() -> None:
    data = counts([2] * TICKS, stable_bad=2)
    fired = int(peers.iter8(data, seconds=30, seed=1)[0])
    n, bad = 100 * (fired + 1), 2 * (fired + 1)
    grid = (np.arange(4000) + 0.5) / 4000
    stable = beta.ppf(grid, 0.1 + bad, 0.1 + 4 * n - bad)
    assert beta.sf(stable, 0.1 + bad, 0.1 + n - bad).mean() > 0.98


@pytest.mark.parametrize("name", peers.rules(1))
def test_every_rule_finds_a_fault_that_nobody_could_miss(name: str) -> None:
    rule: Rule = peers.rules(1)[name]
    assert rule(counts([60] * TICKS, stable_bad=1))[0] != NEVER
