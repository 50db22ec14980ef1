"""What other shares would have earned: right on average, in the interval at all times, and honest about the best."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from modelrollout.core.evidence.off_policy import EQUAL, LEAST_TICKS, Logged, OffPolicy, reach

RATES = {"de": {"1": 0.05, "2": 0.10}, "fr": {"1": 0.08, "2": 0.04}}
SHARES = {"de": {"1": 0.2, "2": 0.8}, "fr": {"1": 0.7, "2": 0.3}}
ALPHA = 0.05


def tick(rng: np.random.Generator, requests: int = 200, expected: float = 0.05) -> dict[str, Logged]:
    """One tick of both segments, by known rates and shares."""
    found = {}
    for segment, rates in RATES.items():
        shares = list(SHARES[segment].values())
        asked = rng.multinomial(requests, shares)
        earned = rng.binomial(asked, list(rates.values()))
        found[segment] = Logged(
            dict(zip(rates, asked.tolist(), strict=True)),
            dict(zip(rates, earned.tolist(), strict=True)),
            SHARES[segment],
            dict.fromkeys(rates, expected),
        )
    return found


def after(ticks: int, seed: int = 1, expected: float = 0.05) -> OffPolicy:
    """So many ticks."""
    rng, known = np.random.default_rng(seed), OffPolicy()
    for _ in range(ticks):
        known = known.after(tick(rng, expected=expected))
    return known


def truth(parts: Mapping[str, Mapping[str, float]]) -> float:
    """What parts of the requests earn for each, both segments being as large."""
    return sum(part * RATES[segment][v] for segment, known in parts.items() for v, part in known.items()) / 2


RAN = truth(SHARES)
TRUE = {"1": 0.065, "2": 0.07, EQUAL: 0.0675}


@pytest.mark.parametrize("expected", [0.0, 0.05, 0.5])
def test_values_are_right_whatever_was_expected(expected: float) -> None:
    known = after(400, expected=expected)
    for name, value in TRUE.items():
        found = known.value(name, ALPHA)
        assert found is not None
        assert found.low < value < found.high
        assert found.value == pytest.approx(value, abs=0.015)
    ran = known.value(None, ALPHA)
    assert ran is not None
    assert ran.low < RAN < ran.high


def test_good_expectations_make_it_exact() -> None:
    width = []
    for expected in (0.07, 0.5):
        found = after(200, expected=expected).value("1", ALPHA)
        assert found is not None
        width.append(found.high - found.low)
    assert width[0] < 0.6 * width[1]


def test_by_hand() -> None:
    one = Logged({"1": 30, "2": 70}, {"1": 6, "2": 7}, {"1": 0.25, "2": 0.75}, {"1": 0.1, "2": 0.2})
    assert one.would_earn({"1": 1.0}) == pytest.approx(100 * 0.1 + (6 - 3) / 0.25)
    assert one.would_earn({"1": 0.5, "2": 0.5}) == pytest.approx(0.5 * 22 + 0.5 * (20 + (7 - 14) / 0.75))
    assert one.would_earn({"3": 1.0}) is None
    same = OffPolicy()
    for _ in range(LEAST_TICKS):
        same = same.after({"all": one})
    found = same.value("1", ALPHA)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.22, 0.22, 0.22))
    gain = same.gain("1", ALPHA)
    assert gain is not None
    assert gain.value == pytest.approx(0.13 - 0.22)


def test_a_gain_is_known_better_than_both_values() -> None:
    known = after(400)
    gain, ran, other = known.gain(EQUAL, ALPHA), known.value(None, ALPHA), known.value(EQUAL, ALPHA)
    assert gain is not None
    assert ran is not None
    assert other is not None
    assert gain.value == pytest.approx(ran.value - other.value)
    assert gain.low < RAN - TRUE[EQUAL] < gain.high
    assert gain.high - gain.low < (ran.high - ran.low) + (other.high - other.low)


def test_the_gain_over_the_best_is_the_least_gain() -> None:
    known = after(800)
    best, each = known.gain_over_best(ALPHA), [known.gain(version, ALPHA / 2) for version in ("1", "2")]
    assert best is not None
    assert best.low == min(one.low for one in each if one is not None)
    assert best.low < RAN - 0.07 < best.high
    least = known.gain_over_best(ALPHA, more_is_better=False)
    assert least is not None
    assert least.value < 0, "more of what should be little"


def test_the_truth_stays_inside_at_all_times() -> None:
    """60 runs of 300 ticks, looked at after each: at most one in twenty is ever wrong, by Waudby-Smith's sequence."""
    wrong = 0
    for seed in range(60):
        rng, known, missed = np.random.default_rng(seed), OffPolicy(), False
        for _ in range(300):
            known = known.after(tick(rng, 100))
            found = known.gain_over_best(ALPHA)
            missed |= found is not None and not found.low <= RAN - 0.07 <= found.high
        wrong += missed
    assert wrong <= 6


def test_nothing_is_said_too_early() -> None:
    known = after(LEAST_TICKS - 1)
    assert (known.value(None, ALPHA), known.gain("1", ALPHA), known.gain_over_best(ALPHA)) == (None, None, None)
    assert OffPolicy().after({}) == OffPolicy()
    assert known.after({"de": Logged({"1": 0}, {}, {"1": 1.0})}) == known, "a tick without requests is none"


def test_who_had_no_share_cannot_be_known_any_more() -> None:
    known = after(200).after({"de": Logged({"1": 100, "2": 0}, {"1": 5}, {"1": 1.0, "2": 0.0})})
    assert known.dropped == {"2", EQUAL}
    assert known.value("2", ALPHA) is None
    assert known.gain_over_best(ALPHA) is None, "the one that is not known may be the best"
    again = known.after(tick(np.random.default_rng(1)))
    assert set(again.policies) == {"1"}


def test_a_policy_of_ones_own() -> None:
    known, rng = OffPolicy(), np.random.default_rng(1)
    for _ in range(200):
        known = known.after(tick(rng), {"right": {"de": {"2": 1.0}, "fr": {"1": 1.0}}})
    found = known.value("right", ALPHA)
    assert found is not None
    assert found.low < 0.09 < found.high
    assert known.value("1", ALPHA) is None


def test_it_goes_to_the_status_and_back_with_the_same_bits() -> None:
    known = after(130).after({"de": Logged({"1": 100, "2": 0}, {"1": 5}, {"1": 1.0, "2": 0.0})})
    again = OffPolicy.from_status(json.loads(json.dumps(known.to_status())))
    assert again == known
    assert len(json.dumps(known.to_status())) < 1000


def test_the_reach_is_the_formula() -> None:
    r2 = (-2 * np.log(0.05) + np.log(-2 * np.log(0.05) + 1)) / 500
    t = 1234
    assert reach(t, 0.05) == pytest.approx(np.sqrt(2 * (t * r2 + 1) / (t**2 * r2) * np.log(np.sqrt(t * r2 + 1) / 0.05)))


@pytest.mark.parametrize(
    ("requests", "shares", "words"),
    [
        ({"1": 5, "2": 1}, {"1": 1.0}, "no share"),
        ({"1": 5}, {"1": 0.5}, "add up to 1"),
        ({"1": -5}, {"1": 1.0}, "numbers >= 0"),
    ],
)
def test_what_cannot_be_is_refused(requests: dict[str, float], shares: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Logged(requests, {}, shares)
    with pytest.raises(ValueError, match="alpha"):
        after(1).value(None, 1.5)
