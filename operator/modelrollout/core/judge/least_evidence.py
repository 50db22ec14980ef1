"""The least that must be known of an arm before its share may rise: it has been seen at work at the present one.

Enough requests that could be compared, and samples that are all of this share. ``minRequests`` are enough where
bad answers of stable come one by one; the greater their bursts, the more are needed, for a test that is divided by
the noise says nothing of so few. In which splits an arm had that much with a part of the requests is remembered
(``Arm.seen``): nobody gets all of them before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Arm
from modelrollout.core.evidence.overdispersion import GUESS
from modelrollout.resource.spec import Spec

FRESH_TICKS = 3  # samples at a weight before the next: one or two may still hold answers given at the old weight

# The noise after one cold start, with nothing else bad in a short past, is a hundred and more, and says little of what
# comes. Without this end a healthy version waited minutes for thousands of requests.
MOST_TIMES = 10.0


@dataclass(frozen=True, slots=True)
class SeenAtWeight:
    """What an arm was seen to answer since its last change of weight: requests and samples, the requests of whichever
    version had fewer, and how many are needed: ``minRequests``, and more where bad answers come in bursts."""

    requests: int
    ticks: int
    compared: int
    needed: int

    @property
    def is_enough(self) -> bool:
        """Whether its share may rise, as far as this goes."""
        return self.requests >= self.needed and self.ticks >= FRESH_TICKS

    @property
    def rank(self) -> tuple[bool, bool, float, int]:
        """The order in which metrics let a share rise: the last of them decides."""
        return self.is_enough, self.is_enough_of_both, self.requests / max(1, self.needed), self.ticks

    @property
    def is_enough_of_both(self) -> bool:
        """Whether there was as much of the control to compare it with."""
        return self.is_enough and self.compared >= self.needed


def seen_at_weight(spec: Spec, arm: Arm, splits: Sequence[str]) -> SeenAtWeight:
    """That of its required metrics in these splits which has the least; of all its metrics where none is required."""
    required = {metric.name for metric in spec.analysis.guardrails if metric.required}
    tests = [test for test in arm.metrics if test.split in splits]
    counted = [test for test in tests if test.metric in required] or tests
    seen = [of_one(test, spec.analysis.min_requests) for test in counted]
    return min(seen, key=lambda one: one.rank, default=SeenAtWeight(0, 0, 0, spec.analysis.min_requests))


def of_one(test: MetricStatus, min_requests: int) -> SeenAtWeight:
    """What one metric has seen. Where bad answers come in bursts, many requests tell no more than a few."""
    needed = ceil(min_requests * min(MOST_TIMES, max(1.0, test.overdispersion / GUESS)))
    return SeenAtWeight(test.requests_at_weight, test.ticks_at_weight, test.compared_at_weight, needed)


def seen_in(spec: Spec, arm: Arm, shared: Sequence[str]) -> tuple[str, ...]:
    """The splits in which an arm has had its least evidence; ``shared`` are those that it has in common with the
    control now."""
    new = [split for split in shared if split not in arm.seen and seen_at_weight(spec, arm, (split,)).is_enough_of_both]
    return (*arm.seen, *new)
