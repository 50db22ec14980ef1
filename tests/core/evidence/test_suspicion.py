"""Bad news: when the newest answers are no moment to give a version more requests, whatever the noise."""

from __future__ import annotations

from math import log

import pytest

from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.suspicion import Suspicion

QUIET = 1.0
BURSTS = 21.0  # what noise makes of two bad answers that came together


def after(said: list[float], noise: float) -> Suspicion:
    """After ticks that said so many nats, one after another, beside a noise."""
    suspicion = Suspicion()
    for number, nats in enumerate(said):
        tick = Tick(at=5.0 * number, stable=Count.of(0, 25), candidate=Count.of(468, 468))
        suspicion = suspicion.after([nats], tick, noise)
    return suspicion


@pytest.mark.parametrize(
    ("said", "noise", "is_bad_news"),
    [
        pytest.param([log(11.0)], QUIET, True, id="one tick that is ten to one"),
        pytest.param([log(9.0)], QUIET, False, id="one tick that is nine to one"),
        pytest.param([log(11.0)], BURSTS, False, id="the same among bursts"),
        pytest.param([log(11.0)] * 2, BURSTS, False, id="two in a row among bursts"),
        pytest.param([log(11.0)] * 3, BURSTS, True, id="three in a row among bursts"),
        pytest.param([log(11.0), log(11.0), -1.0, log(11.0)], BURSTS, False, id="a good one between them"),
        pytest.param([40.0], BURSTS, True, id="one that fails wholly, among bursts"),
        pytest.param([40.0, log(11.0)], BURSTS, True, id="and one more that is bad"),
        pytest.param([40.0, -1.0], BURSTS, False, id="and then a good one"),
    ],
)
def test_what_is_bad_news(said: list[float], noise: float, is_bad_news: bool) -> None:
    assert after(said, noise).is_bad_news is is_bad_news


def test_a_status_keeps_it() -> None:
    suspicion = after([40.0], BURSTS)
    assert Suspicion.from_status(suspicion.to_status()) == suspicion
