"""When it is known that a candidate answers otherwise, or does not: by the comparer's counters alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.validate.disagreement import ALPHA, COST, Flips, Outcome, judge_flips, told

ALLOWED = 0.02


def steady(compared: int, different: float) -> Flips:
    """All that differs is there again."""
    return Flips(compared, different, different, different)


def first(flips: Callable[[int], Flips], outcome: Outcome, most: int = 5000) -> int:
    """After how many compared answers something is known."""
    return next(count for count in range(1, most) if judge_flips(flips(count), ALLOWED, 1).outcome is outcome)


def test_before_anything_was_compared_nothing_is_known() -> None:
    found = judge_flips(steady(0, 0), ALLOWED, 1)
    assert found.outcome is Outcome.OPEN
    assert found.evidence == pytest.approx(1)
    assert found.proof == pytest.approx(1)


def test_an_equal_version_passes_within_two_hundred() -> None:
    assert first(lambda count: steady(count, 0), Outcome.PASS) <= 200


def test_nobody_passes_before_enough_was_compared() -> None:
    assert judge_flips(steady(399, 0), ALLOWED, 400).outcome is Outcome.OPEN
    assert judge_flips(steady(400, 0), ALLOWED, 400).outcome is Outcome.PASS


# The part of the answers that differ each time -> by how many compared answers it must have failed
FAILS = {"one in ten": (0.1, 80), "half of them": (0.5, 20), "all of them": (1.0, 6)}


@pytest.mark.parametrize(("share", "most"), FAILS.values(), ids=FAILS)
def test_a_version_that_differs_fails_soon(share: float, most: int) -> None:
    assert first(lambda count: steady(count, share * count), Outcome.FAIL) <= most


# Different, there again once, always, of 1000 -> what is known
KNOWN: dict[str, tuple[float, float, float, Outcome]] = {
    "noise of the control": (40, 20, 10, Outcome.PASS),
    "much noise of the control": (200, 100, 50, Outcome.OPEN),
    "noise of the control, and as many flips as are allowed": (120, 70, 45, Outcome.OPEN),
    "flips beyond the noise": (180, 130, 105, Outcome.FAIL),
    "an arm that does not repeat itself": (100, 100, 10, Outcome.FAIL),
    "as many as are allowed": (20, 20, 20, Outcome.OPEN),
    "parts of requests": (0.5, 0.5, 0.5, Outcome.PASS),
}


@pytest.mark.parametrize(("different", "once", "always", "outcome"), KNOWN.values(), ids=KNOWN)
def test_what_is_known_of_a_thousand(different: float, once: float, always: float, outcome: Outcome) -> None:
    assert judge_flips(Flips(1000, different, once, always), ALLOWED, 200).outcome is outcome


def test_where_more_is_allowed_more_may_differ() -> None:
    flips = steady(1000, 60)
    assert judge_flips(flips, 0.02, 200).outcome is Outcome.FAIL
    assert judge_flips(flips, 0.2, 200).outcome is Outcome.PASS


@given(
    p=st.lists(st.floats(0.01, 1), min_size=2, max_size=5),
    q=st.lists(st.floats(0.01, 1), min_size=2, max_size=5),
)
def test_noise_is_worth_nothing_in_either_bet(p: list[float], q: list[float]) -> None:
    """The inequalities that the module's words rest on, for any chances of the answers by control and by arm."""
    size = min(len(p), len(q))
    control, arm = np.array(p[:size]) / sum(p[:size]), np.array(q[:size]) / sum(q[:size])
    different, noise = 1 - control @ arm, 1 - control @ control
    once = float((control**2) @ (1 - arm))
    assert 2 * once - different <= different - noise + 1e-9
    if different <= noise:
        always = float((control**3) @ (1 - arm) ** 2)
        assert always - COST * (different - always) <= 1e-9


@given(st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.999))
def test_counts_of_any_size_have_a_verdict(
    compared: int, different: float, once: float, always: float, allowed: float
) -> None:
    parts = np.cumprod([compared, different, once, always]).tolist()
    found = judge_flips(Flips(*parts), allowed, 1)
    assert (found.outcome is Outcome.FAIL) == (found.evidence >= 1 / ALPHA)
    assert found.proof >= 0


@pytest.mark.parametrize("counts", [(10, 11, 1, 1), (10, 5, 6, 1), (10, 5, 4, 5), (10, 5, 4, -1)])
def test_counts_that_cannot_be_are_refused(counts: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="of what was compared a part differs"):
        Flips(*counts)


def test_the_counts_in_words() -> None:
    assert told(Flips(310, 12.5, 12, 11, (2, 31)), "1.1.0", "1.0.0") == (
        "12.5 of 310 answers of 1.1.0 differ from 1.0.0's (4 %), 11 of them each time; 1.0.0 differs from itself in "
        "2 of 31"
    )
    assert told(Flips(0, 0, 0, 0), "1.1.0", "1.0.0") == "no answer of 1.1.0 was compared with 1.0.0's"
    assert Flips(310, 12.5, 12, 11).beyond_noise == pytest.approx(11.5 / 310)
