"""What is known of an arm: rewards that come late are not failures, and what is old counts less."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.evidence.belief import Belief, discount
from modelrollout.core.evidence.thompson import Posterior

TICK = 10.0


def test_counts_add_up() -> None:
    belief = Belief().after(100, 5, TICK).after(300, 10, TICK)
    assert belief == Belief(15.0, 400.0, 0.0)
    assert belief.posterior == Posterior(16.0, 386.0)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30), st.floats(1.0, 5000.0))
def test_matured_trials_are_those_whose_reward_would_be_there(requests: list[int], mean: float) -> None:
    """Beside N(t) = sum of n_s F(t - s), each tick cut into a thousand parts."""
    belief = Belief()
    for number in requests:
        belief = belief.after(number, 0, TICK, mean_delay=mean)
    now, parts = TICK * len(requests), (np.arange(1000) + 0.5) / 1000
    ages = now - TICK * (np.arange(len(requests))[:, None] + parts)
    matured = (np.array(requests)[:, None] * (1.0 - np.exp(-ages / mean))).sum() / 1000
    assert belief.trials == pytest.approx(matured, rel=1e-4, abs=1e-6)
    assert belief.trials + belief.pending == pytest.approx(sum(requests))


def test_silence_may_be_cut_up() -> None:
    start = Belief(3.0, 50.0, 700.0)
    whole = start.after(0, 0, 60.0, mean_delay=300.0)
    parts = start
    for _ in range(6):
        parts = parts.after(0, 0, 10.0, mean_delay=300.0)
    assert (whole.trials, whole.pending) == pytest.approx((parts.trials, parts.pending))
    assert whole.pending == pytest.approx(700.0 * exp(-0.2))


def test_what_is_a_half_life_old_counts_half() -> None:
    belief = Belief(40.0, 1000.0).after(0, 0, 1200.0, half_life=1200.0)
    assert belief == Belief(20.0, 500.0)
    belief = Belief(40.0, 1000.0)
    for _ in range(120):
        belief = belief.after(0, 0, 10.0, half_life=1200.0)
    assert (belief.successes, belief.trials) == pytest.approx((20.0, 500.0))


def test_the_memory_of_a_drifting_arm_is_bounded() -> None:
    belief = Belief()
    for _ in range(5000):
        belief = belief.after(1000, 50, TICK, half_life=1200.0)
    assert belief.trials == pytest.approx(1000 / (1 - discount(TICK, 1200.0)))
    assert belief.successes / belief.trials == pytest.approx(0.05)


def test_the_rate_is_right_although_rewards_come_late() -> None:
    """A steady stream of 100 requests in a tick, of which 10 % have a reward after 300 s on average."""
    belief, out = Belief(), 0.0
    for _ in range(60):
        stays = (1 - exp(-TICK / 300)) * 300 / TICK
        came = out * (1 - exp(-TICK / 300)) + 10 * (1 - stays)
        out = out * exp(-TICK / 300) + 10 * stays
        belief = belief.after(100, came, TICK, half_life=1200.0, mean_delay=300.0)
    assert belief.successes / belief.trials == pytest.approx(0.1)
    assert belief.trials < 0.7 * 60 * 100, "as many are still out"


def test_more_successes_than_matured_trials_are_no_failures() -> None:
    assert Belief(3.0, 1.5, 20.0).posterior == Posterior(4.0, 1.0)


def test_switching_the_delay_off_takes_all_that_is_out() -> None:
    assert Belief(1.0, 10.0, 90.0).after(5, 0, TICK) == Belief(1.0, 105.0, 0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"half_life": 0.0}, "half_life is 0.0"),
        ({"half_life": float("nan")}, "half_life is nan"),
        ({"mean_delay": -1.0}, "mean_delay is -1.0"),
        ({"seconds": 0.0}, "seconds is 0.0"),
        ({"trials": -5.0}, "trials is -5.0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, float], words: str) -> None:
    tick = {"trials": 0.0, "successes": 0.0, "seconds": TICK} | options
    with pytest.raises(ValueError, match=words):
        Belief(10.0, 1000.0).after(**tick)
    with pytest.raises(ValueError, match="pending is -1"):
        Belief(pending=-1.0)
