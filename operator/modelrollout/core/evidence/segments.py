"""Segments: what is believed of each version in each part of the requests, and the chances that follow from it.

A contextual bandit's memory: the requests are divided by the value of a header, "everybody" else is a segment like the
others, and each of them has its own beliefs (``allocation``). Chances are those of beliefs that learn from each other
as far as segments are alike (``shrinkage``): a segment that hardly anybody has asked yet gets about what is right for
all, and one that is different goes its own way as soon as its own answers say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from modelrollout.core.evidence.allocation import Allocation
from modelrollout.core.evidence.shrinkage import Posteriors, shrunken
from modelrollout.core.evidence.thompson import chances_of_best


@dataclass(frozen=True, slots=True)
class SegmentAllocation:
    """The beliefs, by segment. 32 segments of nine versions are meant to be the most."""

    segments: Mapping[str, Allocation] = field(default_factory=dict)

    def after(
        self,
        segment: str,
        new: Mapping[str, tuple[int, int]],
        seconds: float,
        *,
        half_life: float | None,
    ) -> SegmentAllocation:
        """After one tick of so many seconds of one segment: requests and rewards by version; only these are kept there.

        Each segment needs its own ticks, those without any request, too: time passes in all of them, and what waits
        for its reward or is forgotten goes by time.
        """
        known = self.segments.get(segment, Allocation())
        changed = known.after(new, seconds, half_life=half_life)
        return SegmentAllocation({**self.segments, segment: changed})

    def among(self, segments: Iterable[str]) -> SegmentAllocation:
        """Of these segments alone, in this order; nothing is known of a new one."""
        return SegmentAllocation({segment: self.segments.get(segment, Allocation()) for segment in segments})

    def chances(self, *, more_is_better: bool, overdispersion: float) -> dict[str, dict[str, float]]:
        """By segment and version, the probability that it is the best there; no version where none is known."""
        posteriors = self.posteriors(more_is_better=more_is_better, overdispersion=overdispersion)
        return {
            segment: dict(zip(found, chances_of_best(list(found.values())), strict=True)) if found else {}
            for segment, found in posteriors.items()
        }

    def posteriors(self, *, more_is_better: bool, overdispersion: float) -> Posteriors:
        """By segment and version, what is believed once each segment has learned from the others; of the rate of what
        is not a success where less is better."""
        beliefs = {segment: known.beliefs for segment, known in self.segments.items()}
        return shrunken(beliefs, more_is_better=more_is_better, overdispersion=overdispersion)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {segment: known.to_status() for segment, known in self.segments.items()}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises ValueError or TypeError when it is not that."""
        if not all(isinstance(known, Mapping) for known in status.values()):
            raise TypeError("segments are not each a mapping of versions")
        return cls({segment: Allocation.from_status(known) for segment, known in status.items()})
