"""Shared: do the requests of a candidate and of stable go where the route says, while their shares stay as they are?

If not, something else decides who answers (a second route, a client that keeps its connection, a count that is not
whole), and what is compared is not what the route gives to compare. ``SampleRatio`` says when that is certain. A split
that was mended is known by a minute in which the requests go where they should: evidence of before would outlive that
for long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.counts import NOTHING, Count
from modelrollout.core.evidence.sample_ratio import OFF_BY, SampleRatio, tolerance

SETTLING = 3  # samples after a change of the shares: proxies learn of it one after the other
MENDED = 12  # samples, of which the requests are looked at together


@dataclass(frozen=True, slots=True)
class Shared:
    """``part`` is the candidate's, of both versions' requests together, 0 to 1. ``asked`` counts the requests of both
    (``trials``) and the candidate's among them (``bad``, for want of another name), from ``ticks`` samples; once the
    split is ``broken``, of the newest only."""

    part: float
    settling: int = SETTLING
    ticks: int = 0
    asked: Count = NOTHING
    broken: bool = False
    ratio: SampleRatio = field(default_factory=SampleRatio)

    def after(self, candidate: int, stable: int) -> Shared:
        """After one tick with so many requests to either."""
        if not candidate and not stable:
            return self
        if self.settling:
            return replace(self, settling=self.settling - 1)
        asked = self.asked + Count(candidate, candidate + stable)
        if self.broken:
            return self._watched(asked)
        ratio = self.ratio.after(candidate, stable, self.part)
        return replace(self, ticks=self.ticks + 1, asked=asked, ratio=ratio, broken=ratio.is_broken)

    def _watched(self, asked: Count) -> Shared:
        """One more tick of a split that is broken: mended when as much goes right as is looked at together."""
        if self.ticks % MENDED:
            return replace(self, ticks=self.ticks + 1, asked=asked)
        if abs(self.asked.rate - self.part) <= tolerance(self.part):
            return Shared(self.part, settling=0)
        newest = Count(asked.bad - self.asked.bad, asked.trials - self.asked.trials)
        return replace(self, ticks=1, asked=newest)

    def to_status(self) -> list[float]:
        """As plain numbers for JSON, nothing lost."""
        counted = [self.part, self.settling, self.ticks, self.asked.bad, self.asked.trials, int(self.broken)]
        more, less = self.ratio.more, self.ratio.less
        return [*counted, more.ticks, *more.members, less.ticks, *less.members]

    @classmethod
    def from_status(cls, status: Sequence[float]) -> Self:
        """From what ``to_status`` gave. Raises ValueError when it is not that."""
        if len(status) != 8 + 2 * len(OFF_BY):
            raise ValueError(f"{len(status)} numbers: the status is of another version")
        part, settling, ticks, bad, trials, broken, *rest = status
        half = 1 + len(OFF_BY)
        more, less = (Capital(tuple(map(float, side[1:])), int(side[0])) for side in (rest[:half], rest[half:]))
        asked, ratio = Count.of(bad, trials), SampleRatio(more, less)
        return cls(float(part), int(settling), int(ticks), asked, bool(broken), ratio)
