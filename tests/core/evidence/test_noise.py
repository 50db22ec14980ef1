"""Bursts that begin after the release did are noticed by stable's own answers, and an outage is not for ever."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.evidence import Count, MetricEvidence
from modelrollout.core.evidence.noise import Noise, damped
from tests.core.evidence.ticks import after_all, counts, pairs, ticks_of

SEED = 20251126


def stable(ticks: int, burst: int = 1, rate: float = 0.005, requests: int = 450) -> list[Count]:
    """Errors one by one, or in bursts."""
    random = np.random.default_rng(SEED)
    return [Count(min(requests, burst * int(x)), requests) for x in random.poisson(requests * rate / burst, ticks)]


def after(ticks: list[Count], known: float = 1.0) -> Noise:
    noise = Noise()
    for tick in ticks:
        noise = noise.after(tick, known)
    return noise


SHARED = [Count(225, 450)]

CASES: dict[str, tuple[list[Count], float, float, float]] = {
    "nothing seen": ([], 1.3, 1.3, 1.3),
    "one tick": (stable(1), 1.0, 1.0, 1.0),
    "independent errors": (stable(360), 1.0, 1.0, 1.0),
    "bursts of five, half a minute after they began": (stable(60) + stable(6, 5), 1.0, 2.0, 12.0),
    "bursts of five, ten minutes after": (stable(60) + stable(120, 5), 1.0, 3.5, 7.0),
    "bursts of forty: unclipped": (stable(60) + stable(200, 40), 1.0, 25.0, 55.0),
    "what was known before is no news": (stable(120, 5), 5.0, 5.0, 5.0),
    "an outage of a tick, at once": (stable(60) + SHARED, 1.0, 20.0, 999.0),
    "an outage of a tick, ten minutes later": (stable(60) + SHARED + stable(120), 1.0, 1.0, 1.0),
    "no error at all": ([Count(0, 450)] * 100, 1.0, 1.0, 1.0),
    "nothing but errors": ([Count(450, 450)] * 100, 1.0, 1.0, 1.0),
}


@pytest.mark.parametrize(("ticks", "known", "low", "high"), CASES.values(), ids=CASES)
def test_the_noise_after(ticks: list[Count], known: float, low: float, high: float) -> None:
    assert low <= after(ticks, known).factor(known) <= high


def test_stable_without_requests_leaves_it_as_it_was() -> None:
    before = after(stable(30) + stable(20, 5))
    assert before.after(Count(0, 0), 1.0) == before


@given(pairs(), st.integers(0, 12), counts())
def test_it_is_known_before_the_tick_and_this_tick_can_only_lessen_what_it_pays(
    history: Any, candidate_bad: int, control: Count
) -> None:
    evidence = after_all(ticks_of(history), floor=0.0)
    known = evidence.noise.factor(1.0)
    tick = ticks_of([(Count(candidate_bad, 12), control)], start=1e6)[0]
    fixed = replace(evidence, settings=replace(evidence.settings, overdispersion=known), noise=Noise())
    assert evidence.after(tick).evidence <= fixed.after(tick).evidence * (1 + 1e-9)


@given(st.lists(st.floats(-50, 50), min_size=6, max_size=6), st.floats(1, 50), st.floats(1, 50))
def test_what_a_tick_costs_is_never_lessened(ratios: list[float], before: float, now: float) -> None:
    damp = damped(ratios, before, now)
    assert damp is not None
    assert all(new <= old for new, old in zip(damp, ratios, strict=True))
    assert [new for new in damp if new < 0] == [old for old in ratios if old < 0]


@given(pairs(length=30))
def test_the_status_brings_all_of_it_back_bit_for_bit(history: Any) -> None:
    evidence = after_all(ticks_of(history))
    assert MetricEvidence.from_status(json.loads(json.dumps(evidence.to_status()))) == evidence


def test_a_status_of_a_version_that_did_not_measure_it_goes_on() -> None:
    evidence = after_all(ticks_of([(Count(1, 50), Count(2, 450))] * 5))
    status = evidence.to_status()
    del status["noise"]
    assert MetricEvidence.from_status(status) == replace(evidence, noise=Noise())


def test_an_edit_of_what_the_numbers_mean_does_not_forget_the_bursts() -> None:
    bursts = [(Count(0, 50), one) for one in stable(40, 5)]
    evidence = after_all(ticks_of(bursts))
    assert evidence.noise.factor(1.0) > 2.0
    assert evidence.under(replace(evidence.settings, margin=1.5)).noise == evidence.noise
