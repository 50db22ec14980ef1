"""What is known of an arm: what is old counts less."""

from __future__ import annotations

import pytest

from modelrollout.core.evidence.belief import Belief, discount
from modelrollout.core.evidence.thompson import Posterior

TICK = 10.0


def test_counts_add_up() -> None:
    belief = Belief().after(100, 5, TICK).after(300, 10, TICK)
    assert belief == Belief(15.0, 400.0)
    assert belief.posterior == Posterior(16.0, 386.0)


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


def test_more_successes_than_trials_are_no_failures() -> None:
    assert Belief(3.0, 1.5).posterior == Posterior(4.0, 1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"half_life": 0.0}, "half_life is 0.0"),
        ({"half_life": float("nan")}, "half_life is nan"),
        ({"seconds": 0.0}, "seconds is 0.0"),
        ({"trials": -5.0}, "trials is -5.0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, float], words: str) -> None:
    tick = {"trials": 0.0, "successes": 0.0, "seconds": TICK} | options
    with pytest.raises(ValueError, match=words):
        Belief(10.0, 1000.0).after(**tick)
    with pytest.raises(ValueError, match="trials is -1"):
        Belief(trials=-1.0)
