"""Users' own PromQL: variables filled in, metrics found in it, successes and trials put together."""

from __future__ import annotations

import pytest

from modelrollout.adapters.metrics.base import Target
from modelrollout.adapters.metrics.custom import combine, fill, metric_names
from modelrollout.api.analysis import Direction, has_variable
from modelrollout.core.evidence import PARTS, BadCount, Count, Moments
from tests.adapters.counted import Counted, newest

TARGET = Target("prod", "fraud", "2.4.1187")
HIGHER, LOWER = Direction.HIGHER_IS_BETTER, Direction.LOWER_IS_BETTER


def test_all_variables_are_filled_in() -> None:
    query = 'c{v="{{ version }}",w="{{workload}}",s="{{ service }}",r="{{ rollout }}",n="{{namespace }}"}'
    assert fill(query, TARGET) == 'c{v="2.4.1187",w="fraud-2-4-1187",s="fraud-2-4-1187",r="fraud",n="prod"}'


def test_the_service_alone_depends_on_the_split() -> None:
    query = 'c{w="{{ workload }}",s="{{ service }}"}'
    matched = Target("prod", "fraud", "2.4.1187", "matched")
    assert fill(query, matched) == 'c{w="fraud-2-4-1187",s="fraud-2-4-1187-matched"}'


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param('c{s="{{ service }}"}', True, id="with spaces"),
        pytest.param('c{s="{{service}}"}', True, id="without"),
        pytest.param('c{service="{{ workload }}"}', False, id="a label of this name"),
        pytest.param('c{s="{ service }"}', False, id="one bracket"),
    ],
)
def test_whether_a_query_has_a_variable(query: str, found: bool) -> None:
    assert has_variable(query, "service") is found


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param('clicks_total{version="{{ version }}"}', ("clicks_total",), id="a selector"),
        pytest.param('sum by (le) (clicks{a="b"})', ("clicks",), id="a function and a grouping"),
        pytest.param('a_total{x="sum"} + on (pod) group_left (y) b_total', ("a_total", "b_total"), id="a join"),
        pytest.param("a_total * on(x) group_left b_total", ("a_total", "b_total"), id="a join that takes no labels"),
        pytest.param("a_total # views of a day\n / b_total", ("a_total", "b_total"), id="a comment"),
        pytest.param('a_total{x="#1"}', ("a_total",), id="a string that looks like a comment"),
        pytest.param(":tf:serving:count{x=`and`} or vector(0)", (":tf:serving:count",), id="colons"),
        pytest.param('sum(rate(x{y="z"}[5m])) * 60', ("x",), id="a range and a number"),
        pytest.param('label_replace(x, "a", "$1", "b", "(.*)")', ("x",), id="strings with brackets"),
        pytest.param("x offset 5m", ("x",), id="an offset"),
        pytest.param('x{a="}"}', ("x",), id="a bracket in a value"),
        pytest.param('clicks_total{version="a"', ("clicks_total",), id="a selector whose bracket is missing"),
    ],
)
def test_the_metrics_of_a_query(query: str, names: tuple[str, ...]) -> None:
    assert metric_names(query) == names


def moments(*points: tuple[float, float]) -> Moments:
    """A counter: time and value."""
    return {at: (0.0, value) for at, value in points}


COMBINED: dict[str, tuple[dict[str, Moments], dict[str, Moments], Direction, Counted]] = {
    "higher is better": (
        {"a": moments((10, 90))},
        {"a": moments((10, 100))},
        HIGHER,
        Counted(10, {"a": Count(10, 100)}),
    ),
    "lower is better": ({"a": moments((10, 5))}, {"a": moments((10, 100))}, LOWER, Counted(10, {"a": Count(5, 100)})),
    "no success yet": ({}, {"a": moments((10, 100))}, HIGHER, Counted(10, {"a": Count(100, 100)})),
    "no trial yet": ({}, {}, HIGHER, Counted(None, {})),
    "two processes": (
        {"a": moments((10, 1)), "b": moments((11, 2))},
        {"a": moments((10, 10)), "b": moments((11, 20))},
        LOWER,
        Counted(11, {"a": Count(1, 10), "b": Count(2, 20)}),
    ),
    "from different processes": (
        {"shop": moments((9, 30))},
        {"a": moments((10, 100)), "b": moments((11, 50))},
        LOWER,
        Counted(11, {"": Count(30, 150)}),
    ),
    "from different processes, the successes scraped later": (
        {"shop": moments((12, 30))},
        {"a": moments((10, 100))},
        LOWER,
        Counted(10, {"": Count(30, 100)}),
    ),
    "successes first seen after the trials": (
        {"a": moments((11, 30))},
        {"a": moments((10, 100))},
        LOWER,
        Counted(None, {}),
    ),
    "the same scrape of both": (
        {"a": moments((8, 80), (10, 95))},
        {"a": moments((8, 85), (10, 100))},
        HIGHER,
        Counted(10, {"a": Count(5, 100)}),
    ),
}


@pytest.mark.parametrize(("successes", "trials", "direction", "expected"), COMBINED.values(), ids=COMBINED)
def test_successes_and_trials(
    successes: dict[str, Moments], trials: dict[str, Moments], direction: Direction, expected: Counted
) -> None:
    assert newest(combine(successes, trials, turned=direction is HIGHER)) == expected


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(BadCount):
        newest(combine({"a": moments((10, 101))}, {"a": moments((10, 100))}, turned=True))


SUMS: dict[str, tuple[float, float, float, Count]] = {
    "one or none": (7.0, 10.0, 1.0, Count(7 * PARTS, 10 * PARTS)),
    "in its own unit": (30.0, 10.0, 12.0, Count(25_000, 10 * PARTS)),
    "less than a part is in the next difference": (0.00007, 10.0, 1.0, Count(0, 10 * PARTS)),
    "all the largest, and the rounding of floats": (0.1 + 0.2, 3.0, 0.1, Count(3 * PARTS, 3 * PARTS)),
    "nothing yet": (0.0, 0.0, 5.0, Count(0, 0)),
}


@pytest.mark.parametrize(("earned", "requests", "largest", "expected"), SUMS.values(), ids=SUMS)
def test_a_sum_of_rewards_is_counted_in_parts_of_the_largest(
    earned: float, requests: float, largest: float, expected: Count
) -> None:
    found = newest(combine({"a": moments((10, earned))}, {"a": moments((10, requests))}, largest=largest))
    assert found == Counted(10, {"a": expected})


@pytest.mark.parametrize("earned", [-0.5, 51.0])
def test_a_sum_that_cannot_be_is_refused_with_the_way_out(earned: float) -> None:
    with pytest.raises(BadCount, match=f"a sum of {earned:g} of 10 rewards, where each is from 0 to max, 5; clip them"):
        combine({"a": moments((10, earned))}, {"a": moments((10, 10))}, largest=5.0)
