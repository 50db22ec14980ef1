"""How late rewards come, by those that have come already: a young trial has seen the short delays alone."""

from __future__ import annotations

import numpy as np
import pytest

from modelrollout.core.evidence.delay import LEAST_REWARDS, WINDOW, Delays, mean_delay, seen_mean

HOUR = 3600.0


def seen(mean: float, age: float, window: float, requests: int = 400_000) -> Delays:
    """The rewards of the last seconds of a trial in which requests came evenly, drawn at random."""
    rng = np.random.default_rng(3)
    asked, late = age * rng.random(requests), rng.exponential(mean, requests)
    came = asked + late
    here = (came <= age) & (came > age - window)
    return Delays(float(here.sum()), float(late[here].mean()), window)


@pytest.mark.parametrize(
    ("mean", "age"),
    [(60.0, HOUR), (600.0, HOUR), (1200.0, HOUR), (HOUR, 4 * HOUR), (HOUR, 30 * HOUR), (2 * HOUR, 7 * HOUR)],
)
def test_the_mean_of_all_follows_from_those_that_came(mean: float, age: float) -> None:
    known = seen(mean, age, min(age, WINDOW))
    assert mean_delay(known, age) == pytest.approx(mean, rel=0.06)
    assert age > 10 * mean or known.mean < mean, "what was seen is too short"


def test_what_is_seen_beside_numbers_drawn_at_random() -> None:
    for mean, age, window in ((600.0, 1000.0, 1000.0), (600.0, 10_000.0, 1000.0), (600.0, 2000.0, 500.0)):
        assert seen_mean(mean, age, window) == pytest.approx(seen(mean, age, window).mean, rel=0.03)


def test_nobody_can_tell_a_delay_that_is_longer_than_the_trial() -> None:
    assert mean_delay(seen(50 * HOUR, HOUR, HOUR), HOUR) == pytest.approx(HOUR, rel=0.2)
    assert mean_delay(Delays(1000.0, 0.9 * HOUR, HOUR), HOUR) == HOUR


def test_rewards_that_come_at_once() -> None:
    assert mean_delay(Delays(1000.0, 0.0, HOUR), HOUR) == pytest.approx(0.0, abs=1e-6)


def test_few_rewards_say_nothing() -> None:
    assert mean_delay(Delays(LEAST_REWARDS - 0.5, 60.0, HOUR), HOUR) is None
    assert mean_delay(Delays(LEAST_REWARDS, 60.0, HOUR), HOUR) is not None


@pytest.mark.parametrize("age", [0.0, -1.0, float("nan")])
def test_an_age_that_cannot_be(age: float) -> None:
    with pytest.raises(ValueError, match="age is"):
        mean_delay(Delays(100.0, 60.0, HOUR), age)
