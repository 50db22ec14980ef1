"""Who earns more, in lines for people: shares of requests in percent, and rewards of any size in their own unit."""

from __future__ import annotations

import pytest

from modelrollout.api.contest_status import Competitor
from modelrollout.cli.render_contest import earned

CLICKS = Competitor(version="1.1.2", requests=12_000, rewards=480, rate=0.04, low=0.0361, high=0.0442)
REVENUE = Competitor(version="1.1.2", requests=12_000, rewards=37_044.5, rate=3.08704, low=2.981, high=3.2)
LITTLE = Competitor(version="1.1.2", requests=12_000, rewards=1.2, rate=0.0001, low=0.00005, high=0.0002)
LARGE = Competitor(version="1.1.2", requests=12_000, rewards=6e8, rate=50_000.4, low=49_000.0, high=51_000.0)
LATE = Competitor(version="1.1.2", requests=12_000, due=9_600, rewards=480, rate=0.05, low=0.0461, high=0.0542)
NOBODY = Competitor(version="1.1.2")


@pytest.mark.parametrize(
    ("item", "largest", "words"),
    [
        pytest.param(CLICKS, None, "480 of 12,000 (4 %), between 3.61 and 4.42 %", id="one or none"),
        pytest.param(LATE, None, "480 of 9,600 (5 %), between 4.61 and 5.42 %", id="of those that are due"),
        pytest.param(NOBODY, None, "0 of 0 (–)", id="no requests"),
        pytest.param(REVENUE, 20.0, "3.087 for each of 12,000, between 2.981 and 3.200", id="of any size"),
        pytest.param(LITTLE, 20.0, "0.0001000 for each of 12,000, between 0.00005000 and 0.0002000", id="little"),
        pytest.param(LARGE, 1e5, "50000 for each of 12,000, between 49000 and 51000", id="large"),
        pytest.param(NOBODY, 20.0, "0 requests", id="of any size, no requests"),
    ],
)
def test_what_a_version_has_earned(item: Competitor, largest: float | None, words: str) -> None:
    assert "".join(earned(item, largest)) == words
