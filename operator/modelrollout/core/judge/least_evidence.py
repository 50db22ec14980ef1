"""The least that must be known of an arm before its share may rise: it has been seen at work at the present one.

Enough requests that could be compared, and samples that are all of this share. In which splits an arm had that much
with a part of the requests is remembered (``Arm.seen``): nobody gets all of them before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelrollout.api.status import Arm
from modelrollout.resource.spec import Spec

FRESH_TICKS = 3  # samples at a weight before the next: one or two may still hold answers given at the old weight


@dataclass(frozen=True, slots=True)
class SeenAtWeight:
    """What an arm was seen to answer since its last change of weight: requests and samples, the requests of whichever
    version had fewer, and how many are needed."""

    requests: int
    ticks: int
    compared: int
    needed: int

    @property
    def is_enough(self) -> bool:
        """Whether its share may rise, as far as this goes."""
        return self.requests >= self.needed and self.ticks >= FRESH_TICKS

    @property
    def is_enough_of_both(self) -> bool:
        """Whether there was as much of the control to compare it with."""
        return self.is_enough and self.compared >= self.needed


def seen_at_weight(spec: Spec, arm: Arm, splits: Sequence[str]) -> SeenAtWeight:
    """The least of its required metrics in these splits; of all its metrics where none is required."""
    required = {metric.name for metric in spec.analysis.metrics if metric.required}
    tests = [test for test in arm.metrics if test.split in splits]
    counted = [test for test in tests if test.metric in required] or tests
    requests = min((test.requests_at_weight for test in counted), default=0)
    ticks = min((test.ticks_at_weight for test in counted), default=0)
    compared = min((test.compared_at_weight for test in counted), default=0)
    return SeenAtWeight(requests, ticks, compared, spec.analysis.min_requests)


def seen_in(spec: Spec, arm: Arm, shared: Sequence[str]) -> tuple[str, ...]:
    """The splits in which an arm has had its least evidence; ``shared`` are those that it has in common with the
    control now."""
    new = [split for split in shared if split not in arm.seen and seen_at_weight(spec, arm, (split,)).is_enough_of_both]
    return (*arm.seen, *new)
