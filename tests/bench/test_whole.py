"""Whole releases: that the cells are what they say, and what is measured of their ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest

from bench.stats import whole
from bench.stats.whole import CELLS, EDITS, End
from modelrollout.simulation.release import play

ALIKE, WORSE, BOUND, MARGIN = CELLS
GOOD = End(promoted=True, rolled_back=False, at=540.0, others_at=240.0, raised=False)
FOUND = End(promoted=False, rolled_back=True, at=300.0, others_at=240.0, raised=False)


def test_equal_versions_go_through_both_rounds() -> None:
    end = whole.end_of(CELLS[ALIKE].release(1))
    assert end.promoted
    assert end.others_at is not None
    assert 240.0 < end.others_at < end.at - 240.0


def test_worse_for_the_others_is_found_among_them() -> None:
    assert whole.delay_of(whole.end_of(CELLS[WORSE].release(1))) < 240.0


@pytest.mark.parametrize("name", [BOUND, MARGIN])
def test_every_edit_is_accepted_and_lowers_what_is_left(name: str) -> None:
    frames = list(play(CELLS[name].release(1)))
    specs = [frame.status.accepted_spec for frame in frames]
    assert sum(after != before for before, after in pairwise(specs)) == EDITS
    left = [whole.left_of_alpha(frame) for frame in frames if frame.status.trial is not None]
    assert left[0] == pytest.approx(0.01)
    assert left[-1] < 0.005
    assert not whole.end_of(CELLS[name].release(1)).raised


def test_what_is_found_before_the_others_follow_is_missed() -> None:
    early = replace(FOUND, others_at=None)
    assert [whole.delay_of(end) for end in (FOUND, early, GOOD)] == [60.0, inf, inf]
    assert whole.measures(False, [FOUND, early, GOOD, GOOD])["missed"]["value"] == 0.75


def test_false_rollbacks_and_raised_alphas_are_counted() -> None:
    measured = whole.measures(True, [GOOD, GOOD, FOUND, replace(GOOD, raised=True)])
    assert {name: measure["value"] for name, measure in measured.items()} == {
        "rolledBack": 0.25, "promoted": 0.75, "raised": 0.25,
    }  # fmt: skip
