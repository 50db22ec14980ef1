"""The counters: for each version on trial, the sum and the number of its rewards by segment, and how late they came.

Series are made from the operator's list and never from a request, so nobody can make the page grow. They begin at 0, so
that the first reward is an increase. A version that is on trial no more keeps its series for a while, for whoever
scrapes seldom; then they go.

The labels ``namespace`` and ``service`` are Prometheus' own for whatever it scrapes: it would rename ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from modelrollout.adapters.exposition import Family, Histogram, Labels, Row
from modelrollout.api.live import REWARD_COUNT, REWARD_DELAY, REWARD_SUM, LiveTrials
from modelrollout.rewards.decision import Decision
from modelrollout.rewards.refusal import Reason

KEPT = 3600.0  # seconds that series outlive their version's trial
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
DELAY_BOUNDS = (
    *(1, 5, 15, _MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY),
)
"""Seconds from the decision to the reward: from a click to a purchase of next week."""


@dataclass(slots=True)
class _Sum:
    """The rewards of one segment."""

    total: float = 0.0
    count: int = 0


@dataclass(slots=True)
class _Version:
    """What is counted of one version."""

    live_at: float
    segments: dict[str, _Sum] = field(default_factory=dict)
    delay: Histogram = field(default_factory=lambda: Histogram(DELAY_BOUNDS))
    clipped: int = 0


class Counts:
    """Collects, and gives what is to be scraped."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._versions: dict[tuple[str, str, str], _Version] = {}
        self._refused: Counter[Reason] = Counter()

    def follow(self, trials: LiveTrials) -> None:
        """Series for what is on trial now; none any more for what has not been for a while."""
        now = self._clock()
        for trial in trials.trials:
            for name in trial.versions:
                version = self._versions.setdefault((*trial.key, name), _Version(now))
                version.live_at = now
                for segment in trial.segments:
                    version.segments.setdefault(segment, _Sum())
        for key in [key for key, version in self._versions.items() if now - version.live_at > KEPT]:
            del self._versions[key]

    def add(self, decision: Decision, value: float, delay: float, clipped: bool) -> None:
        """A reward that counts, of a version and a segment that are on trial."""
        version = self._versions[decision.namespace, decision.rollout, decision.version]
        segment = version.segments[decision.segment]
        segment.total += value
        segment.count += 1
        version.delay.add(delay)
        version.clipped += clipped

    def refuse(self, reason: Reason) -> None:
        """One that does not."""
        self._refused[reason] += 1

    def families(self) -> Iterator[Family]:
        """All of it."""
        sums = [(labels, item) for labels, version in self._labelled() for labels, item in _segments(labels, version)]
        totals: list[Row] = [("", labels, item.total) for labels, item in sums]
        counts: list[Row] = [("", labels, item.count) for labels, item in sums]
        yield REWARD_SUM, "counter", "Rewards, summed up, each from 0 to the maximum.", totals
        yield REWARD_COUNT, "counter", "Rewards that were counted.", counts
        delays = [row for labels, version in self._labelled() for row in version.delay.rows(REWARD_DELAY, labels)]
        yield REWARD_DELAY, "histogram", "From the decision to its reward.", delays
        clipped: list[Row] = [("", labels, version.clipped) for labels, version in self._labelled()]
        yield "modelrollout_rewards_clipped_total", "counter", "Rewards counted as 0 or as the maximum.", clipped
        refused: list[Row] = [("", {"reason": reason.value}, self._refused[reason]) for reason in Reason]
        yield "modelrollout_rewards_refused_total", "counter", "Rewards and requests that do not count.", refused

    def _labelled(self) -> Iterator[tuple[Labels, _Version]]:
        for (namespace, rollout, version), counted in sorted(self._versions.items()):
            yield {"rollout_namespace": namespace, "rollout": rollout, "version": version}, counted


def _segments(labels: Labels, version: _Version) -> Iterator[tuple[Labels, _Sum]]:
    for segment, item in version.segments.items():
        yield {**labels, "segment": segment}, item
