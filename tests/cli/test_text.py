"""The small forms that the pictures are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.cli.text import (
    Line,
    Span,
    Style,
    bar,
    fold,
    lasting,
    line,
    listed,
    number,
    paint,
    percent,
    plain,
    towards,
)

SPANS = {
    "nothing": (0, "0s"),
    "a moment": (0.4, "0s"),
    "seconds": (59.4, "59s"),
    "minutes and seconds": (130, "2m10s"),
    "whole hours": (7200, "2h"),
    "hours without seconds": (3725, "1h2m"),
    "days without minutes": (93784, "1d2h"),
    "a clock that runs ahead": (-5, "0s"),
}


@pytest.mark.parametrize(("seconds", "text"), SPANS.values(), ids=SPANS.keys())
def test_a_span_of_time_has_two_units_at_most(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


NUMBERS = {
    "small": (0.02424, "0.0242"),
    "middle": (12.14, "12.1"),
    "large": (7301.4, "7,301"),
    "huge": (2.5e9, "2.5e+09"),
    "whole": (100.0, "100"),
}


@pytest.mark.parametrize(("value", "text"), NUMBERS.values(), ids=NUMBERS.keys())
def test_a_number_has_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_several_are_listed_as_a_person_says_it() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"], "or") == "a, b or c"


def test_a_share_of_nothing_is_no_number() -> None:
    assert percent(0, 0) == "–"
    assert percent(1, 812) == "0.123 %"


BARS = {
    "empty only at 0": (0.0, "░░░░░"),
    "a little is seen": (0.001, "█░░░░"),
    "half": (0.4, "██░░░"),
    "not full before the end": (0.999, "████░"),
    "full at 1": (1.0, "█████"),
    "not beyond its end": (7.0, "█████"),
    "not below its beginning": (-1.0, "░░░░░"),
}


@pytest.mark.parametrize(("share", "drawn"), BARS.values(), ids=BARS.keys())
def test_bar(share: float, drawn: str) -> None:
    assert plain(bar(share, 5)) == drawn


TOWARDS = {
    "evidence begins at 1, an empty bar": (1.0, 100.0, 0.0),
    "evidence for the opposite is an empty bar": (0.03, 100.0, 0.0),
    "ten is half of the way to a hundred": (10.0, 100.0, 0.5),
    "the bound is a full bar": (100.0, 100.0, 1.0),
    "beyond the bound is a full bar": (1e12, 100.0, 1.0),
    "a status without a bound": (3.0, 0.0, 1.0),
}


@pytest.mark.parametrize(("evidence", "bound", "share"), TOWARDS.values(), ids=TOWARDS.keys())
def test_evidence_on_its_way_to_the_bound(evidence: float, bound: float, share: float) -> None:
    assert towards(evidence, bound) == pytest.approx(share)


def test_colours_come_from_styles_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    content = line("a ", Span("bad", Style.BAD), " word")
    assert plain(content) == "a bad word"
    assert paint(content) == "a \x1b[31mbad\x1b[0m word"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(variable, value)
    styles = [line(Span(style.value, style)) for style in Style]
    assert [paint(content) for content in styles] == [style.value for style in Style]


FOLDED = {
    "short enough": ("one two", 10, ["one two"]),
    "at a space": ("one two three", 8, ["one two", "three"]),
    "a word longer than the width": ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
    "the indent is kept": ("  one two", 6, ["  one", "  two"]),
}


@pytest.mark.parametrize(("text", "width", "lines"), FOLDED.values(), ids=FOLDED.keys())
def test_a_long_line_is_folded(text: str, width: int, lines: list[str]) -> None:
    assert [plain(part) for part in fold(line(text), width)] == lines


contents = st.lists(st.builds(Span, st.text("ab  ", max_size=20), st.sampled_from(Style)), max_size=5).map(tuple)


@given(contents, st.integers(4, 40))
def test_folding_loses_no_word_and_keeps_the_width(content: Line, width: int) -> None:
    folded = fold(content, width)
    assert all(sum(len(span.text) for span in part) <= width for part in folded)
    letters = "".join(span.text for span in content).replace(" ", "")
    assert "".join(plain(part) for part in folded).replace(" ", "") == letters
