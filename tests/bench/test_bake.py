"""The suites bake and unseen: that their cells are what they say, and what is measured of their ends."""

from __future__ import annotations

from math import inf

import pytest

from bench.stats import bake, unseen
from bench.stats.bake import CELLS, End
from modelrollout.simulation.release import play
from modelrollout.simulation.traffic import Traffic

GOOD = End(promoted=True, quarantined=False, back=inf)
FOUND = End(promoted=False, quarantined=True, back=12.0)


@pytest.mark.parametrize("manifest", ["canary", "blue_green", "margin"])
def test_the_bake_has_begun_before_anything_happens_and_lasts_longer(manifest: str) -> None:
    frames = list(play(bake.scenario_of(manifest).release(1)))
    baking = [frame.time for frame in frames if frame.status.phase == "Baking"]
    assert baking[0] < bake.EARLIEST
    assert baking[-1] > bake.LATEST + 60.0


@pytest.mark.parametrize("name", [name for name in CELLS if CELLS[name].healthy])
def test_good_versions_are_promoted(name: str) -> None:
    end = bake.end_of(CELLS[name], 1, 300.0)
    assert (end.promoted, end.quarantined) == (True, False)


@pytest.mark.parametrize("name", [name for name in CELLS if not CELLS[name].healthy])
def test_faults_are_found_after_they_began(name: str) -> None:
    end = bake.end_of(CELLS[name], 1, 300.0)
    assert (end.promoted, end.quarantined) == (False, True)
    assert 0.0 < end.back < 300.0


def test_what_is_measured_of_good_versions() -> None:
    measured = bake.measures(True, [GOOD, GOOD, FOUND, FOUND])
    assert {name: measure["value"] for name, measure in measured.items()} == {
        "quarantined": 0.5, "notPromoted": 0.5, "recalled": 0.5,
    }  # fmt: skip


def test_what_is_measured_of_bad_ones() -> None:
    measured = bake.measures(False, [FOUND, FOUND, GOOD])
    assert measured["missed"]["value"] == pytest.approx(1 / 3)
    assert measured["delay"]["value"] == 12.0


@pytest.mark.parametrize("name", unseen.CELLS)
def test_without_the_fault_it_would_have_been_raised(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the cell would show nothing."""
    assert not unseen.is_raised(unseen.CELLS[name], 1, 5.0)
    monkeypatch.setattr(unseen, "failing", lambda scenario, at, end, away: scenario)
    assert unseen.is_raised(unseen.CELLS[name], 1, 5.0)


def test_the_fault_is_in_the_last_scrape_before_the_end() -> None:
    scenario = bake.scenario_of("short")
    end = unseen.end_of_clock(scenario.release(1), unseen.CELLS["a whole failure in the last tick of a step"].phase)
    assert end is not None
    failing = unseen.failing(scenario, end - 5.0, end, away=False)
    assert isinstance(failing.given, Traffic)
    assert failing.given.others.candidate.errors.at(end) == 1.0
    assert failing.given.others.stable.errors.at(end) == bake.BASE


def test_a_cell_with_few_requests_has_that_many() -> None:
    given = unseen.CELLS["the last tick of the bake, 5 requests/s"].scenario.given
    assert isinstance(given, Traffic)
    assert given.rps.at(0.0) == 5.0


def test_a_release_that_is_over_before_is_not_counted() -> None:
    """A good version that is rolled back in its step never comes to the bake."""
    cell = unseen.CELLS["the last tick of the bake, 20 requests/s"]
    assert unseen.is_raised(cell, 1_000_192, 5.0) is None
    measured = unseen.measures([True, False, False, None])
    assert (measured["raised"]["hits"], measured["raised"]["runs"]) == (1, 3)
    assert measured["overBefore"]["value"] == 0.25
