"""When versions were asked and rewarded, in some tens of spans."""

from __future__ import annotations

import json
from math import fsum

import pytest

from modelrollout.core.evidence.timeline import MOST, Span, Timeline

A, B = "1.0.0", "1.0.1"


def test_however_long_it_goes_it_has_some_tens_of_spans_and_loses_nothing() -> None:
    line = Timeline()
    for tick in range(1000):
        line = line.after(5.0 * (tick + 1), 5.0, {A: (10, 1), B: (20, 3)})
    assert MOST // 2 <= len(line.spans) <= MOST
    assert (line.begun, line.ended) == (0.0, 5000.0)
    assert fsum(span.asked[A] for span in line.spans) == 10_000
    assert fsum(span.earned[B] for span in line.spans) == 3000


def test_who_comes_is_counted_from_then_on() -> None:
    """In a span in which it was not counted all the time it is not compared; its requests are there."""
    line = Timeline().after(10.0, 10.0, {A: (10, 1)}).after(20.0, 10.0, {A: (10, 1), B: (5, 1)})
    assert [set(span.earned) for span in line.spans] == [{A}, {A, B}]
    merged = line.spans[0].and_(line.spans[1])
    assert merged == Span(20.0, {A: 20.0, B: 5.0}, {A: 2.0})


def test_a_time_that_nobody_counted_had_requests_and_its_rewards_are_not_known() -> None:
    line = Timeline().after(10.0, 10.0, {A: (10, 1)}).after(60.0, 10.0, {A: (20, 1)})
    assert line.ended == 60.0
    assert line.spans[1] == Span(40.0, {A: 80.0})


@pytest.mark.parametrize(("seconds", "new"), [(0.0, {A: (1.0, 0.0)}), (5.0, {})], ids=["no time", "nobody"])
def test_what_is_no_tick_changes_nothing(seconds: float, new: dict[str, tuple[float, float]]) -> None:
    line = Timeline().after(10.0, 10.0, {A: (10, 1)})
    assert line.after(20.0, seconds, new) is line


def test_a_past_is_told_once() -> None:
    line = Timeline().with_past({A: ((0.0, 5.0, 1.0),)}).with_past({A: (), B: ()})
    assert line.past == {A: ((0.0, 5.0, 1.0),), B: ()}


def test_it_is_stored_and_read() -> None:
    line = Timeline().with_past({A: ((0.0, 5.0, 1.0),)}).after(10.0, 5.0, {A: (10, 1), B: (5, 1)})
    assert Timeline.from_status(json.loads(json.dumps(line.to_status()))) == line


def test_the_last_span_is_whole_once_it_is_as_long_as_the_others() -> None:
    line = Timeline()
    for tick in range(MOST + 2):
        line = line.after(10.0 * (tick + 1), 10.0, {"1.0.0": (1.0, 0.0)})
    assert line.width == 20.0
    assert line.whole.ended == line.ended
    assert line.after(line.ended + 10.0, 10.0, {"1.0.0": (1.0, 0.0)}).whole == line
    assert Timeline().after(10.0, 10.0, {"1.0.0": (1.0, 0.0)}).whole.ended == 10.0
