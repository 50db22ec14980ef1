"""What the comparer counts, by the names that Prometheus scrapes and the operator asks for.

All series have the labels ``LABELS``; those that are of one version have ``version``, too, and that of the control is
the control's own. They begin at 0 with the process. ``trial`` tells one comparer from the next one's: of
another trial, of other versions, or by other settings.

What a request adds to ``DIFFERENT`` and ``REPEATED`` is the part of its rows that differ: 1 or 0 for one row. So both
are at most ``COMPARED``, and a request of a hundred rows weighs no more than one.
"""

from __future__ import annotations

from enum import StrEnum

LABELS = ("rollout_namespace", "rollout", "trial")
VERSION = "version"

EXAMPLES = "modelrollout.comparison.examples"
"""The logger by whose name the examples of answers that differ are told from all else in a comparer's log."""

STARTED = "modelrollout_shadow_start_time_seconds"
"""Gauge: when the process began to count, seconds since 1970. A comparer that was killed counts from 0 under the same
names: by this it is known that it is another one, and which of two is the younger."""

RECEIVED = "modelrollout_shadow_received_total"
"""Counter: copies that arrived, by ``protocol`` (``rest``, ``grpc``)."""

DROPPED = "modelrollout_shadow_dropped_total"
"""Counter: those of them that were not replayed, by ``reason`` (``Drop``)."""

QUEUED = "modelrollout_shadow_queued"
"""Gauge: those that wait."""

ANSWERS = "modelrollout_shadow_answers_total"
"""Counter by version and ``outcome`` (``Outcome``). One answer of each version to each replay: second ones count in
``REPEATED`` and, for the control, in ``COMPARED`` alone."""

LATENCY = "modelrollout_shadow_latency_seconds"
"""Histogram by version, of the same answers; one that did not come in time counts with its time limit."""

EXCLUDED = "modelrollout_shadow_excluded_total"
"""Counter by version (an arm) and ``reason`` (``Excluded``): replays whose answers could not be compared."""

COMPARED = "modelrollout_shadow_compared_total"
"""Counter by version: answers held against the control's. For the control: against its own second answer."""

DIFFERENT = "modelrollout_shadow_different_total"
"""Counter by version: those of them that differ. For the control that is the noise."""

REPEATED = "modelrollout_shadow_repeated_total"
"""Counter by version (an arm) and ``by`` (``Again``): those that differ, and still do when both versions are asked
again. Where the control does not repeat itself it is noise."""

DIFFERENCES = "modelrollout_shadow_differences_total"
"""Counter by version and ``kind`` (``Kind``): requests whose answers differ, whole, by the first thing that does."""

SCORES = "modelrollout_shadow_scores"
"""Histogram by version: the scores of all rows that were compared. Bounds: ``SCORE_BOUNDS``."""

SCORE_RISEN, SCORE_FALLEN = "modelrollout_shadow_score_risen_total", "modelrollout_shadow_score_fallen_total"
"""Counters by version (an arm): by how much the scores of single rows are above and below the control's, summed up.
Their difference, divided by the number of the arm's scores, is the mean signed difference."""

_DECADES = tuple(step * 10.0**power for power in range(6) for step in (2.0, 5.0, 10.0))
_INSIDE = (0.001, 0.01, *(count / 20 for count in range(1, 20)), 0.99, 0.999, 1.0)
SCORE_BOUNDS = (*(-bound for bound in reversed(_DECADES)), -1.0, 0.0, *_INSIDE, *_DECADES)
"""Fine for probabilities, above all near 0 and 1, where confident models are; coarse for everything else."""

LATENCY_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds."""


class Drop(StrEnum):
    """Why a copy is not replayed."""

    TOO_LARGE = "TooLarge"  # more than maxBody
    INCOMPLETE = "Incomplete"  # it did not come whole
    QUEUE_FULL = "QueueFull"  # more come than are replayed: the newest is dropped
    NOT_COMPARED = "NotCompared"  # no predict, classify, regress or multi-inference
    PINNED = "Pinned"  # it names the number of one version, which no other has
    LOOP = "Loop"  # it is a replay itself
    DRAINING = "Draining"  # the comparer is about to end


UNFIT = (Drop.NOT_COMPARED, Drop.PINNED, Drop.LOOP)
"""Reasons that are in the request itself: no sign that the comparer cannot keep up, and nothing to be blind for."""


class Outcome(StrEnum):
    """What came of one replay at one version."""

    OK = "ok"
    FAILED = "failed"  # status 5xx, no answer in time, no connection; or refused though the control answered
    REFUSED = "refused"  # a fault of the request (4xx) by the control's word, too


class Excluded(StrEnum):
    """Why two answers are not compared."""

    CONTROL_FAILED = "ControlFailed"  # the first time, or when it was asked again
    CONTROL_REFUSED = "ControlRefused"
    CONTROL_UNREADABLE = "ControlUnreadable"  # status 200, and no answer that can be read, or numbers that are none
    ARM_FAILED = "ArmFailed"  # it counts in ANSWERS


class Again(StrEnum):
    """How often it was so. The control is asked twice more, the arm once."""

    ONCE = "Once"  # the control said the same the next time, whatever the arm said
    ALWAYS = "Always"  # the control said the same both times, and the arm differed again


class Kind(StrEnum):
    """How answers differ."""

    VALUE = "Value"
    SHAPE = "Shape"  # other outputs, types, or numbers of values
    NOT_FINITE = "NotFinite"  # NaN or infinite
    UNREADABLE = "Unreadable"  # status 200, and no answer of TensorFlow Serving's
