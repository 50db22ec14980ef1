"""What is a count and what is not."""

from typing import Any

import pytest

from modelrollout.core.evidence import BadCount, Count, Tick

NAN = float("nan")
INF = float("inf")


@pytest.mark.parametrize(
    ("bad", "trials", "says"),
    [
        pytest.param(-1, 10, "bad is -1", id="fewer than none"),
        pytest.param(0, -1, "trials is -1", id="negative trials"),
        pytest.param(11, 10, "more bad answers than answers", id="more bad ones than answers"),
        pytest.param(NAN, 10, "bad is nan: not a number", id="bad is not a number"),
        pytest.param(0, NAN, "trials is nan: not a number", id="trials is not a number"),
        pytest.param(0, INF, "trials is inf", id="infinite"),
        pytest.param(0.5, 10, "without rate() or increase()", id="a fraction, as increase() gives"),
        pytest.param(0, 10**16, "a count lies between 0 and 1e+15", id="too large to be exact"),
        pytest.param(True, 10, "not a number", id="a truth value"),
        pytest.param("3", 10, "not a number", id="a text"),
    ],
)
def test_impossible_counts_are_refused_with_the_field_and_the_value(bad: Any, trials: Any, says: str) -> None:
    with pytest.raises(BadCount) as error:
        Count.of(bad, trials)
    assert says in str(error.value)


def test_the_constructor_refuses_them_too() -> None:
    with pytest.raises(BadCount, match="more bad answers than answers"):
        Count(11, 10)


def test_whole_floats_become_whole_numbers() -> None:
    count = Count.of(3.0, 512.0)
    assert (count.bad, count.trials) == (3, 512)
    assert isinstance(count.bad, int)


def test_counts_add_up_and_have_a_rate() -> None:
    assert Count(1, 10) + Count(2, 30) == Count(3, 40)
    assert Count(1, 10).rate == 0.1
    assert Count(0, 0).rate == 0.0


def test_a_tick_needs_a_time() -> None:
    with pytest.raises(BadCount, match="at is nan"):
        Tick(NAN, Count(0, 0), Count(0, 0))
