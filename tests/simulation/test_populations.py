"""More than two versions, and requests that come first: who answers what, and that like is compared with like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.cli.main import main
from modelrollout.core.evidence import Count
from modelrollout.core.observation import Sample
from modelrollout.simulation.events import CounterReset, Restart
from modelrollout.simulation.scenario import Scenario, from_samples
from modelrollout.simulation.source import SERIES, Source
from modelrollout.simulation.traffic import Traffic
from tests.simulation.scenes import FOCUSED, MANIFEST, TRAFFIC, frames, scene, steps, told, with_events, write

STABLE, CANDIDATE, OTHER = "2.3.1160", "2.4.1187", "2.5.1202"
SPLIT = MANIFEST.replace(
    "{canary: {steps: [{setWeight: 25, for: 1m}, {setWeight: 50, for: 2m}], bake: 1m}}",
    f'{{split: {{weight: 20, versions: [{{version: {OTHER}, uri: "pvc://models/fraud/1202", weight: 30}}, '
    f'{{version: {STABLE}, uri: "pvc://models/fraud/1160", weight: 50}}]}}}}',
)
OWN = f"versions: {{{OTHER}: {{errors: 0.3}}}}"
THREE = Route(splits=(Split(name=EVERYBODY, shares={STABLE: 50, CANDIDATE: 20, OTHER: 30}),))


def routed(scenario: Scenario, route: Route) -> Source:
    """The requests of this route from the beginning."""
    source = scenario.source(1)
    source.route(0.0, route)
    return source


def samples(source: Source, time: float) -> dict[str, Sample]:
    """What Prometheus has in each split. Time never goes back."""
    read = source.read(time, (MATCHED, EVERYBODY))
    return {split: found for (_, split), found in read.items() if isinstance(found, Sample)}


def rates(source: Source, split: str = EVERYBODY) -> dict[str, tuple[float, float]]:
    """Requests a second and the share of errors of each version in a split, in the first five minutes."""
    first, last = samples(source, 0.0)[split], samples(source, 300.0)[split]
    found = {}
    for version, series in last.series.items():
        new, old = series[SERIES], first.series.get(version, {}).get(SERIES, Count(0, 0))
        trials = new.trials - old.trials
        found[version] = (trials / 300.0, (new.bad - old.bad) / trials if trials else 0.0)
    return found


def test_each_version_answers_in_its_own_way(tmp_path: Path) -> None:
    seen = rates(routed(scene(tmp_path, TRAFFIC + OWN, SPLIT), THREE))
    assert {version: round(rate, -1) for version, (rate, _) in seen.items()} == {STABLE: 50, CANDIDATE: 20, OTHER: 30}
    assert seen[OTHER][1] == pytest.approx(0.3, abs=0.02)
    assert seen[CANDIDATE][1] == pytest.approx(0.01, abs=0.005)
    assert seen[STABLE][1] == pytest.approx(0.01, abs=0.005)


def test_an_arm_without_an_entry_answers_as_the_candidate_does(tmp_path: Path) -> None:
    traffic = TRAFFIC.replace("candidate: {errors: 0.01}", "candidate: {errors: 0.2}")
    seen = rates(routed(scene(tmp_path, traffic, SPLIT), THREE))
    assert seen[CANDIDATE][1] == pytest.approx(0.2, abs=0.02)
    assert seen[OTHER][1] == pytest.approx(0.2, abs=0.02)


def test_what_an_entry_leaves_out_is_as_the_candidate(tmp_path: Path) -> None:
    manifest = SPLIT.replace("[{name: errors}]", "[{name: errors}, {name: latency, over: 100ms}]")
    slow = TRAFFIC.replace("errors: 0.01", "errors: 0.01, latency: {median: 50ms, p99: 90ms}")
    given = scene(tmp_path, slow + OWN, manifest).given
    assert isinstance(given, Traffic)
    assert given.others.versions[OTHER].latency == given.others.candidate.latency


def test_all_weights_are_told_and_they_sum_to_100(tmp_path: Path) -> None:
    lines = told(scene(tmp_path, manifest=SPLIT))
    assert lines[0]["weights"] == {STABLE: 100, CANDIDATE: 0, OTHER: 0}
    assert lines[-1]["weights"] == {STABLE: 50, CANDIDATE: 20, OTHER: 30}
    assert not any("splits" in line for line in lines), "there is one"


def test_the_table_has_a_weight_for_each_arm(tmp_path: Path) -> None:
    manifest, traffic = write(tmp_path, "rollout.yaml", SPLIT), write(tmp_path, "traffic.yaml", TRAFFIC)
    output = CliRunner().invoke(main, ["simulate", "-f", str(manifest), "--traffic", str(traffic)]).output.splitlines()
    assert output[0].startswith(f"fraud {CANDIDATE} and {OTHER} against {STABLE}, ")
    assert [line for line in output if " 20,  30 %  Shift " in line]
    assert output[-1].startswith("Running after 6m: ")
    assert f" answers by {CANDIDATE} and {OTHER}, " in output[-1]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("manifest", "more"), [(SPLIT, OWN), (FOCUSED, "matched: {share: 0.3}")], ids=["three versions", "two splits"]
)
def test_a_picture_of_more_than_two_lines(manifest: str, more: str, tmp_path: Path) -> None:
    files = write(tmp_path, "rollout.yaml", manifest), write(tmp_path, "traffic.yaml", TRAFFIC + more)
    picture = tmp_path / "release.png"
    options = ["simulate", "-f", str(files[0]), "--traffic", str(files[1]), "--plot", str(picture)]
    assert CliRunner().invoke(main, options).exit_code == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_a_version_that_the_manifest_does_not_name_is_replaced(tmp_path: Path) -> None:
    manifest = SPLIT.replace(STABLE, "2.3.1170").replace("fraud/1160", "fraud/1170")
    moves = [line["move"] for line in told(scene(tmp_path, manifest=manifest))]
    assert moves[0] == "Start"
    assert "Promote" in moves


def test_recorded_counters_of_three_versions(tmp_path: Path) -> None:
    manifest = SPLIT + f"status: {{stable: {{version: {STABLE}, uri: x}}}}"
    lines = [
        {"at": at, "version": version, "metric": "errors", "bad": int(at), "trials": 100 * int(at)}
        for at in (0.0, 5.0, 10.0)
        for version in (STABLE, CANDIDATE, OTHER)
    ]
    samples = write(tmp_path, "samples.jsonl", "\n".join(json.dumps(line) for line in lines))
    scenario = from_samples(write(tmp_path, "rollout.yaml", manifest), samples)
    assert scenario.cast.arms == (CANDIDATE, OTHER)
    assert scenario.source(1).served(10.0).trials == 2000, "by both arms"


def focused(folder: Path, matched: str = "{share: 0.1}", traffic: str = TRAFFIC) -> Scenario:
    """A canary for some of the requests first, long enough for both rounds."""
    return scene(folder, traffic.replace("duration: 6m", "duration: 15m") + f"matched: {matched}", FOCUSED)


def rounds(scenario: Scenario) -> tuple[list[int], list[int]]:
    """The candidate's shares as they rose: of the matched requests before anybody else's, and of all others."""
    matched, others = [0], [0]
    for line in told(scenario):
        splits = line.get("splits", {EVERYBODY: line["weights"]})
        share = splits[EVERYBODY].get(CANDIDATE, 0)
        first = splits.get(MATCHED, splits[EVERYBODY]).get(CANDIDATE, 0)
        if share > others[-1]:
            others.append(share)
        if share == 0 and first > matched[-1]:
            matched.append(first)
    return matched, others


STEPS = [0, 25, 50]


def test_the_others_follow_by_the_same_steps(tmp_path: Path) -> None:
    scenario = focused(tmp_path)
    matched, others = rounds(scenario)
    assert matched[:3] == STEPS
    assert others == [*STEPS, 95, 100]
    assert [move for move, _ in steps(scenario)][-2:] == ["Shift", "Promote"]


HALF = Route(
    splits=(
        Split(name=MATCHED, shares={STABLE: 50, CANDIDATE: 50}),
        Split(name=EVERYBODY, shares={STABLE: 100}),
    )
)


@pytest.mark.parametrize(("split", "expected"), [(EVERYBODY, {STABLE: 80}), (MATCHED, {STABLE: 10, CANDIDATE: 10})])
def test_only_matched_requests_reach_it_at_first(split: str, expected: dict[str, int], tmp_path: Path) -> None:
    seen = rates(routed(focused(tmp_path, "{share: 0.2}"), HALF), split)
    assert {version: round(rate) for version, (rate, _) in seen.items()} == expected


def test_without_a_split_of_their_own_they_are_among_everybody(tmp_path: Path) -> None:
    source = routed(focused(tmp_path, "{share: 0.5, stable: {errors: 0.2}}"), Route.to(STABLE))
    assert rates(source)[STABLE] == pytest.approx((100, 0.105), rel=0.05)
    assert samples(source, 300.0)[MATCHED].series == {}


def test_stables_past_is_that_of_all_requests(tmp_path: Path) -> None:
    past = focused(tmp_path, "{share: 0.5, stable: {errors: 0.2}}").source(1).baseline()
    assert past is not None
    answers, bad = sum(item.trials for item in past["errors"]), sum(item.bad for item in past["errors"])
    assert bad / answers == pytest.approx(0.105, abs=0.005)
    assert answers / 1800.0 == pytest.approx(100.0, rel=0.01)


ALIKE = "{share: 0.1, stable: {errors: 0.2}, candidate: {errors: 0.2}}"


def test_people_who_fail_more_often_are_no_fault_of_the_version(tmp_path: Path) -> None:
    assert rounds(focused(tmp_path, ALIKE))[1] == [*STEPS, 95, 100]


def failing(line: dict[str, Any]) -> list[tuple[str, str]]:
    """Whose evidence reached its bound, and among whose requests."""
    return [(item["version"], item["split"]) for item in line["verdicts"] if item["verdict"] == "Fail"]


def test_worse_for_the_matched_alone_is_found_among_them(tmp_path: Path) -> None:
    scenario = focused(tmp_path, "{share: 0.1, candidate: {errors: 0.3}}")
    *_, last = told(scenario)
    assert last["move"] == "Rollback"
    assert rounds(scenario)[1] == [0]
    assert failing(last) == [(CANDIDATE, MATCHED)]


def test_worse_for_the_others_alone_is_found_when_they_follow(tmp_path: Path) -> None:
    worse = TRAFFIC.replace("candidate: {errors: 0.01}", "candidate: {errors: 0.3}")
    scenario = focused(tmp_path, "{share: 0.1, candidate: {errors: 0.01}}", worse)
    *_, last = told(scenario)
    assert last["move"] == "Rollback"
    assert rounds(scenario)[0][:3] == STEPS
    assert (CANDIDATE, EVERYBODY) in failing(last)


def test_killed_between_route_and_status_in_both_rounds_it_decides_the_same(tmp_path: Path) -> None:
    scenario = focused(tmp_path, ALIKE)
    killed = with_events(scenario, *(Restart(time) for time in (2.0, 61.0, 182.05, 185.0, 243.0, 365.0)))
    assert [frame.status.trial for frame in frames(killed)] == [frame.status.trial for frame in frames(scenario)]


def test_a_counter_that_starts_anew_does_so_in_all_splits(tmp_path: Path) -> None:
    scenario = with_events(focused(tmp_path), CounterReset(100.0, "stable"))
    source = routed(scenario, HALF)
    before, after = samples(source, 95.0), samples(source, 105.0)
    for split in (MATCHED, EVERYBODY):
        assert after[split].series[STABLE][SERIES].trials < before[split].series[STABLE][SERIES].trials
    assert rounds(scenario)[1] == [*STEPS, 95, 100]
