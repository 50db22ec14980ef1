"""Who is better however late rewards come: by the likelihood over all delays."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, fsum, inf

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import gamma

from modelrollout.core.evidence.any_delay import is_alike, is_better, may_be_better
from modelrollout.core.evidence.delays import Delays, delays, due, in_one_span
from modelrollout.core.evidence.one_shape import FURTHEST, Fit, explained, fitted
from modelrollout.core.evidence.seen import Seen
from modelrollout.core.evidence.timeline import Timeline

CONTROL, ARM = "1.0.0", "1.0.1"
RATE, LATE, LOOK = 100.0, 300.0, 30.0
NEEDED = 5.2  # the log of 40, and what suits best


def expected(share: float, earns: float, seconds: float, late: float = LATE, before: float = RATE) -> Timeline:
    """A test in which everything is as expected: the control was asked ``before`` times a second, the arm never; each
    gets a half. ``earns`` is what the arm earns for one reward of the control, ``share`` that of the control."""
    line = Timeline().with_past({CONTROL: ((-1e6, 0.0, before),), ARM: ()})
    for look in range(round(seconds / LOOK)):
        start, end = LOOK * look, LOOK * (look + 1)
        own = quad(lambda at: 1 - exp(-at / late), start, end)[0] * RATE / 2
        old = quad(lambda at: exp(-at / late), start, end)[0] * before
        asked = RATE / 2 * LOOK
        line = line.after(end, LOOK, {CONTROL: (asked, share * (own + old)), ARM: (asked, share * earns * own)})
    return line


def fit_of(line: Timeline, one: str, other: str) -> Fit:
    seen = Seen.of(line, one, other)
    assert seen is not None
    return fitted(seen)


@pytest.mark.parametrize("seconds", [60, 300, 1200, 7200])
def test_what_the_control_was_asked_before_makes_it_no_better(seconds: float) -> None:
    """By totals it earns three times as much at first."""
    line = expected(0.1, 1.0, seconds)
    totals = [sum(span.earned[who] for span in line.spans) for who in (CONTROL, ARM)]
    assert totals[0] > 1.05 * totals[1]
    found = is_better(line, CONTROL, ARM)
    assert found is not None
    assert found.surplus < 0.5


@pytest.mark.parametrize(("one", "other", "earns"), [(ARM, CONTROL, 1.2), (CONTROL, ARM, 0.8)], ids=["arm", "control"])
def test_the_better_one_is_found_without_knowing_how_late_rewards_come(one: str, other: str, earns: float) -> None:
    found = is_better(expected(0.1, earns, 3600), one, other)
    assert found is not None
    assert found.surplus > NEEDED
    contrary = is_better(expected(0.1, earns, 3600), other, one)
    assert contrary is not None
    assert contrary.surplus == 0


def test_the_delay_is_found_that_explains_it_without_anybody_being_better() -> None:
    found = is_better(expected(0.1, 1.0, 3600), CONTROL, ARM)
    assert found is not None
    assert found.delay == pytest.approx(LATE, rel=0.15)


def test_no_difference_is_proven_once_the_delay_is_known() -> None:
    early, late = (is_alike(expected(0.1, 1.0, seconds), CONTROL, ARM, 0.2) for seconds in (120, 7200))
    assert early is not None
    assert late is not None
    assert early.surplus < 3 < late.surplus


def test_how_much_the_delay_matters_shrinks_with_time() -> None:
    young, old = (fit_of(expected(0.1, 1.0, seconds), CONTROL, ARM) for seconds in (300, 14_400))
    assert np.ptp(young.plausible_ratios(1.0)) > 0.5
    assert np.abs(old.plausible_ratios(1.0)).max() < 0.05


def test_versions_that_were_asked_alike_are_compared_as_without_delay() -> None:
    """By each delay the ratio is that of all their rewards, so what is proven needs no other proof."""
    line = Timeline()
    for look in range(40):
        line = line.after(LOOK * (look + 1), LOOK, {CONTROL: (1500, 100), ARM: (1500, 130)})
    told = is_better(line, ARM, CONTROL)
    assert told is not None
    assert told.surplus == inf
    seen = Seen.of(line, ARM, CONTROL)
    assert seen is not None
    found, wins, every = explained(seen, ((-FURTHEST, 0.0),)), 40 * 130, 40 * 230
    alone = wins * np.log(wins / every) + (every - wins) * np.log(1 - wins / every) - every * np.log(0.5)
    assert alone <= found.surplus <= alone / (1 - 130 / 1500), "each request has one reward at most"


def erlang(order: int) -> Callable[[float, float], float]:
    def came(lag: float, mean: float) -> float:
        return float(gamma.cdf(lag, order, scale=mean / order))

    return came


DISTRIBUTIONS: dict[str, tuple[Callable[[float, float], float], float]] = {
    "exponential": (erlang(1), 1.0),
    "a hump": (erlang(4), 4.0),
    "a narrow hump": (erlang(25), 25.0),
    "constant": (lambda lag, mean: float(lag >= mean), inf),
}


@pytest.mark.parametrize(("distribution", "order"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_what_is_due_is_the_integral_of_the_distribution(
    distribution: Callable[[float, float], float], order: float
) -> None:
    line = Timeline().with_past({ARM: ((-50.0, -20.0, 7.0),)})
    for look, asked in enumerate((300, 60, 600)):
        line = line.after(10.0 * (look + 1), 10.0, {ARM: (asked, 0)})
    tried = delays(30.0)
    row = int(np.where(tried.orders == order, np.abs(tried.means - 12.0), 1e9).argmin())
    (found,) = due(line, (ARM,), tried)
    sources = [(-50.0, -20.0, 7.0), (0.0, 10.0, 30.0), (10.0, 20.0, 6.0), (20.0, 30.0, 60.0)]

    def matured(at: float) -> float:
        mean = float(tried.means[row])
        return fsum(
            rate * quad(lambda asked: distribution(at - asked, mean), start, min(end, at), limit=200)[0]
            for start, end, rate in sources
            if start < at
        )

    for index, start in enumerate((0.0, 10.0, 20.0)):
        came = (matured(start + 10.0) - matured(start)) / 10.0
        assert found[row, index] == pytest.approx(came, abs=0.05)


def test_rates_near_one_are_told_apart_where_rewards_tell_the_delay() -> None:
    """The shares change, and rewards follow at once; 98 of 100 are more than 93, though nearly all are rewarded."""
    line = Timeline()
    for look in range(60):
        asked = {CONTROL: 100 if look < 3 else 200, ARM: 100}
        new = {CONTROL: (asked[CONTROL], 0.93 * asked[CONTROL]), ARM: (asked[ARM], 0.98 * asked[ARM])}
        line = line.after(LOOK * (look + 1), LOOK, new)
    found = is_better(line, ARM, CONTROL)
    assert found is not None
    assert found.surplus > 2.0 * NEEDED


@pytest.mark.parametrize("late", [317.0, 450.0, 600.0])
@pytest.mark.parametrize("seconds", [300, 620, 700, 1500])
def test_constant_delays_make_the_control_no_better_at_any_moment(late: float, seconds: float) -> None:
    """The arm has no reward for so long, and then as many as the control."""
    line = Timeline().with_past({CONTROL: ((-1e6, 0.0, RATE),), ARM: ()})
    for look in range(round(seconds / 5.0)):
        end, start = 5.0 * (look + 1), 5.0 * look
        own = max(0.0, end - late) - max(0.0, start - late)
        old = 5.0 - own
        asked = RATE / 2 * 5.0
        line = line.after(end, 5.0, {CONTROL: (asked, 5.0 * own + 10.0 * old), ARM: (asked, 5.0 * own)})
    found = is_better(line, CONTROL, ARM)
    assert found is not None
    assert found.surplus < NEEDED


def test_the_ratio_that_fits_best_is_that_of_a_search() -> None:
    fit = fit_of(expected(0.1, 1.3, 900), ARM, CONTROL)
    best = fit.best_ratios()
    for row in (5, 20, 30):

        def unlikely(ratio: float, row: int = row) -> float:
            return -float(fit.likelihood(np.full(len(best), ratio))[row])

        searched = minimize_scalar(unlikely, bounds=(-5, 5), method="bounded").x
        assert best[row] == pytest.approx(searched, abs=1e-3)


def test_rewards_are_for_some_request() -> None:
    """Before the test nobody was asked: no delay is longer than that to the first reward."""
    line = Timeline()
    for look in range(40):
        line = line.after(LOOK * (look + 1), LOOK, {CONTROL: (1500, 100), ARM: (700, 70)})
    fit = fit_of(line, ARM, CONTROL)
    assert len(fit.delays.means) < len(delays(40 * LOOK).means), "constant ones that are longer are none"
    found = is_better(line, ARM, CONTROL)
    assert found is not None
    assert found.surplus > NEEDED


def test_nothing_is_told_of_who_was_never_counted() -> None:
    assert is_better(Timeline(), CONTROL, ARM) is None
    assert is_alike(Timeline().after(10.0, 10.0, {CONTROL: (1, 0)}), CONTROL, ARM, 0.05) is None


@pytest.mark.parametrize(
    ("mean", "order", "less"),
    [(5.0, 1.0, 0.0), (40.0, 1.0, 0.0), (5.0, 4.0, 0.05), (20.0, 4.0, 0.3), (3.0, 25.0, 0.01), (20.0, inf, 0.0)],
    ids=str,
)
def test_how_often_two_rewards_of_one_moment_would_fall_into_one_span(mean: float, order: float, less: float) -> None:
    """By drawing them: that is what rewards that are one or none for each request spread less by. Never too much is
    said, and too little only where delays are nearly as long as the span."""
    rng, width = np.random.default_rng(1), 12.0

    def drawn() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.full(200_000, mean) if order == inf else rng.gamma(order, mean / order, 200_000)

    asked = rng.uniform(0.0, width, 200_000)
    same = float(((asked + drawn()) // width == (asked + drawn()) // width).mean())
    found = float(in_one_span(Delays(np.array([mean]), np.array([order])), width)[0])
    assert same - less - 0.005 <= found <= same + 0.005


@pytest.mark.parametrize(
    ("seconds", "earns", "may"), [(300, 1.0, True), (7200, 1.0, False), (7200, 1.2, True)], ids=str
)
def test_an_arm_may_earn_more_until_by_no_delay_it_does(seconds: float, earns: float, may: bool) -> None:
    assert may_be_better(expected(0.1, earns, seconds), ARM, CONTROL, 0.05, 1.0) is may
