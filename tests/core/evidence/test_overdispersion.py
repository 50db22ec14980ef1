"""How bursts are told from independent errors, and what little history means."""

from typing import Any

import numpy as np
import pytest

from modelrollout.core.evidence import Count, overdispersion

SEED = 20240607


def history(rate: float, requests: int = 500, burst: int = 1, ticks: int = 360, drift: float = 1.0) -> list[Count]:
    """Half an hour of a service: errors one by one or in bursts, the rate drifting by a factor in the whole."""
    random = np.random.default_rng(SEED)
    rates = rate * np.geomspace(1.0, drift, ticks)
    bad = burst * random.poisson(requests * rates / burst)
    return [Count(int(min(one, requests)), requests) for one in bad]


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        pytest.param(history(0.005), 1.0, 1.15, id="independent errors"),
        pytest.param(history(0.005, burst=5), 4.0, 6.0, id="bursts of five"),
        pytest.param(history(0.005, burst=50), 35.0, 75.0, id="bursts of fifty: measured in full"),
        pytest.param([*history(0.005), Count(250, 500), *history(0.005)], 1.2, 5.0, id="an incident counts as one"),
        pytest.param(history(0.005, drift=4.0), 1.0, 1.15, id="a slow drift is no burst"),
        pytest.param(
            [Count(500 - one.bad, 500) for one in history(0.005)],
            1.0,
            1.15,
            id="a metric of which nearly all answers are bad",
        ),
        pytest.param(history(0.0005, requests=300), 1.0, 1.3, id="fifty independent errors"),
        pytest.param(history(0.001, requests=280, burst=5), 3.0, 8.0, id="a hundred errors in bursts of five"),
        pytest.param([], 2.0, 2.0, id="no history"),
        pytest.param([Count(0, 500)] * 360, 2.0, 2.0, id="no error in the history"),
        pytest.param([Count(500, 500)] * 360, 2.0, 2.0, id="nothing but errors"),
        pytest.param([Count(3, 500)], 2.0, 2.0, id="a single tick"),
        pytest.param([Count(0, 0)] * 10, 2.0, 2.0, id="no requests"),
    ],
)
def test_overdispersion_of_a_history(counts: Any, low: float, high: float) -> None:
    assert low <= overdispersion(counts) <= high


def test_ticks_without_requests_do_not_count() -> None:
    counts = history(0.005)
    with_gaps = [one for count in counts for one in (count, Count(0, 0))]
    assert overdispersion(with_gaps) == overdispersion(counts)


def test_bursts_that_were_seen_count_in_full_however_few() -> None:
    one_burst = [Count(0, 500)] * 30 + [Count(20, 500)] + [Count(0, 500)] * 30
    assert overdispersion(one_burst) == pytest.approx(20.0, abs=1.0)


def test_the_guess_fades_as_errors_come_in() -> None:
    def evenly(errors: int) -> float:
        """Errors spread so evenly that the plain estimate is below 1."""
        counts = [Count(0, 500)] * 400
        for i in range(errors):
            counts[i * 400 // errors] = Count(1, 500)
        return overdispersion(counts)

    values = [evenly(errors) for errors in (1, 5, 10, 30, 60, 100)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1.8
    assert values[2] == pytest.approx(1.5, abs=0.1)
    assert values[-1] == pytest.approx(1.0, abs=0.05)
