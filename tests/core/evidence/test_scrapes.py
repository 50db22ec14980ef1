"""Scrapes of servers that count by themselves are put together so that they cover the same time."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.core.evidence import Moments, together

INTERVAL = 5.0
Reporters = Mapping[str, Mapping[str, Moments]]


def scraped(*times: float) -> Moments:
    """At each time it has counted so many answers as the time says, one for a tenth of a second."""
    return {at: (0.0, 10.0 * at) for at in times}


CASES: dict[str, tuple[Reporters, dict[str, float]]] = {
    "nothing": ({"new": {}, "old": {}}, {}),
    "a gateway counts both: the newest": (
        {"new": {"g": scraped(5, 10)}, "old": {"g": scraped(5, 10)}},
        {"g": 10},
    ),
    "gateways, each its newest": (
        {"new": {"g": scraped(5, 10), "h": scraped(3, 8)}, "old": {"g": scraped(5, 10), "h": scraped(3, 8)}},
        {"g": 10, "h": 8},
    ),
    "pods, one a whole scrape behind: the earlier of the other": (
        {"new": {"n": scraped(1, 6, 11)}, "old": {"o": scraped(1.1, 6.1)}},
        {"n": 6, "o": 6.1},
    ),
    "pods, half a scrape apart: the later": (
        {"new": {"n": scraped(2.5, 7.5)}, "old": {"o": scraped(0, 5)}},
        {"n": 7.5, "o": 5},
    ),
    "a pod that missed a scrape is not waited for": (
        {"new": {"n": scraped(1, 6, 11), "m": scraped(2)}, "old": {"o": scraped(1.1, 6.1, 11.1)}},
        {"n": 11, "m": 2, "o": 11.1},
    ),
    "only one version counts": ({"new": {}, "old": {"o": scraped(1, 6), "p": scraped(4, 9)}}, {"o": 6, "p": 9}),
}


@pytest.mark.parametrize(("reporters", "times"), CASES.values(), ids=CASES)
def test_which_scrapes_belong_together(reporters: Reporters, times: dict[str, float]) -> None:
    found = together(reporters, INTERVAL)
    assert found.times == times
    for version, counts in found.series.items():
        assert counts.keys() == reporters[version].keys()
        assert all(count.trials == 10 * times[name] for name, count in counts.items())


def test_a_gateway_whose_newest_scrape_does_not_show_a_version_keeps_what_it_showed() -> None:
    found = together({"new": {"g": scraped(5)}, "old": {"g": scraped(5, 10)}}, INTERVAL)
    assert found.times == {"g": 10}
    assert {version: counts["g"].trials for version, counts in found.series.items()} == {"new": 50, "old": 100}


def test_one_that_counted_nothing_here_was_scraped_all_the_same() -> None:
    found = together({"new": {}, "old": {"g": scraped(10)}}, INTERVAL, {"g": 10, "h": 9})
    assert found.times == {"g": 10, "h": 9}


@given(st.floats(0, 4.9), st.floats(0, 4.9), st.floats(20, 40))
def test_pods_that_are_scraped_in_turn_are_never_more_than_half_an_interval_apart(
    one: float, other: float, now: float
) -> None:
    new = [one + INTERVAL * i for i in range(9) if now - 15.5 <= one + INTERVAL * i <= now]
    old = [other + INTERVAL * i for i in range(9) if now - 15.5 <= other + INTERVAL * i <= now]
    found = together({"new": {"n": dict.fromkeys(new, (0.0, 1.0))}, "old": {"o": dict.fromkeys(old, (0.0, 1.0))}}, 5.0)
    assert abs(found.times["n"] - found.times["o"]) <= INTERVAL / 2 + 1e-9
