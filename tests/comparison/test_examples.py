"""Examples of answers that differ: few, and nothing that an owner has not named."""

from __future__ import annotations

import logging

import pytest

from modelrollout.api.samples import Tolerance
from modelrollout.api.shadow import Compare, How, OutputRule
from modelrollout.comparison.compare import Comparison
from modelrollout.comparison.examples import MOST, Examples
from modelrollout.comparison.reply import Ranked, Row


def told(caplog: pytest.LogCaptureFixture, show: set[str], expected: Row, found: Row, times: int = 1) -> list[str]:
    """The log after so many differences, a second apart."""
    moments = iter(range(times + 1))
    rules = Compare(show=tuple(show))
    examples = Examples("1.0.0", rules, lambda: float(next(moments)))
    compared = Comparison(rules).of([expected], [found])
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


@pytest.mark.parametrize("show", [set(), {"score"}], ids=["nothing is named", "what does not differ is named"])
def test_nothing_else_is_shown(caplog: pytest.LogCaptureFixture, show: set[str]) -> None:
    same = {"score": 0.5}
    assert told(caplog, show, ROW | same, OTHER | same) == []


def test_what_is_named_is_shown_though_another_output_differs_before_it(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, {"who"}, ROW, OTHER) == ["row 0 of output who: 1.1.0 says bob, and 1.0.0 says alice"]


# The rule of the output that may be shown -> whether 4.5 in place of 3.5 is an example
RULES = {
    "of all": (Compare(show=("price",)), True),
    "its own": (Compare(show=("price",), outputs=(OutputRule(name="price", by=How.IGNORE),)), False),
    "of all, by shape": (Compare(show=("price",), by=How.SHAPE, outputs=(OutputRule(name="who"),)), False),
    "its own tolerance": (
        Compare(show=("price",), outputs=(OutputRule(name="price", tolerance=Tolerance(atol=2.0)),)),
        False,
    ),
}


@pytest.mark.parametrize(("rules", "shown"), RULES.values(), ids=RULES)
def test_an_example_differs_by_the_rule_of_its_output(
    caplog: pytest.LogCaptureFixture, rules: Compare, shown: bool
) -> None:
    compared = Comparison(rules).of([ROW], [OTHER])
    assert compared.first is not None
    with caplog.at_level(logging.INFO):
        Examples("1.0.0", rules, lambda: 0.0).tell("1.1.0", compared, [ROW], [OTHER])
    assert bool(caplog.records) == shown


def test_long_values_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    (words,) = told(caplog, {"text"}, {"text": "x" * 10_000}, {"text": "y"})
    assert len(words) < 300


def test_after_a_hundred_it_is_enough(caplog: pytest.LogCaptureFixture) -> None:
    lines = told(caplog, {"price"}, ROW, OTHER, times=MOST + 10)
    assert len(lines) == MOST + 1
    assert lines[-1] == "100 examples of answers that differ have been shown; no more are"


def test_one_a_second(caplog: pytest.LogCaptureFixture) -> None:
    examples = Examples("1.0.0", Compare(show=("price",)), lambda: 7.0)
    compared = Comparison(Compare()).of([ROW], [OTHER])
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            examples.tell("1.1.0", compared, [ROW], [OTHER])
    assert len(caplog.records) == 1
