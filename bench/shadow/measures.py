"""Windows of answers with and without copies, and what their pairs say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from bench.rollback.measures import percentile
from e2e.client import Answer

RESAMPLES = 10_000
SHARES = (0.5, 0.99)


@dataclass(frozen=True, slots=True)
class Window:
    """What users waited for in one stretch of time, in milliseconds by share; and how many failed."""

    waits: tuple[float, ...]
    answers: int
    failed: int

    @classmethod
    def of(cls, answers: Sequence[Answer], began: float, ended: float) -> Window:
        """Of the requests that were due in it. Raises ValueError where there are none."""
        own = [answer for answer in answers if began <= answer.at < ended]
        if not own:
            raise ValueError("no request was due in a window")
        waits = [1000 * answer.seconds for answer in own]
        return cls(tuple(percentile(waits, share) for share in SHARES), len(own), sum(item.failed for item in own))


@dataclass(frozen=True, slots=True)
class Round:
    """Two windows with copies beside two without."""

    shadowed: tuple[Window, Window]
    plain: tuple[Window, Window]

    def difference(self, place: int) -> float:
        """What copies add to a share's wait, in milliseconds."""
        return fmean(item.waits[place] for item in self.shadowed) - fmean(item.waits[place] for item in self.plain)

    def noise(self, place: int) -> tuple[float, float]:
        """By how much two windows of one kind differ."""
        pairs = (self.shadowed, self.plain)
        return abs(pairs[0][0].waits[place] - pairs[0][1].waits[place]), abs(
            pairs[1][0].waits[place] - pairs[1][1].waits[place]
        )


def interval(differences: Sequence[float], seed: int) -> tuple[float, float]:
    """That holds the mean difference with 95 %, by drawing the rounds anew."""
    drawn = np.random.default_rng(seed).choice(differences, (RESAMPLES, len(differences))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return low, high


def is_within_noise(rounds: Sequence[Round], seed: int, place: int = 1) -> bool:
    """Whether what copies add cannot be told from nothing, or is less than windows of one kind differ by."""
    low, high = interval([item.difference(place) for item in rounds], seed)
    usual = median(value for item in rounds for value in item.noise(place))
    return low <= 0 <= high or abs(fmean(item.difference(place) for item in rounds)) <= usual
