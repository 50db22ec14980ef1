"""When Prometheus is asked again: a table of reporters, by the seconds since each was scraped last."""

from __future__ import annotations

import pytest

from modelrollout.runtime.scrape_times import TAKES, wait_for_scrape

POLL = 0.5
CASES: dict[str, tuple[list[float], float | None, float]] = {
    "one, just scraped": ([0.0], 5.0, 5.0 + TAKES),
    "one, scraped a while ago": ([3.0], 5.0, 2.0 + TAKES),
    "its scrape is late": ([6.0], 5.0, POLL),
    "its next scrape is on its way": ([5.0], 5.0, POLL),
    "two: the next one counts": ([1.0, 3.0], 5.0, 2.0 + TAKES),
    "one of two is late": ([1.0, 6.0], 5.0, POLL),
    "one of two has been away for long": ([1.0, 100.0], 5.0, 4.0 + TAKES),
    "all are away": ([100.0], 5.0, POLL),
    "nothing is known": ([], 5.0, POLL),
    "nobody knows how often they are scraped": ([0.0], None, POLL),
}


@pytest.mark.parametrize("case", CASES)
def test_when_prometheus_is_asked_again(case: str) -> None:
    ages, interval, wait = CASES[case]
    assert wait_for_scrape(1000.0, [1000.0 - age for age in ages], interval, POLL) == pytest.approx(wait)
