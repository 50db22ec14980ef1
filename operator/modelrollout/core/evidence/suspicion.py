"""Suspicion: since when things look bad, for people to read.

The totals of a release hide a late fault: forty errors in the last half minute after an hour without any. So next to
the tests (which do not use it) runs the oldest rule for "since when": add up the log-likelihood ratios, and whenever
the sum falls to zero start again from there (E. Page, "Continuous inspection schemes", Biometrika 41 (1954)). What
both versions answered since the last such start is what a verdict shows.

All of it is divided by the noise, which after a cold start or an outage can be hundreds: then not even a version that
fails wholly is suspected. But a burst is in one tick or two, and a fault is in every one. So ticks in a row that speak
against the candidate by themselves are bad news, too, whatever the noise, and one tick is enough if it is STRIKING.
Noise that is itself a mistake (two bad answers of the few that a control gets in a bake look like bursts of twenty)
must not hide a version that just failed wholly, and neither must a control that had hardly a request just then: a tick
that the record of the whole trial does not explain is bad news by itself (``sudden.py``). All of that only holds a
share, and until a tick is good: a healthy version with independent answers comes there once in a thousand ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, fsum, log
from typing import Self

from modelrollout.core.evidence.counts import NOTHING, Count, Tick

MOST = 50.0
NEWS = log(10.0)  # of one tick, in nats: at most a tenth of the ticks of a healthy version say as much
IN_A_ROW = 3  # ticks, each of which says as much without regard to the noise
STRIKING = log(10_000.0)  # of one tick without regard to the noise: it counts for as many as are needed in a row
STANDING = log(20.0)  # of all since it began: it takes some good ticks to be forgotten


@dataclass(frozen=True, slots=True)
class Suspicion:
    """``level`` in nats (0: none), the time ``since`` when, and what was answered from then on. ``newest`` is what the
    last tick said, in nats: below 0 it spoke for the candidate. ``streak`` counts the ticks in a row that spoke against
    it by themselves, up to IN_A_ROW; ``sudden``: the last one was worse than all that was known before it."""

    since: float = 0.0
    level: float = 0.0
    candidate: Count = NOTHING
    stable: Count = NOTHING
    newest: float = 0.0
    streak: int = 0
    sudden: bool = False

    @property
    def is_bad_news(self) -> bool:
        """Whether the newest answers speak against the candidate: nothing is proven by that, and yet this is not the
        moment to give it more requests."""
        return self.sudden or self.newest >= NEWS or self.level >= STANDING or self.streak >= IN_A_ROW

    def after(
        self, log_ratios: Sequence[float] | None, tick: Tick, overdispersion: float, *, sudden: bool = False
    ) -> Suspicion:
        """After a tick with these log-likelihood ratios of the alternatives, None where it cannot be compared, and
        whether it was a ``sudden`` failure."""
        candidate, stable = self.candidate + tick.candidate, self.stable + tick.stable
        if log_ratios is None:
            return replace(self, candidate=candidate, stable=stable, sudden=True) if sudden else self._not_sudden()
        newest = _said(log_ratios, overdispersion)
        streak = self._streak_after(_said(log_ratios, 1.0))
        level = self.level + newest
        if level <= 0.0 and not sudden:
            return Suspicion(since=tick.at, newest=newest, streak=streak)
        return Suspicion(self.since, min(max(level, 0.0), MOST), candidate, stable, newest, streak, sudden)

    def _not_sudden(self) -> Suspicion:
        return replace(self, sudden=False) if self.sudden else self

    def _streak_after(self, alone: float) -> int:
        if alone >= STRIKING:
            return IN_A_ROW
        return min(self.streak + 1, IN_A_ROW) if alone >= NEWS else 0

    def to_status(self) -> list[float]:
        """As plain numbers for JSON, nothing lost."""
        c, s = self.candidate, self.stable
        newest = [self.newest, self.streak, int(self.sudden)]
        while newest and not newest[-1]:
            newest.pop()
        return [self.since, self.level, c.bad, c.trials, s.bad, s.trials, *newest]

    @classmethod
    def from_status(cls, status: Sequence[float]) -> Self:
        """From what ``to_status`` gave; versions before 0.2 did not keep the newest tick."""
        since, level, *counts = status
        newest, streak, sudden = [*counts[4:], 0.0, 0.0, 0.0][:3]
        pairs = Count.of(*counts[:2]), Count.of(*counts[2:4])
        return cls(float(since), float(level), *pairs, float(newest), int(streak), bool(sudden))


def _said(log_ratios: Sequence[float], overdispersion: float) -> float:
    """What one tick says, in nats, all alternatives alike."""
    powers = [min(max(ratio / overdispersion, -MOST), MOST) for ratio in log_ratios]
    return log(fsum(exp(power) for power in powers) / len(powers))
