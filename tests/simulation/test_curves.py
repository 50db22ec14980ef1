"""The rates of a picture: bins that hold enough answers to be read, at any rate of requests."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from modelrollout.simulation.curves import ENOUGH, MOST_BINS, curves
from tests.simulation.scenes import MANIFEST, TRAFFIC, frames, scene

LONG = MANIFEST.replace("for: 1m", "for: 30m").replace("setWeight: 25", "setWeight: 5")


@pytest.mark.parametrize("rps", [10, 40, 1000])
def test_bins_can_be_read_at_any_rate(tmp_path: Path, rps: int) -> None:
    traffic = TRAFFIC.replace("rps: 100", f"rps: {rps}").replace("duration: 6m", "duration: 30m")
    [curve] = curves(frames(scene(tmp_path, traffic, LONG)), "errors")
    *bins, last = curve.bins()
    assert bins
    assert all(item.arm.trials >= ENOUGH for item in bins), "the last one alone may be short"
    assert len(bins) <= MOST_BINS
    assert all(before.end == after.start for before, after in pairwise([*bins, last])), "no answer between two"


def test_nothing_is_lost_in_the_bins(tmp_path: Path) -> None:
    [curve] = curves(frames(scene(tmp_path)), "errors")
    _, test = curve.points[-1]
    for side, total in (("arm", test.candidate), ("stable", test.stable)):
        counts = [getattr(item, side) for item in curve.bins()]
        assert (sum(count.bad for count in counts), sum(count.trials for count in counts)) == (
            total.bad,
            total.requests,
        )
