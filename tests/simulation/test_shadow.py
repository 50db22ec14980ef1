"""Answers that are compared before the first request, by the traffic file."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelrollout.simulation.reading import InputError
from modelrollout.simulation.scenario import from_samples
from tests.simulation.scenes import MANIFEST, TRAFFIC, frames, scene, told, write

SHADOW = MANIFEST + "  validation: {shadow: {percent: 20, duration: 1m, minCompared: 500, maxDisagreement: 0.02}}\n"
LATENCY = SHADOW.replace("[{name: errors}]", "[{name: errors}, {name: latency, over: 100ms}]")
LONGER = TRAFFIC.replace("duration: 6m", "duration: 20m")
SLOW = LONGER.replace("errors: 0.01}", "errors: 0.01, latency: {median: 20ms, p99: 60ms}}", 1).replace(
    "candidate: {errors: 0.01}", "candidate: {errors: 0.01, latency: {median: 90ms, p99: 400ms}}"
)


def phases(folder: Path, traffic: str, manifest: str = SHADOW) -> list[str]:
    """One after the other."""
    found = [frame.status.phase.value for frame in frames(scene(folder, traffic, manifest))]
    return [phase for phase, before in zip(found, ["", *found], strict=False) if phase != before]


def test_it_is_compared_before_its_first_weight(tmp_path: Path) -> None:
    lines = told(scene(tmp_path, LONGER, SHADOW))
    first = next(line["at"] for line in lines if line["weights"].get("2.4.1187"))
    assert 60 <= first <= 90
    assert any("may get requests: shadow errors:" in line["reason"] for line in lines)
    assert lines[-1]["move"] == "Promote"
    assert phases(tmp_path, LONGER)[:4] == ["Pending", "Validating", "Shadowing", "Progressing"]


BAD = {
    "answers otherwise": (LONGER + "disagreement: {2.4.1187: 0.1}\n", SHADOW, "differ from 2.3.1160's"),
    "fails": (
        LONGER.replace("candidate: {errors: 0.01}", "candidate: {errors: 0.2}"),
        SHADOW,
        "copies failed at 2.4.1187",
    ),
    "is slow": (SLOW, LATENCY, "copies took 2.4.1187 more than 100ms"),
}


@pytest.mark.parametrize(("traffic", "manifest", "words"), BAD.values(), ids=BAD)
def test_what_it_shows_there_keeps_it_from_users(traffic: str, manifest: str, words: str, tmp_path: Path) -> None:
    lines = told(scene(tmp_path, traffic, manifest))
    assert all(line["weights"].get("2.4.1187", 0) == 0 for line in lines)
    assert (lines[-1]["move"], lines[-1]["phase"]) == ("Rollback", "Degraded")
    assert words in lines[-1]["reason"]


def test_what_is_allowed_goes_through(tmp_path: Path) -> None:
    lines = told(
        scene(tmp_path, LONGER + "disagreement: {2.4.1187: [{from: 0s, value: 0.005}, {from: 5m, value: 1}]}\n", SHADOW)
    )
    assert lines[-1]["move"] == "Promote", "nothing is copied any more after five minutes"


def test_nobody_is_promoted_for_want_of_sight(tmp_path: Path) -> None:
    lines = told(scene(tmp_path, LONGER + "events: [{at: 20s, for: 2m, prometheus: down}]\n", SHADOW))
    assert any("has no sample of its comparer; it gets no request" in line["reason"] for line in lines)
    assert next(line["at"] for line in lines if line["weights"].get("2.4.1187")) > 180
    assert lines[-1]["move"] == "Promote"


def test_no_requests_no_copies(tmp_path: Path) -> None:
    assert phases(tmp_path, TRAFFIC.replace("rps: 100", "rps: 0"))[-1] == "Shadowing"


def test_an_operator_that_is_killed_goes_on(tmp_path: Path) -> None:
    lines = told(scene(tmp_path, LONGER + "events: [{at: 40s, restart: operator}]\n", SHADOW))
    assert lines[-1]["move"] == "Promote"
    assert next(line["at"] for line in lines if line["weights"].get("2.4.1187")) <= 90


REFUSED = {
    "of others": (SHADOW, "{9.9.9: 0.1}", r"disagreement: no version 9\.9\.9 is under trial; known are 2\.4\.1187"),
    "no version": (SHADOW, "{'9': 0.1}", r"disagreement\.9: version '9' is not MAJOR"),
    "no share": (SHADOW, "{2.4.1187: 2}", r"disagreement\.2\.4\.1187: 2 is not a share between 0 and 1"),
    "too late": (SHADOW, "{2.4.1187: [{from: 0s, value: 0}, {from: 1h, value: 1}]}", "which never happens"),
    "for nobody": (MANIFEST, "{2.4.1187: 0.1}", "disagreement: the manifest has no validation.shadow; remove it"),
}


@pytest.mark.parametrize(("manifest", "given", "words"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused(manifest: str, given: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        scene(tmp_path, TRAFFIC + f"disagreement: {given}\n", manifest)


def test_recorded_counters_tell_nothing_of_answers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recorded counters do not tell what was answered; leave it out"):
        from_samples(write(tmp_path, "rollout.yaml", SHADOW), write(tmp_path, "samples.jsonl", "{}\n"))
