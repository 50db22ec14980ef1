"""Suspicion: since when things look bad, for people to read.

The totals of a release hide a late fault: forty errors in the last half minute after an hour without any. So next to
the tests (which do not use it) runs the oldest rule for "since when": add up the log-likelihood ratios, and whenever
the sum falls to zero start again from there (E. Page, "Continuous inspection schemes", Biometrika 41 (1954)). What
both versions answered since the last such start is what a verdict shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, log
from typing import Self

from modelrollout.core.evidence.counts import NOTHING, Count, Tick

MOST = 50.0
NEWS = log(10.0)  # of one tick, in nats: at most a tenth of the ticks of a healthy version say as much
STANDING = log(20.0)  # of all since it began: it takes some good ticks to be forgotten


@dataclass(frozen=True, slots=True)
class Suspicion:
    """``level`` in nats (0: none), the time ``since`` when, and what was answered from then on. ``newest`` is what the
    last tick said, in nats: below 0 it spoke for the candidate."""

    since: float = 0.0
    level: float = 0.0
    candidate: Count = NOTHING
    stable: Count = NOTHING
    newest: float = 0.0

    @property
    def is_bad_news(self) -> bool:
        """Whether the newest answers speak against the candidate: nothing is proven by that, and yet this is not the
        moment to give it more requests."""
        return self.newest >= NEWS or self.level >= STANDING

    def after(self, log_ratios: Sequence[float] | None, tick: Tick, overdispersion: float) -> Suspicion:
        """After a tick with these log-likelihood ratios of the alternatives; None changes nothing."""
        if log_ratios is None:
            return self
        powers = [min(max(ratio / overdispersion, -MOST), MOST) for ratio in log_ratios]
        newest = log(fsum(exp(power) for power in powers) / len(powers))
        level = self.level + newest
        if level <= 0.0:
            return Suspicion(since=tick.at, newest=newest)
        candidate, stable = self.candidate + tick.candidate, self.stable + tick.stable
        return Suspicion(self.since, min(level, MOST), candidate, stable, newest)

    def to_status(self) -> list[float]:
        """As plain numbers for JSON, nothing lost."""
        c, s = self.candidate, self.stable
        newest = [self.newest] if self.newest else []
        return [self.since, self.level, c.bad, c.trials, s.bad, s.trials, *newest]

    @classmethod
    def from_status(cls, status: Sequence[float]) -> Self:
        """From what ``to_status`` gave; versions before 0.2 did not keep the newest tick."""
        since, level, *counts = status
        newest = float(counts[4]) if len(counts) > 4 else 0.0
        return cls(float(since), float(level), Count.of(*counts[:2]), Count.of(*counts[2:4]), newest)
