"""The scrapes before the newest one, for whoever has not looked since: each is a sample of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.adapters.metrics.counted import ByVersion, sampled
from modelrollout.api.route import EVERYBODY
from modelrollout.core.evidence import Count
from modelrollout.core.observation import Sample, Unavailable

NEW, OLD, GATEWAY = "1.0.2", "1.0.1", "gateway"
KEY = ("prod", "fraud")
PLACE = (KEY, EVERYBODY)
INTERVAL = 5.0

BOTH: ByVersion = {
    NEW: {GATEWAY: {100.0: (0, 10), 105.0: (1, 20), 110.0: (5, 30)}},
    OLD: {GATEWAY: {100.0: (0, 90), 105.0: (1, 180), 110.0: (1, 270)}},
}
CASES: dict[str, tuple[ByVersion, list[tuple[float, Count, Count]]]] = {
    "three scrapes": (
        BOTH,
        [
            (100.0, Count(0, 10), Count(0, 90)),
            (105.0, Count(1, 20), Count(1, 180)),
            (110.0, Count(5, 30), Count(1, 270)),
        ],
    ),
    "a reporter that has just come": ({NEW: {GATEWAY: {110.0: (5, 30)}}}, [(110.0, Count(5, 30), Count(0, 0))]),
    "a scrape that is late": (
        {NEW: {GATEWAY: {100.0: (0, 10), 106.9: (1, 20), 110.0: (5, 30)}}},
        [
            (100.0, Count(0, 10), Count(0, 0)),
            (106.9, Count(1, 20), Count(0, 0)),
            (110.0, Count(5, 30), Count(0, 0)),
        ],
    ),
}


def counts(sample: Sample) -> tuple[float, Count, Count]:
    new, old = (sum(sample.series.get(version, {}).values(), Count(0, 0)) for version in (NEW, OLD))
    return sample.at, new, old


@pytest.mark.parametrize("case", CASES)
def test_who_is_behind_gets_each_scrape(case: str) -> None:
    series, expected = CASES[case]
    found = sampled("errors", {PLACE: series}, None, INTERVAL, {KEY})[PLACE]
    assert isinstance(found, Sample)
    assert [counts(each) for each in (*found.earlier, found)] == expected


def test_who_is_not_gets_the_newest_alone() -> None:
    behind = sampled("errors", {PLACE: BOTH}, None, INTERVAL, {KEY})[PLACE]
    found = sampled("errors", {PLACE: BOTH}, None, INTERVAL)[PLACE]
    assert isinstance(found, Sample)
    assert isinstance(behind, Sample)
    assert (found.earlier, found) == ((), replace(behind, earlier=()))


def test_what_cannot_be_read_has_no_past() -> None:
    away = Unavailable("errors", "away")
    assert sampled("errors", {PLACE: away}, None, INTERVAL, {KEY})[PLACE] is away
