"""Delays of rewards that are tried, and how many requests are due by each of them.

Exponential ones, and such that lie evenly around their mean: all alike, or up to a tenth or a half of it away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf, log

import numpy as np

from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.timeline import Timeline

SHORTEST, STEP = 0.5, 1.4  # seconds, and the factor between two means
LONGEST = 4.0  # ages of the test: what takes longer than that has hardly begun to come, and looks alike
SPREADS = (inf, 0.5, 0.1, 0.0)  # parts of the mean by which delays are away from it at most; infinite: exponential
CLOSER = (0.25, 0.0625, 0.016, 0.004, 0.001)  # parts of a step, by which a mean is looked for more closely
NEAR = np.arange(-4.0, 5.0)


@dataclass(frozen=True, slots=True)
class Delays:
    """The ``means``, in seconds, and how far each is ``spread``."""

    means: Floats
    spreads: Floats

    def where(self, chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Delays:
        """Some of them."""
        return Delays(self.means[chosen], self.spreads[chosen])


def delays(age: float) -> Delays:
    """All that are tried of a test that is so many seconds old."""
    number = max(1, ceil(log(max(STEP, LONGEST * age / SHORTEST), STEP)))
    means = SHORTEST * STEP ** np.arange(number + 1, dtype=np.float64)
    return Delays(np.tile(means, len(SPREADS)), np.repeat(np.array(SPREADS), len(means)))


def closer(tried: Delays, likelihood: Floats, step: float) -> Delays:
    """Those around the likeliest of each spread, so many parts of a step apart."""
    found = []
    for spread in np.unique(tried.spreads):
        chosen = tried.spreads == spread
        found.append((tried.means[chosen][int(likelihood[chosen].argmax())], spread))
    means = np.concatenate([mean * STEP ** (step * NEAR) for mean, _ in found])
    return Delays(means, np.repeat(np.array([spread for _, spread in found]), len(NEAR)))


def in_one_span(tried: Delays, width: float) -> Floats:
    """The chance that two delays, of requests at the same moment, end in one of the spans of so many seconds: by how
    far two delays are apart, which is Laplace's distribution for exponential ones, and a triangle for even ones."""
    found = np.ones(len(tried.means))
    exponential = tried.spreads == inf
    apart = tried.means[exponential] / width
    found[exponential] = 1.0 - apart * -np.expm1(-1.0 / apart)
    even = ~exponential & (tried.spreads > 0.0)
    longest = 2.0 * tried.spreads[even] * tried.means[even]
    upto = np.minimum(longest, width)
    inner = longest * upto - upto**2 / 2.0 - longest * upto**2 / (2.0 * width) + upto**3 / (3.0 * width)
    found[even] = 2.0 * inner / longest**2
    return found


def due(timeline: Timeline, versions: Sequence[str], tried: Delays) -> Iterator[Floats]:
    """How many requests a second of each version have their reward in each span (columns) by each delay (rows)."""
    lengths = np.array([span.seconds for span in timeline.spans])
    edges = np.concatenate([[0.0], np.cumsum(lengths)])
    came = _came(edges[:, None] - edges[None, :], tried)  # delay, until when, since when
    of_spans = came[:, :, :-1] - came[:, :, 1:]
    for version in versions:
        rates = np.array([span.asked.get(version, 0.0) for span in timeline.spans]) / lengths
        matured = of_spans @ rates
        for start, end, rate in timeline.past.get(version, ()):
            part = _came(edges[:, None] - np.array([start, end]) + timeline.begun, tried)
            matured += rate * (part[:, :, 0] - part[:, :, 1])
        yield np.diff(matured, axis=1) / lengths


def _came(lags: Floats, tried: Delays) -> Floats:
    """Of one request a second that began so long ago, how many were rewarded: the integral of the distribution."""
    late = np.maximum(lags, 0.0)
    found = np.empty((len(tried.means), *lags.shape))
    for spread in np.unique(tried.spreads):
        chosen = tried.spreads == spread
        means = tried.means[chosen].reshape(-1, *(1 for _ in lags.shape))
        found[chosen] = _of_one_kind(late, means, float(spread))
    return found


def _of_one_kind(late: Floats, means: Floats, spread: float) -> Floats:
    found: Floats
    if spread == inf:
        found = late + means * np.expm1(-late / means)
    elif spread == 0.0:
        found = np.maximum(late - means, 0.0)
    else:
        first, last = means * (1.0 - spread), means * (1.0 + spread)
        squares = np.maximum(late - first, 0.0) ** 2 - np.maximum(late - last, 0.0) ** 2
        found = squares / (2.0 * (last - first))
    return found
