"""Examples of answers that differ: few, and nothing that an owner has not named."""

from __future__ import annotations

import logging

import pytest

from modelrollout.api.shadow import Compare
from modelrollout.comparison.compare import Comparison
from modelrollout.comparison.examples import MOST, Examples
from modelrollout.comparison.reply import Ranked, Row


def told(caplog: pytest.LogCaptureFixture, show: set[str], expected: Row, found: Row, times: int = 1) -> list[str]:
    """The log after so many differences, a second apart."""
    moments = iter(range(times + 1))
    examples = Examples("1.0.0", frozenset(show), lambda: float(next(moments)))
    compared = Comparison(Compare()).of([expected], [found])
    with caplog.at_level(logging.INFO):
        for _ in range(times):
            examples.tell("1.1.0", compared, [expected], [found])
    return [record.getMessage() for record in caplog.records]


ROW, OTHER = {"price": 3.5, "who": "alice"}, {"price": 4.5, "who": "bob"}


def test_it_names_the_place_and_both_values(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, {"price"}, ROW, OTHER) == ["row 0 of output price: 1.1.0 says 4.5, and 1.0.0 says 3.5"]


def test_classes_are_told_with_their_labels(caplog: pytest.LogCaptureFixture) -> None:
    one, other = Ranked(("cat", "dog"), (0.75, 0.25)), Ranked(("dog", "cat"), (0.5, 0.5))
    (words,) = told(caplog, {"results"}, {"results": one}, {"results": other})
    assert words.endswith("1.1.0 says {'dog': 0.5, 'cat': 0.5}, and 1.0.0 says {'cat': 0.75, 'dog': 0.25}")


@pytest.mark.parametrize("show", [set(), {"who"}], ids=["nothing is named", "another output is named"])
def test_nothing_else_is_shown(caplog: pytest.LogCaptureFixture, show: set[str]) -> None:
    assert told(caplog, show, ROW, OTHER) == []


def test_long_values_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    (words,) = told(caplog, {"text"}, {"text": "x" * 10_000}, {"text": "y"})
    assert len(words) < 300


def test_after_a_hundred_it_is_enough(caplog: pytest.LogCaptureFixture) -> None:
    lines = told(caplog, {"price"}, ROW, OTHER, times=MOST + 10)
    assert len(lines) == MOST + 1
    assert lines[-1] == "100 examples of answers that differ have been shown; no more are"


def test_one_a_second(caplog: pytest.LogCaptureFixture) -> None:
    examples = Examples("1.0.0", frozenset({"price"}), lambda: 7.0)
    compared = Comparison(Compare()).of([ROW], [OTHER])
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            examples.tell("1.1.0", compared, [ROW], [OTHER])
    assert len(caplog.records) == 1
