"""What a picture shades: what happened from outside, faults of a version, and waits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelrollout.simulation.picture import Story, title_lines
from modelrollout.simulation.spans import Span, happened, waits
from modelrollout.simulation.traffic import Traffic
from tests.simulation.scenes import MANIFEST, TRAFFIC, example, frames, scene

END = 360.0
EVENTS = {
    "an outage": ("{at: 60s, for: 30s, errors: 0.1}", [Span(60, 90, "10 % of all answers fail")]),
    "Prometheus": ("{at: 60s, for: 30s, prometheus: down}", [Span(60, 90, "Prometheus is away")]),
    "no traffic": ("{at: 60s, for: 30s, traffic: none}", [Span(60, 90, "no requests")]),
    "bursts for a while": ("{at: 60s, for: 30s, burst: 5}", [Span(60, 90, "errors in groups of 5")]),
    "bursts at all times are no event": ("{burst: 5}", []),
    "nor is a skew": ("{scrapeSkew: 5s}", []),
    "a moment": ("{at: 60s, restart: operator}", [Span(60, 60, "operator killed")]),
    "counters": ("{at: 60s, counterReset: stable}", [Span(60, 60, "counters of stable reset")]),
    "one that lasts longer than the release": (
        "{at: 300s, for: 300s, errors: 0.5}",
        [Span(300, END, "50 % of all answers fail")],
    ),
}


@pytest.mark.parametrize(("event", "spans"), EVENTS.values(), ids=EVENTS.keys())
def test_what_happened_is_named(tmp_path: Path, event: str, spans: list[Span]) -> None:
    given = scene(tmp_path, f"{TRAFFIC}events: [{event}]\n").given
    assert isinstance(given, Traffic)
    assert list(happened(given.events, END)) == spans


def test_what_comes_after_the_end_of_the_release_is_not_shown(tmp_path: Path) -> None:
    given = scene(tmp_path, f"{TRAFFIC}events: [{{at: 300s, for: 30s, errors: 0.1}}]\n").given
    assert isinstance(given, Traffic)
    assert list(happened(given.events, 242.0)) == []


def test_the_picture_of_evidence_md_names_the_outage_and_the_fault() -> None:
    scenario = example("outage-and-fault")
    spans = Story(scenario, tuple(frames(scenario)), ()).happened
    assert [(span.start, span.end, span.name) for span in spans] == [
        (300, 480, "10 % of all answers fail"),
        (780, 820, "2.4.1187 fails on 5 %"),
    ]


WAITING = MANIFEST.replace("{setWeight: 50, for: 2m}", "{approval: {}}, {setWeight: 50, for: 2m}")


def test_a_wait_for_approval_is_shown_from_its_beginning_to_the_word(tmp_path: Path) -> None:
    scenario = replace(scene(tmp_path, manifest=WAITING), approve_after=90.0)
    [wait] = waits(frames(scenario))
    assert wait.name == "waits for approval"
    assert (round(wait.start), round(wait.end)) == (62, 152)


def test_a_release_that_never_waits_shows_none(tmp_path: Path) -> None:
    assert list(waits(frames(scene(tmp_path)))) == []


def test_a_title_parts_no_number_from_its_unit() -> None:
    for length in range(100, 130):
        lines = title_lines(f"{'x' * length} 14 of 2014 by 2.3.1160 (0.7 %)")
        assert not any(text.startswith("%") for text in lines)
