"""Requests whose reward has not come yet: they are no failures, and what has come is compared with what is due."""

from __future__ import annotations

from math import exp, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.evidence.waiting import Waiting, maturing

TICK = 10.0


def test_without_a_delay_all_is_due_at_once() -> None:
    assert Waiting().after(100, 5, TICK, 0.0) == (Waiting(seconds=TICK), 100.0, 5)
    assert Waiting(out=90.0).after(5, 0, TICK, 0.0) == (Waiting(seconds=TICK), 95.0, 0), (
        "and what was out is, once it is switched off"
    )


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30), st.floats(1.0, 5000.0))
def test_due_are_those_whose_reward_would_be_there(requests: list[int], mean: float) -> None:
    """Beside N(t) = sum of n_s F(t - s), each tick cut into a thousand parts."""
    waiting, every = Waiting(), 0.0
    for number in requests:
        waiting, due, _ = waiting.after(number, 0, TICK, mean)
        every += due
    now, parts = TICK * len(requests), (np.arange(1000) + 0.5) / 1000
    ages = now - TICK * (np.arange(len(requests))[:, None] + parts)
    matured = (np.array(requests)[:, None] * (1.0 - np.exp(-ages / mean))).sum() / 1000
    assert every == pytest.approx(matured, rel=1e-4, abs=1e-6)
    assert every + waiting.out == pytest.approx(sum(requests))


def test_silence_may_be_cut_up() -> None:
    whole, due, _ = Waiting(out=700.0).after(0, 0, 60.0, 300.0)
    parts, every = Waiting(out=700.0), 0.0
    for _ in range(6):
        parts, some, _ = parts.after(0, 0, 10.0, 300.0)
        every += some
    assert (whole.out, due) == pytest.approx((parts.out, every))
    assert whole.out == pytest.approx(700.0 * exp(-0.2))


def test_the_rate_is_right_although_rewards_come_late() -> None:
    """A steady stream of 10,000 requests in a tick, of which 10 % have a reward after 300 s on average."""
    waiting, out, counted = Waiting(), 0.0, [0.0, 0]
    for _ in range(60):
        stays = (1 - exp(-TICK / 300)) * 300 / TICK
        came = out * (1 - exp(-TICK / 300)) + 1000 * (1 - stays)
        out = out * exp(-TICK / 300) + 1000 * stays
        waiting, due, rewards = waiting.after(10_000, round(came), TICK, 300.0)
        counted = [counted[0] + due, counted[1] + rewards]
    assert counted[1] / counted[0] == pytest.approx(0.1, rel=1e-3)
    assert counted[0] < 0.7 * 60 * 10_000, "as many are still out"


def test_while_the_delay_is_not_known_all_waits() -> None:
    waiting = Waiting()
    for _ in range(30):
        waiting, due, rewards = waiting.after(100, 2, TICK, inf)
        assert (due, rewards) == (0.0, 0)
    assert waiting == Waiting(out=3000.0, rewards=60, seconds=300.0)
    known = waiting.once_known(300.0, 150.0)
    plain = Waiting()
    for _ in range(30):
        plain, _, _ = plain.after(100, 0, TICK, 150.0)
    assert known.out == pytest.approx(plain.out), "as if it had been known from the beginning"
    assert known.ripe == pytest.approx(3000.0 - plain.out)
    later, due, rewards = known.after(0, 1, TICK, 150.0)
    assert rewards == 61
    assert due + later.out == pytest.approx(3000.0)


def test_a_mean_that_cannot_be() -> None:
    for mean in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="mean_delay is"):
            maturing(0.0, 10, TICK, mean)


def test_what_was_asked_before_is_forgotten_in_some_delays() -> None:
    """A version with 1,000 requests a tick from now on, and 10,000 before."""
    waiting, ages = Waiting(out=300_000.0, before=300_000.0), list[float]()
    for tick in range(200):
        if not ages and waiting.is_own:
            ages.append(tick * TICK)
        waiting, _, _ = waiting.after(1_000, 0, TICK, 300.0)
    assert ages[0] / 300.0 == pytest.approx(5.3, abs=0.1), "the older part falls by e in each delay"
    assert waiting.before == pytest.approx(300_000.0 * exp(-2000.0 / 300.0))


def test_nothing_is_proven_of_a_version_before_three_delays() -> None:
    assert not Waiting(out=1.0, seconds=899.0).is_settled(300.0)
    assert Waiting(out=1.0, seconds=900.0).is_settled(300.0)
    assert not Waiting(out=1.0, seconds=900.0, before=0.06).is_settled(300.0)
    assert not Waiting(out=1.0, seconds=1e9).is_settled(inf), "nor before the delay is known"
    assert Waiting().is_settled(0.0), "unless rewards come at once"


def test_who_comes_back_waits_again() -> None:
    waiting = Waiting(out=10.0, before=1.0, seconds=900.0).anew()
    assert waiting == Waiting(out=10.0, before=10.0)
