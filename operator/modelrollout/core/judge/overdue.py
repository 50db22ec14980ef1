"""Overdue requests count as slow as soon as they are older than the bound of latency, and once.

A sample says how many are under way for too long. They are counted ahead of the raw counters; when they end and the
counters show them, that many new bad answers are not news any more. So what was counted is always the largest number of
slow requests that any sample so far has proven, which never falls and is never more than there were. A request that
ends without an answer in the histogram stays counted as slow; the metric of errors counts it for itself.
"""

from __future__ import annotations

from dataclasses import replace

from modelrollout.core.evidence import Count, Counters, Tick
from modelrollout.core.observation import Sample

Ahead = tuple[int, int]
"""Of the candidate and of stable: requests counted as slow that the raw counters do not show yet."""

NONE: Ahead = (0, 0)


def count_overdue(tick: Tick | None, ahead: Ahead, sample: Sample, counters: Counters) -> tuple[Tick | None, Ahead]:
    """The tick with what is overdue in it. Without a tick nothing is counted: what is overdue already is no news."""
    overdue = (sample.overdue.get(counters.candidate, 0), sample.overdue.get(counters.stable, 0))
    if tick is None:
        return None, (max(ahead[0], overdue[0]), max(ahead[1], overdue[1]))
    candidate, of_candidate = _counted(tick.candidate, ahead[0], overdue[0])
    stable, of_stable = _counted(tick.stable, ahead[1], overdue[1])
    return replace(tick, candidate=candidate, stable=stable), (of_candidate, of_stable)


def _counted(new: Count, ahead: int, overdue: int) -> tuple[Count, int]:
    """What is news of one version, and what is ahead of the raw counters then."""
    then = max(ahead - new.bad, overdue)
    return Count(new.bad + then - ahead, new.trials + then - ahead), then
