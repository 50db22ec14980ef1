"""A played release: what each event does to it, and that only what users sent and samples showed decides."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelrollout.api.route import EVERYBODY
from modelrollout.api.version import ModelVersion
from modelrollout.core.accept.acceptance import backwards
from modelrollout.core.observation import Sample, Unavailable
from modelrollout.simulation.decisions import decisions, ending
from modelrollout.simulation.events import (
    Blackout,
    Burst,
    CounterReset,
    Event,
    Outage,
    Restart,
    ScrapeSkew,
    Silence,
)
from modelrollout.simulation.generated import AWAY
from modelrollout.simulation.manifest import previous
from modelrollout.simulation.release import Frame
from modelrollout.simulation.scenario import Scenario
from modelrollout.simulation.source import EPOCH, SERIES
from tests.simulation.scenes import MANIFEST, TRAFFIC, frames, judged, scene, steps, told, with_events

BAD = TRAFFIC.replace("candidate: {errors: 0.01}", "candidate: {errors: 0.2}")


def counter(frame: Frame, version: str) -> tuple[int, int]:
    """Bad answers and answers of one version in the sample of a pass."""
    sample = frame.samples["errors", EVERYBODY]
    assert isinstance(sample, Sample)
    count = sample.series[version][SERIES]
    return count.bad, count.trials


def test_a_good_candidate_goes_through_all_steps(tmp_path: Path) -> None:
    assert steps(scene(tmp_path)) == [("Shift", 25), ("Shift", 50), ("Shift", 95), ("Promote", 100)]


def test_a_bad_candidate_is_rolled_back_with_its_numbers(tmp_path: Path) -> None:
    lines = told(scene(tmp_path, BAD))
    assert [(line["move"], line["phase"]) for line in lines[-1:]] == [("Rollback", "RollingBack")]
    assert lines[-1]["weights"] == {"2.3.1160": 100, "2.4.1187": 0}
    [verdict] = lines[-1]["verdicts"]
    assert verdict["verdict"] == "Fail"
    assert verdict["evidence"] >= verdict["needed"] == 100
    counts = verdict["candidate"]
    assert f"{counts['bad']} of {counts['requests']} " in lines[-1]["reason"]


def test_the_end_counts_what_users_got(tmp_path: Path) -> None:
    release = scene(tmp_path, BAD).release(1)
    *_, (last, _) = decisions(release)
    end = ending(release, last)
    [verdict] = judged(last)
    assert end.outcome == "RolledBack"
    assert (end.bad_served, end.requests) == (verdict.candidate.bad, verdict.candidate.requests)


STEPS = ("Shift", "Shift", "Promote")
UNMOVED = {
    "a shared outage": Outage(70.0, 130.0, 0.3),
    "a counter that starts anew": CounterReset(100.0, "candidate"),
    "stable's counter that starts anew": CounterReset(100.0, "stable"),
    "errors in bursts": Burst(float("-inf"), float("inf"), 5),
    "scrapes out of step": ScrapeSkew(3.0),
    "the operator killed": Restart(61.0),
    "Prometheus away for a while": Blackout(70.0, 100.0),
    "nobody there for a while": Silence(70.0, 100.0),
}


@pytest.mark.parametrize("event", UNMOVED.values(), ids=UNMOVED.keys())
def test_a_good_candidate_is_promoted_in_spite_of(event: Event, tmp_path: Path) -> None:
    assert [move for move, _ in steps(with_events(scene(tmp_path), event))] == ["Shift", *STEPS]


def test_while_prometheus_is_away_no_weight_moves(tmp_path: Path) -> None:
    lines = told(with_events(scene(tmp_path), Blackout(50.0, 120.0)))
    away = [line for line in lines if 50.0 <= line["at"] < 120.0]
    assert {line["weights"]["2.4.1187"] for line in away} == {25}
    assert AWAY in away[0]["reason"]
    [back] = [line for line in lines if line["at"] == 120.0]
    assert back["reason"].startswith("the metrics are back")
    assert back["weights"]["2.4.1187"] == 25, "one answer after a minute is not enough"
    [rise] = [line for line in lines if line["weights"]["2.4.1187"] == 50][:1]
    assert rise["at"] >= 130.0


def test_while_prometheus_is_away_nothing_is_seen(tmp_path: Path) -> None:
    passes = frames(with_events(scene(tmp_path), Blackout(50.0, 120.0)))
    blind = [frame.time for frame in passes if isinstance(frame.samples.get(("errors", EVERYBODY)), Unavailable)]
    assert blind == [frame.time for frame in passes if 50.0 <= frame.time < 120.0]
    assert len(blind) >= 14, "it is asked all the same, as often as before"


def test_without_requests_nothing_passes_and_nothing_fails(tmp_path: Path) -> None:
    scenario = with_events(scene(tmp_path), Silence(3.0, 360.0))
    assert steps(scenario) == [("Shift", 25)]
    last = frames(scenario)[-1]
    assert [item.verdict for item in judged(last)] == ["NoTraffic"]


def test_counters_start_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    scenario = with_events(scene(tmp_path), CounterReset(98.0, "candidate"))
    seen = [frame for frame in frames(scenario) if frame.time in (95.0, 100.0, 105.0)]
    before, at, after = [counter(frame, "2.4.1187")[1] for frame in seen]
    assert at < after < before, "the counter fell to what came since"
    *_, last = frames(scenario)
    whole = frames(scene(tmp_path))[-1]
    assert judged(last)[0].candidate.requests > 0.97 * judged(whole)[0].candidate.requests


def test_skewed_scrapes_show_an_older_stable(tmp_path: Path) -> None:
    scenario = with_events(scene(tmp_path), Silence(102.0, 112.0), ScrapeSkew(5.0))
    seen = {frame.time: frame for frame in frames(scenario)}
    candidate = [counter(seen[time], "2.4.1187")[1] for time in (105.0, 110.0)]
    stable = [counter(seen[time], "2.3.1160")[1] for time in (105.0, 110.0)]
    assert candidate[0] == candidate[1], "the candidate's counters stand still from 102 s on"
    assert stable[0] < stable[1], "stable's are read five seconds earlier"


def test_errors_in_bursts_come_together(tmp_path: Path) -> None:
    scenario = with_events(scene(tmp_path), Burst(float("-inf"), float("inf"), 5))
    bad = [counter(frame, "2.3.1160")[0] for frame in frames(scenario) if ("errors", EVERYBODY) in frame.samples]
    rises = [after - before for before, after in pairwise(bad)]
    assert max(rises) >= 5
    assert sum(rise % 5 == 0 for rise in rises) > 0.9 * len(rises), "but for the rest of a count by five"


def test_slow_answers_are_judged_at_the_bucket_bound_above(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("[{name: errors}]", "[{name: latency, over: 70ms}]")
    buckets = "latency: [{le: 50ms, share: 0.9}, {le: 100ms, share: 0.99}]"
    traffic = TRAFFIC.replace("errors: 0.01", buckets)
    [verdict] = judged(frames(scene(tmp_path, traffic, manifest))[-1])
    assert verdict.candidate.bad / verdict.candidate.requests == pytest.approx(0.01, abs=0.003)
    assert verdict.bound == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("direction", "share"), [("HigherIsBetter", 0.97), ("LowerIsBetter", 0.03)], ids=["successes", "failures"]
)
def test_other_metrics_are_turned_the_right_way_round(direction: str, share: float, tmp_path: Path) -> None:
    queries = "successes: 'a{version=\"{{ version }}\"}', trials: 'b{version=\"{{ version }}\"}'"
    metric = f"[{{name: clicks, direction: {direction}, {queries}}}]"
    manifest = MANIFEST.replace("[{name: errors}]", metric)
    traffic = TRAFFIC.replace("errors: 0.01", f"rewards: {{clicks: {share}}}")
    [verdict] = judged(frames(scene(tmp_path, traffic, manifest))[-1])
    assert verdict.metric == "clicks"
    assert verdict.candidate.bad / verdict.candidate.requests == pytest.approx(0.03, abs=0.005)


BLUE_GREEN = MANIFEST.replace(
    "{canary: {steps: [{setWeight: 25, for: 1m}, {setWeight: 50, for: 2m}], bake: 1m}}",
    "{blueGreen: {bake: 2m, smoke: {requests: [{instances: [[1.0]]}, {instances: [[2.0]]}], attempts: 2}}}",
)


def test_blue_green_is_switched_after_its_smoke_requests(tmp_path: Path) -> None:
    assert steps(scene(tmp_path, manifest=BLUE_GREEN)) == [("Switch", 100), ("Promote", 100)]


def test_a_green_that_only_fails_is_never_switched_to(tmp_path: Path) -> None:
    traffic = TRAFFIC.replace("candidate: {errors: 0.01}", "candidate: {errors: 1}")
    lines = told(scene(tmp_path, traffic, BLUE_GREEN))
    assert {line["weights"]["2.4.1187"] for line in lines} == {0}
    assert lines[-1]["move"] == "Rollback"
    assert "2 of 2 requests are not answered well" in lines[-1]["reason"]


def test_an_approval_that_nobody_gives_ends_paused(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("{setWeight: 50, for: 2m}", "{approval: {}}")
    release = scene(tmp_path, manifest=manifest).release(1)
    *_, (last, _) = decisions(release)
    assert ending(release, last).outcome == "Paused"


def whole(scenario: Scenario, seed: int) -> list[object]:
    """Everything that is decided and known at every pass."""
    return [
        (frame.time - EPOCH, decision, frame.status.trial, frame.status.history)
        for frame, decision in decisions(scenario.release(seed))
    ]


FAULTS = {"healthy": "0.01", "bad from 100 s on": "[{from: 0s, value: 0.01}, {from: 100s, value: 0.06}]"}


@pytest.mark.parametrize("errors", FAULTS.values(), ids=FAULTS.keys())
@settings(max_examples=15, deadline=None)
@example(kills={0, 16}, seed=4483)  # at the very sample at which the weight changes
@given(kills=st.sets(st.integers(0, 72), min_size=1, max_size=20), seed=st.integers(0, 2**16))
def test_killed_at_any_ticks_it_decides_the_same(
    errors: str, tmp_path_factory: pytest.TempPathFactory, kills: set[int], seed: int
) -> None:
    text = TRAFFIC.replace("candidate: {errors: 0.01}", f"candidate: {{errors: {errors}}}")
    scenario = scene(tmp_path_factory.mktemp("kills"), text)
    killed = with_events(scenario, *(Restart(min(5.0 * tick, 359.0)) for tick in sorted(kills)))
    assert whole(killed, seed) == whole(scenario, seed)


@pytest.mark.parametrize(
    ("candidate", "before"),
    [("2.4.1187", "2.4.1186"), ("2.4.0", "2.3.0"), ("2.0.0", "1.0.0"), ("0.0.1", "0.0.0")],
)
def test_a_stable_version_that_nobody_named_is_one_that_may_have_served_before(candidate: str, before: str) -> None:
    assert previous(candidate) == before
    assert backwards(ModelVersion.parse(candidate), ModelVersion.parse(before)) is None, "or the release is refused"
