"""Curves: what the passes of a release knew of one metric of one arm in one split, for the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelrollout.api.metric_status import MetricStatus, Side
from modelrollout.core.evidence import Count
from modelrollout.simulation.decisions import audience_of, verdicts
from modelrollout.simulation.release import Frame

STRETCH = 6  # samples in one bin of the rates, and
ENOUGH = 300  # answers of the arm: enough for a band that says something, few enough to see a change
MOST_BINS = 60  # of one release: more cannot be told apart


Totals = tuple[float, Count, Count]
"""The time in seconds, and all answers until then: the arm's, and stable's beside it."""


@dataclass(frozen=True, slots=True)
class Bin:
    """What was answered between two times, in seconds since the start of the release."""

    start: float
    end: float
    arm: Count
    stable: Count


@dataclass(frozen=True, slots=True)
class Curve:
    """``points``: the verdict of each pass, by its time in seconds."""

    version: str
    split: str
    points: tuple[tuple[float, MetricStatus], ...]

    def bins(self) -> list[Bin]:
        """What the arm and stable beside it answered, in bins that can be told apart."""
        return list(_bins([(time, count_of(test.candidate), count_of(test.stable)) for time, test in self.points]))


def curves(frames: Sequence[Frame], metric: str) -> list[Curve]:
    """One for each arm and split, in the order in which they were first heard of. A split that the release is not for
    just then, and that nothing is known of, has no point."""
    found: dict[tuple[str, str], list[tuple[float, MetricStatus]]] = {}
    before = frames[0].status
    for frame in frames:
        for item in verdicts(frame.status, before):
            test = item.test
            if test.metric == metric and (test.candidate.requests or test.split == audience_of(frame.status)):
                found.setdefault((item.version, test.split), []).append((frame.time, test))
        before = frame.status
    return [Curve(version, split, tuple(points)) for (version, split), points in found.items()]


def _bins(totals: Sequence[Totals]) -> Iterator[Bin]:
    """The rises of the totals, cut where there are enough answers. Where next to none came the last bin is short of
    them."""
    least = (totals[-1][0] - totals[0][0]) / MOST_BINS
    began, arm_before, stable_before = totals[0][0], Count(0, 0), Count(0, 0)
    samples = 0
    for index, (time, arm, stable) in enumerate(totals):
        samples += index == 0 or arm.trials > totals[index - 1][1].trials
        enough = samples >= STRETCH and arm.trials - arm_before.trials >= ENOUGH and time - began >= least
        if enough or index == len(totals) - 1:
            yield Bin(began, time, _rise(arm_before, arm), _rise(stable_before, stable))
            began, arm_before, stable_before, samples = time, arm, stable, 0


def _rise(before: Count, after: Count) -> Count:
    return Count(after.bad - before.bad, after.trials - before.trials)


def count_of(side: Side) -> Count:
    """The totals of one version."""
    return Count(side.bad, side.requests)
