"""Delays of rewards that are tried, and how many requests are due by each of them.

Erlang's distributions: the sum of so many exponential delays, all with the same mean. With one it is exponential, with
more it is a hump, the narrower the more there are, and with infinitely many all delays are alike. By delays with the
mean m and the order k so much of one request a second is rewarded within L seconds, with X = k L / m

    int_0^L F = L - m + m/k  sum over j < k of (k - j) exp(-X) X^j / j!
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, lgamma, log, pi, sqrt

import numpy as np

from modelrollout.core.evidence.hypergeometric import Floats
from modelrollout.core.evidence.timeline import Timeline

SHORTEST, STEP = 0.5, 1.4  # seconds, and the factor between two means
LONGEST = 4.0  # ages of the test: what takes longer than that has hardly begun to come, and looks alike
ORDERS = (1.0, 4.0, 25.0, inf)
CLOSER = (0.25, 0.0625, 0.016, 0.004, 0.001)  # parts of a step, by which a mean is looked for more closely
NEAR = np.arange(-4.0, 5.0)


@dataclass(frozen=True, slots=True)
class Delays:
    """The ``means``, in seconds, and the ``orders`` of each: whole numbers >= 1, or infinite."""

    means: Floats
    orders: Floats

    def where(self, chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Delays:
        """Some of them."""
        return Delays(self.means[chosen], self.orders[chosen])

    @property
    def apart(self) -> Floats:
        """By how much two delays of one kind differ on average, in seconds (Gini's mean difference)."""
        found: Floats = self.means * np.array([_apart(float(order)) for order in self.orders])
        return found


def delays(age: float) -> Delays:
    """All that are tried of a test that is so many seconds old."""
    number = max(1, ceil(log(max(STEP, LONGEST * age / SHORTEST), STEP)))
    means = SHORTEST * STEP ** np.arange(number + 1, dtype=np.float64)
    return Delays(np.tile(means, len(ORDERS)), np.repeat(np.array(ORDERS), len(means)))


def closer(tried: Delays, likelihood: Floats, step: float) -> Delays:
    """Those around the likeliest of each order, so many parts of a step apart."""
    found = []
    for order in np.unique(tried.orders):
        chosen = tried.orders == order
        found.append((tried.means[chosen][int(likelihood[chosen].argmax())], order))
    means = np.concatenate([mean * STEP ** (step * NEAR) for mean, _ in found])
    return Delays(means, np.repeat(np.array([order for _, order in found]), len(NEAR)))


def in_one_span(tried: Delays, width: float) -> Floats:
    """The chance that two delays, of requests at the same moment, end in one of the spans of so many seconds: by how
    far two delays are apart, which has Laplace's distribution for exponential ones. For others at least so much."""
    apart = tried.apart / width
    exponential = tried.orders == 1.0
    found = np.maximum(0.0, 1.0 - apart)
    found[exponential] = 1.0 - apart[exponential] * -np.expm1(-1.0 / apart[exponential])
    return found


def due(timeline: Timeline, versions: Sequence[str], tried: Delays) -> Iterator[Floats]:
    """How many requests a second of each version have their reward in each span (columns) by each delay (rows)."""
    edges = timeline.edges
    lengths = np.diff(edges)
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
    for order in np.unique(tried.orders):
        chosen = tried.orders == order
        means = tried.means[chosen].reshape(-1, *(1 for _ in lags.shape))
        found[chosen] = np.maximum(late - means, 0.0) if order == inf else _erlang(late, means, int(order))
    return found


def _erlang(late: Floats, means: Floats, order: int) -> Floats:
    phases = order * late / means
    chance = np.exp(-phases)  # of so many of the exponential delays by then
    still_out = order * chance
    for done in range(1, order):
        chance = chance * (phases / done)
        still_out += (order - done) * chance
    found: Floats = late - means + means / order * still_out
    return found


def _apart(order: float) -> float:
    """For a mean of 1."""
    return 0.0 if order == inf else 2.0 * exp(lgamma(order + 0.5) - lgamma(order + 1.0)) / sqrt(pi)
