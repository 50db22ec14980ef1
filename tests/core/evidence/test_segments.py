"""A contextual bandit's memory: beliefs by segment, and chances that learn from the other segments."""

from __future__ import annotations

import json
from time import process_time

import numpy as np
import pytest

from modelrollout.core.evidence.allocation import Allocation
from modelrollout.core.evidence.belief import Belief
from modelrollout.core.evidence.segments import SegmentAllocation

Counted = dict[str, tuple[int, int]]
TICK = 10.0


def after(known: SegmentAllocation, segment: str, new: Counted, half_life: float | None = None) -> SegmentAllocation:
    """After a tick of ten seconds."""
    return known.after(segment, new, TICK, half_life=half_life)


def chances(known: SegmentAllocation, *, more: bool = True, phi: float = 1.0) -> dict[str, dict[str, float]]:
    """By segment and version."""
    return known.chances(more_is_better=more, overdispersion=phi)


DIFFERENT = after(
    after(SegmentAllocation(), "de", {"1": (4000, 200), "2": (4000, 320)}), "fr", {"1": (4000, 320), "2": (4000, 200)}
)


def test_a_tick_is_that_of_its_segment_alone() -> None:
    known = after(DIFFERENT, "fr", {"1": (100, 5), "2": (100, 3)})
    assert known.segments["de"] == DIFFERENT.segments["de"]
    assert known.segments["fr"].beliefs == {"1": Belief(325, 4100), "2": Belief(203, 4100)}


def test_time_passes_in_a_segment_by_its_own_ticks() -> None:
    known = after(DIFFERENT, "fr", {"1": (0, 0)}, half_life=TICK)
    assert known.segments["fr"].beliefs == {"1": Belief(160, 2000)}, "and only what is counted is kept"


def test_another_version_may_be_the_best_elsewhere() -> None:
    found = chances(DIFFERENT)
    assert found["de"]["2"] > 0.999
    assert found["fr"]["1"] > 0.999
    assert chances(DIFFERENT, more=False)["de"]["1"] > 0.999


def test_who_has_hardly_asked_gets_about_what_is_right_for_all() -> None:
    known = SegmentAllocation()
    for segment in ("de", "fr", "it"):
        known = after(known, segment, {"1": (3000, 150), "2": (3000, 180)})
    known = after(known, "everybody", {"1": (3, 0), "2": (2, 0)})
    together = Allocation({"1": Belief(450, 9000), "2": Belief(540, 9000)})
    of_all = together.chances(more_is_better=True, overdispersion=1.0)["2"]
    assert 0.9 < chances(known)["everybody"]["2"] < of_all, "a little less sure, it might be different"


def test_one_segment_is_the_plain_bandit() -> None:
    beliefs = {"1": Belief(30, 500), "2": Belief(45, 610), "3": Belief()}
    known, plain = SegmentAllocation({"all": Allocation(beliefs)}), Allocation(beliefs)
    for more in (True, False):
        for phi in (1.0, 3.0):
            assert chances(known, more=more, phi=phi)["all"] == pytest.approx(
                plain.chances(more_is_better=more, overdispersion=phi)
            )


def test_nothing_known() -> None:
    assert chances(SegmentAllocation()) == {}
    assert chances(SegmentAllocation().among(["de", "fr"])) == {"de": {}, "fr": {}}
    empty = after(SegmentAllocation(), "de", {"1": (0, 0), "2": (0, 0)})
    assert chances(empty)["de"] == pytest.approx({"1": 0.5, "2": 0.5}, abs=1e-4)


def test_segments_come_and_go() -> None:
    known = DIFFERENT.among(["fr", "it"])
    assert list(known.segments) == ["fr", "it"]
    assert known.segments["fr"] == DIFFERENT.segments["fr"]
    assert known.segments["it"] == Allocation()


def test_it_goes_to_the_status_and_back_with_the_same_bits() -> None:
    known = after(DIFFERENT, "it", {"1": (17, 3), "2": (0, 0)}, half_life=777.0)
    status = json.loads(json.dumps(known.to_status()))
    again = SegmentAllocation.from_status(status)
    assert again == known
    assert chances(again) == chances(known)


@pytest.mark.parametrize("status", [{"de": [1.0]}, {"de": {"1": [1.0, 2.0, 3.0, 4.0]}}, {"de": {"1": [-1, 0, 0]}}])
def test_what_is_not_a_status_is_refused(status: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        SegmentAllocation.from_status(status)


def test_32_segments_of_nine_versions_take_some_milliseconds() -> None:
    rng = np.random.default_rng(1)
    known = SegmentAllocation(
        {
            str(segment): Allocation(
                {
                    str(version): Belief(float(rng.binomial(requests, 0.05)), float(requests))
                    for version, requests in enumerate(rng.integers(1, 20_000, 9).tolist())
                }
            )
            for segment in range(32)
        }
    )
    took = []
    for _ in range(5):
        began = process_time()
        chances(known)
        took.append(process_time() - began)
    assert min(took) < 0.040, "twice of what it should take, for slow machines"
