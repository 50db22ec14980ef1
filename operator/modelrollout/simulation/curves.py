"""Curves: what the passes of a release knew of one metric of one arm in one split, for the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelrollout.api.status import MetricStatus, Side
from modelrollout.core.evidence import Count
from modelrollout.simulation.decisions import audience_of, verdicts
from modelrollout.simulation.release import Frame

STRETCH = 6  # samples in one point of the rates: enough answers for a narrow band, few enough to see a change


@dataclass(frozen=True, slots=True)
class Curve:
    """``points``: the verdict of each pass, by its time in seconds."""

    version: str
    split: str
    points: tuple[tuple[float, MetricStatus], ...]

    def of_arm(self) -> Iterator[tuple[float, Count]]:
        """What the arm answered in each stretch of samples."""
        return stretches([(time, count_of(test.candidate)) for time, test in self.points])

    def of_stable(self) -> Iterator[tuple[float, Count]]:
        """What stable answered beside it."""
        return stretches([(time, count_of(test.stable)) for time, test in self.points])


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


def stretches(totals: Sequence[tuple[float, Count]]) -> Iterator[tuple[float, Count]]:
    """The rises of a total in each STRETCH of samples; the time is in the middle of it."""
    before, began, samples = Count(0, 0), totals[0][0], 0
    for index, (time, total) in enumerate(totals):
        samples += index == 0 or total.trials > totals[index - 1][1].trials
        if samples == STRETCH or index == len(totals) - 1:
            yield (began + time) / 2, Count(total.bad - before.bad, total.trials - before.trials)
            before, began, samples = total, time, 0


def count_of(side: Side) -> Count:
    """The totals of one version."""
    return Count(side.bad, side.requests)
