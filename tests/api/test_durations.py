"""Durations: what they mean, how they are written, what is none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.api.base import format_duration, parse_duration

TEN_YEARS = 10 * 366 * 86_400_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("250ms", 0.25),
        ("70ms", 0.07),
        ("1.5s", 1.5),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("7d", 604_800),
        ("1d2h3m4s5ms", 93_784.005),
        ("604800s", 604_800),
    ],
)
def test_meaning_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (1.5, "1.5s"), (90, "1m30s"), (90.5, "1m30.5s"), (5400, "1h30m"), (604_800, "7d")],
)
def test_written_in_the_usual_form(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, TEN_YEARS))
def test_what_is_written_reads_back_as_it_was(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(
    "text", ["", " ", "5", "5 m", "5M", "-5s", "1m1h", "30s\n", "1s1s", "1e3s", "1.0001s", "٣s", "P1D"]
)
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{text!r} is not a duration; write for example 30s, 5m or 1h30m")):
        parse_duration(text)


def test_the_longest_duration_is_still_a_date_away() -> None:
    longest = parse_duration("99999.999d99999.999h9999999.999m999999999.999s999999999ms")
    assert isinstance(longest, float)
    assert longest < 7000 * 366 * 86_400  # years, so that any time now plus it stays below the year 9999
