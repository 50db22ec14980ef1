"""When two answers are the same: by the rules that an owner can write."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.tensors import Unreadable
from modelrollout.api.compared import Kind
from modelrollout.api.shadow import Compare
from modelrollout.comparison.compare import Compared, Comparison, Difference, still
from modelrollout.comparison.read_json import rows_of_json
from modelrollout.comparison.reply import Ranked
from modelrollout.comparison.scores import score, scored_output

SCORES = [0.1, 0.2, 0.7]
CLASSES = Ranked(("cat", "dog", "cow"), (0.7, 0.2, 0.1))
CLOSE = {"atol": 0.01, "rtol": 0}

# Rules, what control says of one row, what the arm says -> how they differ
CASES: dict[str, tuple[dict[str, Any], Any, Any, Kind | None]] = {
    "the same class": ({}, SCORES, [0.3, 0.3, 0.4], None),
    "another class": ({}, SCORES, [0.7, 0.2, 0.1], Kind.VALUE),
    "the same number": ({}, 0.5, 0.50001, None),
    "another number": ({}, 0.5, 0.51, Kind.VALUE),
    "a number that is close enough": ({"tolerance": CLOSE}, 0.5, 0.505, None),
    "one score is a number": ({}, [0.5], [0.6], Kind.VALUE),
    "whole numbers of any size": ({}, 10**400, 10**400 + 1, Kind.VALUE),
    "the same text": ({}, "yes", "yes", None),
    "another text": ({}, "yes", "no", Kind.VALUE),
    "bytes": ({}, b"\xff", b"\xfe", Kind.VALUE),
    "a truth value": ({}, True, False, Kind.VALUE),
    "a truth value is no number": ({}, True, 1, Kind.SHAPE),
    "a whole number is a number": ({}, 1, 1.0, None),
    "the first two places": ({"by": "TopK", "topK": 2}, SCORES, [0.2, 0.1, 0.7], Kind.VALUE),
    "the first place": ({"by": "TopK", "topK": 1}, SCORES, [0.2, 0.1, 0.7], None),
    "more places than there are": ({"by": "TopK", "topK": 9}, SCORES, [0.1, 0.2, 0.7], None),
    "places of what has no scores": ({"by": "TopK"}, "yes", "no", Kind.VALUE),
    "every score": ({"by": "Numbers"}, SCORES, [0.1, 0.3, 0.7], Kind.VALUE),
    "every score, nearly": ({"by": "Numbers", "tolerance": CLOSE}, SCORES, [0.1, 0.205, 0.705], None),
    "the shape alone": ({"by": "Shape"}, SCORES, [0.9, 0.2, 0.7], None),
    "another shape": ({"by": "Shape"}, SCORES, [[0.1, 0.2, 0.7]], Kind.SHAPE),
    "a shape of no numbers": ({"by": "Shape"}, SCORES, [0.1, 0.2, float("nan")], Kind.NOT_FINITE),
    "nobody looks": ({"by": "Ignore"}, SCORES, [float("nan")], None),
    "deep inside": ({}, [[[1.0, 2.0]]], [[[2.0, 1.0]]], Kind.VALUE),
    "infinite inside": ({}, [[[1.0, 2.0]]], [[[1.0, float("inf")]]], Kind.NOT_FINITE),
    "the same label": ({}, CLASSES, Ranked(("cat", "cow", "dog"), (0.5, 0.3, 0.2)), None),
    "another label": ({}, CLASSES, Ranked(("dog", "cat", "cow"), (0.5, 0.3, 0.2)), Kind.VALUE),
    "labels in order": ({"by": "TopK", "topK": 2}, CLASSES, Ranked(("cat", "cow", "dog"), (0.5, 0.3, 0.2)), Kind.VALUE),
    "scores of labels": ({"by": "Numbers"}, CLASSES, Ranked(("cat", "dog", "cow"), (0.6, 0.3, 0.1)), Kind.VALUE),
    "fewer labels": ({}, CLASSES, Ranked(("cat",), (1.0,)), Kind.SHAPE),
}


@pytest.mark.parametrize(("rules", "expected", "found", "kind"), CASES.values(), ids=CASES)
def test_one_output(rules: dict[str, Any], expected: Any, found: Any, kind: Kind | None) -> None:
    compared = Comparison(Compare.model_validate(rules)).of([{"y": expected}], [{"y": found}])
    assert compared.first == (Difference(kind, 0, "y") if kind is not None else None)
    assert compared.share == (kind is not None)


OWN_RULES = Compare.model_validate(
    {"by": "Numbers", "outputs": [{"name": "label"}, {"name": "debug", "by": "Ignore"}, {"name": "x", "by": "Shape"}]}
)


def test_each_output_has_its_own_rule() -> None:
    comparison = Comparison(OWN_RULES)
    one = {"label": [0.1, 0.9], "debug": "a", "x": 1, "price": 3.0}
    assert comparison.of([one], [{"label": [0.4, 0.6], "debug": 2, "x": 7, "price": 3.0}]).first is None
    assert comparison.of([one], [one | {"price": 4.0}]).first == Difference(Kind.VALUE, 0, "price")


def test_outputs_that_are_gone_differ_and_new_ones_do_not() -> None:
    comparison = Comparison(Compare())
    assert comparison.of([{"a": 1}], [{"a": 1, "b": 2}]).first is None
    assert comparison.of([{"a": 1, "b": 2}], [{"a": 1}]).first == Difference(Kind.SHAPE, 0, "b")


def test_rows_are_counted_for_themselves() -> None:
    rows = [{"y": index} for index in range(4)]
    compared = Comparison(Compare()).of(rows, [*rows[:3], {"y": 9}])
    assert (compared.share, compared.differs) == (0.25, (False, False, False, True))
    assert Comparison(Compare()).of([], []).share == 0
    assert Comparison(Compare()).of([], rows).share == 1
    assert Comparison(Compare()).of([], None).share == 1


# Rows that differ; that differ in the control's own second answer; in the arm's -> the part that still does
STILL: dict[str, tuple[str, str, str | None, float]] = {
    "no noise": ("1100", "0000", "1100", 0.5),
    "all of it is noise": ("1100", "1100", "1100", 0),
    "half of it is noise": ("1100", "0100", "1100", 0.25),
    "noise elsewhere": ("1100", "0011", "1111", 0.5),
    "the arm was not wrong again": ("1100", "0000", "0110", 0.25),
    "the arm was not asked": ("1100", "0100", None, 0.25),
}


@pytest.mark.parametrize(("found", "noise", "wrong", "part"), STILL.values(), ids=STILL)
def test_what_still_differs(found: str, noise: str, wrong: str | None, part: float) -> None:
    one, other, third = (Compared(tuple(mark == "1" for mark in marks or "")) for marks in (found, noise, wrong))
    assert still(one, [other], None if wrong is None else third) == part


def test_noise_may_show_at_the_second_time() -> None:
    found, same, noise = Compared((True,)), Compared((False,)), Compared((True,))
    assert [still(found, [same, same]), still(found, [same, noise]), still(found, [noise, same])] == [1, 0, 0]


def test_an_answer_without_rows_still_differs_as_a_whole() -> None:
    wholly, same = Compared.wholly(Kind.SHAPE, 0), Compared(())
    assert [still(wholly, [same], wholly), still(wholly, [wholly]), still(wholly, [same], same)] == [1, 0, 0]


ONLY = "y"
# Bodies by REST -> rows
BODIES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "by row": ('{"predictions": [1, 2]}', [{ONLY: 1}, {ONLY: 2}]),
    "by row and name": ('{"predictions": [{"a": 1, "b": 2}]}', [{"a": 1, "b": 2}]),
    "bytes by row": ('{"predictions": [{"b64": "AA=="}]}', [{ONLY: {"b64": "AA=="}}]),
    "by column": ('{"outputs": [[1], [2]]}', [{ONLY: [1]}, {ONLY: [2]}]),
    "by column and name": ('{"outputs": {"a": [1, 2], "b": [3, 4]}}', [{"a": 1, "b": 3}, {"a": 2, "b": 4}]),
    "columns of other lengths": ('{"outputs": {"a": [1, 2], "b": 3}}', [{"a": [1, 2], "b": 3}]),
    "one value": ('{"outputs": 3}', [{ONLY: 3}]),
    "classes": (
        '{"results": [[["cat", 0.2], ["dog", 0.8]]]}',
        [{"results": Ranked(("dog", "cat"), (0.8, 0.2))}],
    ),
    "classes without labels": ('{"results": [[["", 0.2], ["", 0.8]]]}', [{"results": Ranked(("1", "0"), (0.8, 0.2))}]),
    "values": ('{"results": [0.5]}', [{"results": 0.5}]),
}


@pytest.mark.parametrize(("body", "rows"), BODIES.values(), ids=BODIES)
def test_rows_of_a_body(body: str, rows: list[dict[str, Any]]) -> None:
    assert list(rows_of_json(body.encode(), ONLY)) == rows


def test_a_lone_output_has_a_name_without_a_rule_too() -> None:
    assert rows_of_json(b'{"predictions": [1]}', None) == ({"predictions": 1},)
    assert rows_of_json(b'{"outputs": 1}', None) == ({"outputs": 1},)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"error": "no"}',
        '{"predictions": 3}',
        '{"results": [[1]]}',
        '{"results": 3}',
        "\xff",
    ],
)
def test_what_is_no_answer(body: str) -> None:
    with pytest.raises(Unreadable):
        rows_of_json(body.encode("latin-1"), None)


SCORED: dict[str, tuple[Any, float | None]] = {
    "a number": (0.3, 0.3),
    "scores": ([0.2, 0.8], 0.8),
    "classes": (CLASSES, 0.7),
    "a text": ("yes", None),
    "a truth value": (True, None),
    "lists of scores": ([[0.2, 0.8]], None),
    "nothing": ([], None),
    "too large for a float": (10**400, None),
    "no number": (float("nan"), None),
    "no number among some": ([0.5, float("nan"), 0.1], None),
    "infinite": ([0.5, float("inf")], None),
}


@pytest.mark.parametrize(("value", "expected"), SCORED.values(), ids=SCORED)
def test_scores(value: Any, expected: float | None) -> None:
    assert score(value) == expected


def test_the_scored_output_is_the_one_that_is_named_or_the_first_of_numbers() -> None:
    row = {"a": "text", "b": 0.5, "c": [0.1, 0.9]}
    assert scored_output(Comparison(Compare()), [row]) == "b"
    assert scored_output(Comparison(Compare(score="c")), [row]) == "c"
    ignored = Compare.model_validate({"outputs": [{"name": "b", "by": "Ignore"}]})
    assert scored_output(Comparison(ignored), [row]) == "c"
    assert scored_output(Comparison(Compare()), [{"a": "text"}]) is None
