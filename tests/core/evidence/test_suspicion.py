"""Bad news: when the newest answers are no moment to give a version more requests, whatever the noise."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from modelrollout.core.evidence.counts import Count, Tick
from modelrollout.core.evidence.metric import MetricEvidence
from modelrollout.core.evidence.settings import EvidenceSettings
from modelrollout.core.evidence.sudden import fails_suddenly
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
    sudden = Suspicion().after([-1.0], Tick(at=5.0, stable=Count(1, 1), candidate=Count(54, 54)), QUIET, sudden=True)
    assert Suspicion.from_status(sudden.to_status()) == sudden


LONG = Count(5, 1000)  # one in two hundred, of both versions


@pytest.mark.parametrize(
    ("answered", "known", "is_sudden"),
    [
        pytest.param(Count(54, 54), LONG, True, id="all of many"),
        pytest.param(Count(2, 2), LONG, True, id="both of two"),
        pytest.param(Count(1, 1), LONG, True, id="the only one, one time in two hundred"),
        pytest.param(Count(24, 52), LONG, True, id="half of them, as in a tick of two scrapes"),
        pytest.param(Count(1, 6), LONG, False, id="one of six"),
        pytest.param(Count(5, 120), LONG, False, id="a burst among many"),
        pytest.param(Count(0, 54), LONG, False, id="none"),
        pytest.param(Count(0, 0), LONG, False, id="nobody asked"),
        pytest.param(Count(54, 54), Count(0, 0), False, id="nothing is known before"),
        pytest.param(Count(3, 3), Count(0, 10), False, id="little is known before"),
        pytest.param(Count(95, 100), Count(940, 1000), False, id="what fails as a rule, like a visit without a click"),
        pytest.param(Count(60, 100), Count(300, 1000), True, id="more than usual, where much fails"),
    ],
)
def test_what_is_sudden(answered: Count, known: Count, is_sudden: bool) -> None:
    assert fails_suddenly(answered, known, margin=1.1) is is_sudden


WITH = Count(1, 1)
ALONE = Count(0, 0)


@pytest.mark.parametrize("noise", [1.0, 300.0])
@pytest.mark.parametrize(
    "stable", [WITH, Count(0, 1), ALONE, Count(25, 25)], ids=["1 bad", "1 good", "none", "all bad"]
)
def test_a_whole_failure_is_bad_news_whatever_stable_answered_just_then(stable: Count, noise: float) -> None:
    settings = EvidenceSettings(overdispersion=noise)
    known = MetricEvidence.start("errors", 0.0, settings).after(Tick(5.0, Count(5, 900), Count(1, 200)))
    failing = known.after(Tick(10.0, Count(54, 54), stable))
    assert failing.suspicion.is_bad_news
    assert failing.late.candidate.bad >= 54
    good = failing.after(Tick(15.0, Count(0, 54), Count(0, 2)))
    assert not good.suspicion.sudden


def test_healthy_answers_are_seldom_sudden() -> None:
    """One tick in two thousand at one bad answer in two hundred, at any rate."""
    random = np.random.default_rng(1)
    bad = {trials: random.binomial(trials, 0.005, 5_000).tolist() for trials in (1, 6, 25, 125)}
    ticks = [Count(number, trials) for trials, numbers in bad.items() for number in numbers]
    assert sum(fails_suddenly(tick, LONG, 1.1) for tick in ticks if tick.trials > 1) <= 10
    assert sum(fails_suddenly(tick, LONG, 1.1) for tick in ticks if tick.trials == 1) <= 50, "one in two hundred fails"
