"""Score shift: are a candidate's scores distributed as those of the version that serves, by the comparer's histograms?

The population stability index, sum((p - q) log(p / q)) over groups of scores. The groups are made of the histograms'
bins, so that each has about a tenth of all scores of both: fixed ones would be empty for most models. Equal versions
have an index above 0, too: with g groups, n and m scores it is about chi-square with g - 1 degrees of freedom, times
(1 / n + 1 / m). Its 95 % level is the noise: 33.8 / n for ten groups and n = m. The scores are of the same requests,
so they vary less than that; unless rows of one request are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log

from modelrollout.core.validate.disagreement import Outcome

GROUPS = 10
_CHI_SQUARE = (3.841, 5.991, 7.815, 9.488, 11.070, 12.592, 14.067, 15.507, 16.919)  # 95 %, by degrees of freedom from 1
_HALF = 0.5  # of a score in each group, so that an empty one has a finite logarithm
Histogram = Sequence[float]
"""How many scores are in each bin, not cumulated."""


@dataclass(frozen=True, slots=True)
class ScoreShift:
    """``index`` is the population stability index and ``noise`` what it has of itself; ``distance`` that of Kolmogorov
    and Smirnov, the largest between both cumulated distributions."""

    index: float
    noise: float
    distance: float

    def judged(self, allowed: float) -> Outcome:
        """Fails when it is above what is allowed by more than the noise, passes when it is not above, and neither
        while the noise alone is."""
        if self.noise > allowed:
            return Outcome.OPEN
        if self.index <= allowed:
            return Outcome.PASS
        return Outcome.FAIL if self.index > allowed + self.noise else Outcome.OPEN


def score_shift(control: Histogram, arm: Histogram) -> ScoreShift | None:
    """None while one of them has no scores."""
    total, other = sum(control), sum(arm)
    if not total or not other:
        return None
    groups = _groups(control, arm)
    shares = [
        ((one + _HALF) / (total + _HALF * len(groups)), (two + _HALF) / (other + _HALF * len(groups)))
        for one, two in groups
    ]
    index = sum((p - q) * log(p / q) for p, q in shares)
    noise = _CHI_SQUARE[len(groups) - 2] * (1 / total + 1 / other) if len(groups) > 1 else 0.0
    gaps = zip(accumulate(control), accumulate(arm), strict=True)
    return ScoreShift(index, noise, max(abs(one / total - two / other) for one, two in gaps))


def _groups(control: Histogram, arm: Histogram) -> list[tuple[float, float]]:
    """Neighbouring bins together, until they have a tenth of all; what is left goes to the last group."""
    enough = (sum(control) + sum(arm)) / GROUPS
    found: list[tuple[float, float]] = []
    one = two = 0.0
    for ours, theirs in zip(control, arm, strict=True):
        one, two = one + ours, two + theirs
        if one + two >= enough:
            found.append((one, two))
            one = two = 0.0
    if one + two:
        last = found.pop() if found else (0.0, 0.0)
        found.append((last[0] + one, last[1] + two))
    return found
