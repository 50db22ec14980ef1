"""What people read of a failure: what happened, to whom, the two numbers, the way out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.api.analysis import Direction, Metric
from modelrollout.core.evidence import Count, Counters, EvidenceSettings, MetricEvidence, Tick
from modelrollout.core.judge.account import account
from modelrollout.core.judge.metric_state import MetricState

BAD, GOOD = (Count(20, 100), Count(9, 900)), (Count(0, 100), Count(0, 900))
CLICKS = Metric(name="clicks", successes="c{v='{{ version }}'}", trials="t{v='{{ version }}'}")

REFUNDS = CLICKS.model_copy(update={"name": "refunds", "direction": Direction.LOWER_IS_BETTER})


def state(metric: Metric, *ticks: tuple[Count, Count], bound: float | None = None) -> MetricState:
    """A test after these ticks, five seconds apart."""
    evidence = MetricEvidence.start(metric.name, 0.0, EvidenceSettings())
    for index, (candidate, stable) in enumerate(ticks, 1):
        evidence = evidence.after(Tick(5.0 * index, candidate, stable))
    counters = Counters("1.1.2", "1.0.1")
    return MetricState(metric, "everybody", "", evidence, counters, (evidence, counters), False, None, bound=bound)


CASES = {
    "from the start": (
        state(Metric(name="errors"), BAD),
        "20 of 100 answers failed (20 %), 9 of 900 by 1.0.1 (1 %)",
    ),
    "late": (
        state(Metric(name="errors"), *[GOOD] * 20, BAD, BAD),
        "in the last 10 s 40 of 200 answers failed (20 %), 18 of 1800 by 1.0.1 (1 %)",
    ),
    "latency": (
        state(Metric(name="latency", over=0.1), BAD, bound=0.1),
        "20 of 100 answers were slower than 100ms (20 %), 9 of 900 by 1.0.1 (1 %)",
    ),
    "latency by the bound there is": (
        state(Metric(name="latency", over=0.07), BAD, bound=0.1),
        "20 of 100 answers were slower than 100ms (the histogram's next bound above 70ms) (20 %), "
        "9 of 900 by 1.0.1 (1 %)",
    ),
    "a metric of one's own": (
        state(CLICKS, BAD),
        "80 of 100 clicks (80 %), 891 of 900 by 1.0.1 (99 %)",
    ),
    "a metric of one's own, of which less is better": (
        state(REFUNDS, BAD),
        "20 of 100 refunds (20 %), 9 of 900 by 1.0.1 (1 %)",
    ),
    "the control has no requests": (
        state(Metric(name="errors"), (Count(20, 100), Count(0, 0))),
        "20 of 100 answers failed (20 %), no requests to 1.0.1",
    ),
}


@pytest.mark.parametrize(("given", "sentence"), CASES.values(), ids=CASES.keys())
def test_account(given: MetricState, sentence: str) -> None:
    assert account(given) == sentence


def test_good_answers_against_the_record() -> None:
    given = state(CLICKS, (Count(20, 100), Count(0, 0)))
    settings = replace(given.evidence.settings, record=0.05)
    told = account(replace(given, evidence=replace(given.evidence, settings=settings)))
    assert told == "80 of 100 clicks (80 %), where 95 % is the least that the record of 1.0.1 asks for"


def test_against_the_record() -> None:
    given = state(Metric(name="errors"), (Count(20, 100), Count(0, 0)))
    settings = replace(given.evidence.settings, record=0.05)
    told = account(replace(given, evidence=replace(given.evidence, settings=settings)))
    assert told == "20 of 100 answers failed (20 %), where 5 % is the most that the record of 1.0.1 allows"
