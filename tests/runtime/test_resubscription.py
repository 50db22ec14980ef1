"""What stays known when a release needs something else: a table of changes to what is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.adapters.metrics.subscription import MetricSplit, Subscription
from modelrollout.api.analysis import Analysis
from modelrollout.api.route import EVERYBODY, MATCHED
from modelrollout.core.observation import Sample, Unavailable
from modelrollout.runtime.samples import still_true

OLD, NEW, NEWER = "1.0.1", "1.0.2", "1.0.3"
CLICKS = {"name": "clicks", "successes": 'a{s="{{ service }}"}', "trials": 'b{s="{{ service }}"}'}


def analysis(over: str = "70ms", trials: str = 'b{s="{{ service }}"}', **changed: Any) -> Analysis:
    metrics = [{"name": "errors"}, {"name": "latency", "over": over}, {**CLICKS, "trials": trials}]
    return Analysis.model_validate({"metrics": metrics, **changed})


BEFORE = Subscription(("prod", "fraud"), analysis(), OLD, (NEW, NEWER), (MATCHED, EVERYBODY))
ALL = {(metric, split) for metric in ("errors", "latency", "clicks") for split in (MATCHED, EVERYBODY)}


def without(metric: str) -> set[MetricSplit]:
    return {place for place in ALL if place[0] != metric}


AFTER: dict[str, tuple[Subscription, set[MetricSplit]]] = {
    "an arm leaves": (replace(BEFORE, arms=(NEW,)), ALL),
    "an arm becomes the control, and the other goes on": (replace(BEFORE, control=NEW, arms=(NEWER,)), ALL),
    "an arm comes, of which nobody has asked": (replace(BEFORE, arms=(NEW, NEWER, "1.0.4")), set()),
    "a split goes": (replace(BEFORE, splits=(MATCHED,)), {place for place in ALL if place[1] == MATCHED}),
    "a split comes": (replace(BEFORE, splits=(MATCHED, "staff", EVERYBODY)), ALL),
    "how it is judged": (replace(BEFORE, analysis=analysis(margin=1.5)), ALL),
    "the bound of latency": (replace(BEFORE, analysis=analysis(over="80ms")), without("latency")),
    "a query": (replace(BEFORE, analysis=analysis(trials='c{s="{{ service }}"}')), without("clicks")),
    "a query that tells no splits apart": (
        replace(BEFORE, analysis=analysis(trials='b{v="{{ version }}"}')),
        without("clicks"),
    ),
    "the provider": (replace(BEFORE, analysis=analysis(provider="envoy")), set()),
}


@pytest.mark.parametrize(("after", "kept"), AFTER.values(), ids=AFTER)
def test_what_stays_known(after: Subscription, kept: set[MetricSplit]) -> None:
    samples = {place: Sample(place[0], 10.0, {}) for place in ALL}
    assert still_true(samples, BEFORE, after) == {place: samples[place] for place in kept}


def test_a_query_by_version_that_was_right_for_everybody_is_not_for_two_splits() -> None:
    one = analysis(trials='b{v="{{ version }}"}')
    before = replace(BEFORE, analysis=one, splits=(EVERYBODY,))
    samples = {("clicks", EVERYBODY): Sample("clicks", 10.0, {}), ("errors", EVERYBODY): Sample("errors", 10.0, {})}
    assert set(still_true(samples, before, replace(BEFORE, analysis=one))) == {("errors", EVERYBODY)}


@pytest.mark.parametrize(
    ("invalid", "kept"),
    [
        pytest.param(False, True, id="Prometheus is away, whoever asks"),
        pytest.param(True, False, id="a verdict on what was asked for then"),
    ],
)
def test_what_could_not_be_read(invalid: bool, kept: bool) -> None:
    samples = {("errors", EVERYBODY): Unavailable("errors", "why", invalid)}
    assert bool(still_true(samples, BEFORE, replace(BEFORE, arms=(NEW,)))) is kept
