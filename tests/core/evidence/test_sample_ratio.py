"""Whether the requests go where the weights say."""

from typing import Any

import pytest

from modelrollout.core.evidence import SampleRatio


def after(ticks: int, candidate: int, stable: int, weight: float) -> SampleRatio:
    ratio = SampleRatio()
    for _ in range(ticks):
        ratio = ratio.after(candidate, stable, weight)
    return ratio


@pytest.mark.parametrize(
    ("candidate", "stable", "weight", "ticks", "broken"),
    [
        pytest.param(50, 450, 0.1, 720, False, id="as it should be"),
        pytest.param(55, 445, 0.1, 720, False, id="a tenth more: sticky sessions, skewed scrapes"),
        pytest.param(45, 455, 0.1, 720, False, id="a tenth less"),
        pytest.param(75, 425, 0.1, 6, True, id="half more, within 30 s"),
        pytest.param(25, 475, 0.1, 6, True, id="half of it, within 30 s"),
        pytest.param(500, 0, 0.1, 2, True, id="all requests go to the candidate"),
        pytest.param(500, 0, 0.1, 1, False, id="one tick is no proof"),
        pytest.param(0, 500, 0.5, 2, True, id="none go to the candidate"),
        pytest.param(0, 500, 0.01, 720, False, id="none of 1 %: within one point"),
        pytest.param(1, 499, 0.99, 3, True, id="the wrong way round"),
        pytest.param(0, 0, 0.5, 100, False, id="no requests"),
        pytest.param(7, 493, 0.0, 100, False, id="weight 0 says nothing: previews and drained connections"),
        pytest.param(493, 7, 1.0, 100, False, id="weight 1 says nothing"),
    ],
)
def test_what_is_taken_for_a_broken_split(candidate: Any, stable: Any, weight: float, ticks: Any, broken: bool) -> None:
    assert after(ticks, candidate, stable, weight).is_broken is broken


def test_it_follows_the_weights() -> None:
    ratio = SampleRatio()
    for weight in (0.01, 0.05, 0.25, 0.5) * 20:
        ratio = ratio.after(round(1000 * weight), 1000 - round(1000 * weight), weight)
    assert ratio.evidence < 1
