"""Two versions of a test in the spans of its ``timeline``: what is compared however late rewards come."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from modelrollout.core.evidence.delays import Delays, due
from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.timeline import Timeline

LEAST = 1e-6  # of a span's requests count as due where a delay says none: one reward too early is nearly impossible
LEAST_SPREAD = 0.1
FAR = 4.0  # standard deviations


@dataclass(frozen=True, slots=True)
class Seen:
    """The rewards of the first (``mine``) and the second version (``theirs``) in each of the ``spans``, by number, in
    which both were counted, and the ``lengths`` of these in seconds."""

    timeline: Timeline
    versions: tuple[str, str]
    spans: tuple[int, ...]
    mine: Floats
    theirs: Floats
    lengths: Floats

    @classmethod
    def of(cls, timeline: Timeline, one: str, other: str) -> Seen | None:
        """None where both were never counted."""
        spans = tuple(index for index, span in enumerate(timeline.spans) if one in span.earned and other in span.earned)
        if not spans:
            return None
        mine, theirs = (np.array([timeline.spans[index].earned[who] for index in spans]) for who in (one, other))
        lengths = np.array([timeline.spans[index].seconds for index in spans])
        return cls(timeline, (one, other), spans, mine, theirs, lengths)

    def due(self, tried: Delays) -> tuple[Floats, Floats]:
        """The requests a second of both that are due in each span (columns), by each of the delays (rows)."""
        first, second = (part[:, self.spans] for part in due(self.timeline, self.versions, tried))
        return first, second

    def asked(self, first: Floats, second: Floats) -> tuple[Floats, Floats]:
        """The requests that the rewards of the whole time could be for, by these that are due a second."""
        mine, theirs = (np.maximum(part @ self.lengths, LEAST) for part in (first, second))
        return mine, theirs

    @property
    def limited(self) -> tuple[bool, bool]:
        """Whether all requests that the rewards of each could be for are known: those since the test began."""
        mine, theirs = (not self.timeline.past.get(who) for who in self.versions)
        return mine, theirs

    @property
    def alike(self) -> bool:
        """Whether by every delay the same part of what is due is of the first, as far as can be told: both were asked
        at the same times, and the requests were shared alike in all of them but for chance (Pearson's chi-square,
        within four standard deviations)."""
        mine, theirs = (self.timeline.past.get(who, ()) for who in self.versions)
        if [part[:2] for part in mine] != [part[:2] for part in theirs]:
            return False
        first, second = (self._requests(who) for who in self.versions)
        every = first + second
        part = float(first.sum()) / max(1.0, float(every.sum()))
        if not 0.0 < part < 1.0:
            return False
        away = ((first - part * every) ** 2)[every > 0.0] / (every[every > 0.0] * part * (1.0 - part))
        return float(away.sum()) <= len(away) + FAR * sqrt(2.0 * len(away))

    def _requests(self, version: str) -> Floats:
        """Of each span, and of each time before the test."""
        past = [rate * (end - start) for start, end, rate in self.timeline.past.get(version, ())]
        return np.array([span.asked.get(version, 0.0) for span in self.timeline.spans] + past)

    def excess(self, mine: Floats, theirs: Floats) -> Floats:
        """How unlikely it is that so many rewards are for so few requests, as a log."""
        counted = ((self.mine, mine), (self.theirs, theirs))
        parts = [
            _excess(float(came.sum()), asked) for (came, asked), by in zip(counted, self.limited, strict=True) if by
        ]
        return sum(parts, np.zeros_like(mine))

    def spread(self, mine: Floats, theirs: Floats, together: Floats) -> Floats:
        """The variance of the rewards of the whole time, where each request has one at most, as a part of what it would
        be if they came each by itself: 1 - rate where they are for requests of just this time, and 1 where they could
        be for any before; ``together`` is the chance that two rewards are for requests of the same time. Never less
        than ``LEAST_SPREAD``: rates near 1 are not known that well."""
        rate = np.minimum(1.0, (self.mine + self.theirs).sum() / (mine + theirs))
        found: Floats = np.maximum(LEAST_SPREAD, 1.0 - rate * together)
        return found

    def by_totals(
        self, mine: Floats, theirs: Floats, spread: Floats, contrary: tuple[tuple[float, float], ...]
    ) -> Floats:
        """How much better than the contrary the rewards of the whole time are explained by their own ratio, as a log,
        where it is normal: they spread less than those of its spans."""
        came = (self.mine.sum(), self.theirs.sum())
        if not all(came):
            return np.zeros_like(spread)
        ratio = np.log(came[0] / mine) - np.log(came[1] / theirs)
        away = np.min([np.abs(ratio - np.clip(ratio, low, high)) for low, high in contrary], axis=0)
        found: Floats = away**2 / (2.0 * spread * (1.0 / came[0] + 1.0 / came[1]))
        return found


def _excess(came: float, asked: Floats) -> Floats:
    """How unlikely more rewards are than requests that they could be for: the log of the bound of H. Chernoff (1952)
    for as many as that. 0 where there are not more."""
    most = np.minimum(asked, came)
    return came * np.log(came / most) - came + most if came > 0 else np.zeros_like(asked)
