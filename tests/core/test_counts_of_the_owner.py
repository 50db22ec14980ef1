"""A metric of one's own is told as its owner counts: clicks, not the visitors without one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from modelrollout.api.metric_status import MetricStatus, Ratio, Side
from modelrollout.cli.render_evidence import counts
from modelrollout.core.evidence import Count, MetricEvidence, Tick, judge
from modelrollout.core.plan import Reason
from tests.core.world import BLUE_GREEN, CANARY, World

PLAIN: dict[str, Any] = yaml.safe_load(CANARY)
CLICKS = {"name": "clicks", "successes": "c{v='{{ version }}'}", "trials": "t{v='{{ version }}'}"}


def judged(metric: dict[str, str], bad: dict[str, float]) -> World:
    """A canary of ten percent with a minute of answers to 3,200 requests."""
    spec = copy.deepcopy(PLAIN)
    spec["analysis"] |= {"metrics": [metric]}
    world = World(spec=spec).installed().apply(version="1.1.2").run(14, tick=2)
    assert world.weight == 10
    for _ in range(10):
        world.requests(320, bad, metric="clicks").step(5)
    return world


def test_fewer_clicks_are_told_as_fewer_clicks() -> None:
    """As it was found, 10 % against 30 % came out as 88 % against 72 %."""
    world = judged(CLICKS, {"1.0.1": 0.7, "1.1.2": 0.9})
    [back] = world.said(Reason.EVIDENCE_AGAINST)
    assert "clicks (9.4 %)" in back
    assert "by 1.0.1 (30 %)" in back
    told = world.analysis[0]
    assert told.counts_good
    assert told.candidate.bad > 0.8 * told.candidate.requests, "the fields keep counting what is bad"
    assert told.message.startswith("clicks: candidate ")
    assert "(9.4 %), stable" in told.message
    assert "odds 0.2" in told.message


def test_more_of_what_is_bad_is_told_as_more() -> None:
    world = judged(CLICKS | {"direction": "LowerIsBetter"}, {"1.0.1": 0.1, "1.1.2": 0.5})
    [back] = world.said(Reason.EVIDENCE_AGAINST)
    assert "clicks (50 %)" in back
    assert "by 1.0.1 (10 %)" in back
    assert not world.analysis[0].counts_good


def alone(bad: dict[str, float], **fields: str) -> World:
    """Blue/green in its bake, judged by clicks; then five minutes of these answers."""
    settings = {"strategy": {"blueGreen": {"bake": "10m"}}, "analysis": {"metrics": [CLICKS | fields]}}
    world, usual = World.of(BLUE_GREEN).configure(**settings).installed(), dict.fromkeys(("1.0.1", "1.1.2"), 0.3)
    world.requests(5000, usual, metric="clicks").step(5)
    world.apply(version="1.1.2")
    for _ in range(12):
        world.requests(500, usual, metric="clicks").step(5)
    assert world.live == {"1.1.2": 100}
    for _ in range(60):
        world.requests(500, usual | bad, metric="clicks").step(5)
    return world


WHOSE: dict[str, tuple[dict[str, float], dict[str, str], Reason, str]] = {
    "fewer clicks, which came back with stable": (
        {"1.1.2": 0.9},
        {},
        Reason.EVIDENCE_AGAINST,
        "clicks by 1.0.1 (70 %)",
    ),
    "fewer clicks of both": ({"1.1.2": 0.6, "1.0.1": 0.6}, {}, Reason.NOT_TO_BLAME, "clicks by 1.0.1 (40 %), too"),
    "more of what is bad, which left with the candidate": (
        {"1.1.2": 0.6},
        {"direction": "LowerIsBetter"},
        Reason.EVIDENCE_AGAINST,
        "clicks by 1.0.1 (30 %)",
    ),
}


@pytest.mark.parametrize(("bad", "fields", "reason", "told"), WHOSE.values(), ids=WHOSE.keys())
def test_whose_fault_it_was_is_told_as_the_owner_counts(
    bad: dict[str, float], fields: dict[str, str], reason: Reason, told: str
) -> None:
    [said] = alone(bad, **fields).said(reason)
    assert told in said
    assert "were bad" not in said


TICKS = {
    "worse": (Count(180, 200), Count(1260, 1800), "candidate 20 of 200 (10 %), stable 540 of 1800 (30 %); odds 0.26 x"),
    "alike": (Count(140, 200), Count(1260, 1800), "candidate 60 of 200 (30 %), stable 540 of 1800 (30 %); odds 0.99 x"),
    "no control": (Count(140, 200), Count(0, 0), "candidate 60 of 200 (30 %), stable no requests;"),
}


@pytest.mark.parametrize(("candidate", "stable", "told"), TICKS.values(), ids=TICKS.keys())
def test_verdict(candidate: Count, stable: Count, told: str) -> None:
    evidence = MetricEvidence.start("clicks", 0.0).after(Tick(5.0, candidate, stable))
    assert judge(evidence, 5.0, counts_good=True).reason.startswith(f"clicks: {told}")


@pytest.mark.parametrize(
    ("of_bad", "of_good"),
    [
        (Ratio(estimate=4.0, low=2.0, high=8.0), Ratio(estimate=0.25, low=0.125, high=0.5)),
        (Ratio(estimate=4.0, low=0.0, high=None), Ratio(estimate=0.25, low=None, high=None)),
        (Ratio(), Ratio()),
    ],
)
def test_the_odds_of_a_good_answer(of_bad: Ratio, of_good: Ratio) -> None:
    assert of_bad.of_good == of_good


def test_the_command_line_counts_the_same() -> None:
    side = Side(requests=320, bad=282)
    assert counts(MetricStatus(metric="clicks", counts_good=True), side) == "38 of 320 (11.9 %)"
    assert counts(MetricStatus(metric="errors"), side) == "282 bad of 320 (88.1 %)"


def test_successes_that_go_backwards_are_told_as_successes() -> None:
    world = judged(CLICKS, {})
    before = world.counts["clicks"]["1.1.2"]
    world.counts["clicks"]["1.1.2"] = Count(before.bad + 12, before.trials + 10)
    world.step(5)
    told = world.analysis[0]
    assert told.verdict == "Blind"
    good = before.trials - before.bad
    assert f"from {good} successes in {before.trials} trials to {good - 2} in {before.trials + 10}: " in told.message
