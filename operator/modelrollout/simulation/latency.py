"""How long answers take, as the one thing that the judgement needs: the share that is slower than a bound.

Prometheus knows latency as a histogram, so the bound that is judged is the histogram's next one at or above what the
manifest says. A distribution given by median and p99 is therefore read off at the provider's own bounds, and a list of
buckets has its own.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from math import erf, log, sqrt

from modelrollout.api.analysis import Provider
from modelrollout.api.base import format_duration
from modelrollout.simulation.profile import Profile, read_profile
from modelrollout.simulation.reading import Node

P99 = 2.3263478740408408  # standard normal quantile at 0.99

# Istio's and Envoy's own bounds, in seconds (Envoy's documentation, "statistics_sinks", default histogram buckets).
_ENVOY = (
    0.0005,
    0.001,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    600.0,
    1800.0,
)
# TensorFlow Serving: 10 us times powers of 1.8 (tensorflow_serving/servables/tensorflow/util.cc).
_TENSORFLOW_SERVING = tuple(1e-5 * 1.8**power for power in range(33))
BOUNDS = {Provider.ISTIO: _ENVOY, Provider.ENVOY: _ENVOY, Provider.TENSORFLOW_SERVING: _TENSORFLOW_SERVING}


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Latencies whose logarithm is normal, by their median and 99th percentile in seconds."""

    median: Profile
    p99: Profile

    def bound(self, over: float, provider: Provider) -> float:
        """The provider's bucket bound at or next above ``over``."""
        bounds = BOUNDS[provider]
        return bounds[min(bisect_left(bounds, over * (1 - 1e-9)), len(bounds) - 1)]

    def slower(self, over: float, provider: Provider, time: float) -> float:
        """Share of the answers that are slower than the provider's bucket bound at or next above ``over``."""
        bound = self.bound(over, provider)
        median = self.median.at(time)
        sigma = log(self.p99.at(time) / median) / P99
        return 0.5 * (1.0 - erf(log(bound / median) / (sigma * sqrt(2.0))))

    @property
    def changes(self) -> tuple[float, ...]:
        """The times at which something changes."""
        return (*self.median.changes, *self.p99.changes)


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram: the share of the answers that take at most each bound (seconds, ascending)."""

    bounds: tuple[float, ...]
    shares: tuple[Profile, ...]

    def bound(self, over: float, provider: Provider) -> float:
        """The bound at or next above ``over``."""
        return self.bounds[min(bisect_left(self.bounds, over), len(self.bounds) - 1)]

    def slower(self, over: float, provider: Provider, time: float) -> float:
        """Share of the answers that are slower than the bound at or next above ``over``; 0 above the last bound."""
        index = bisect_left(self.bounds, over)
        return 1.0 - self.shares[index].at(time) if index < len(self.bounds) else 0.0

    @property
    def last(self) -> float:
        """The highest bound, in seconds."""
        return self.bounds[-1]

    @property
    def changes(self) -> tuple[float, ...]:
        """The times at which something changes."""
        return tuple(time for share in self.shares for time in share.changes)


Latency = Lognormal | Buckets


def read_latency(node: Node) -> Latency:
    """``{median: 20ms, p99: 60ms}`` or a list of ``{le: 50ms, share: 0.97}``, shares cumulative."""
    if isinstance(node.value, list):
        return _read_buckets(node)
    fields = node.fields("median", "p99")
    for key in ("median", "p99"):
        if key not in fields:
            raise node.error(f"{key} is missing; write for example {{median: 20ms, p99: 60ms}}")
    latency = Lognormal(read_profile(fields["median"], _positive), read_profile(fields["p99"], _positive))
    for time in (0.0, *latency.changes):
        median, p99 = latency.median.at(time), latency.p99.at(time)
        if p99 <= median:
            when = f" from {format_duration(time)}" if time else ""
            shown = f"p99 {format_duration(p99)} is not above the median {format_duration(median)}"
            raise node.error(f"{shown}{when}")
    return latency


def _positive(node: Node) -> float:
    return node.seconds(positive=True)


def _read_buckets(node: Node) -> Buckets:
    bounds, shares = [], []
    for item in node.items():
        fields = item.fields("le", "share")
        for key in ("le", "share"):
            if key not in fields:
                raise item.error(f"{key} is missing; write for example {{le: 50ms, share: 0.97}}")
        bounds.append(fields["le"].seconds(positive=True))
        shares.append(read_profile(fields["share"], Node.share))
    buckets = Buckets(tuple(bounds), tuple(shares))
    for time in (0.0, *buckets.changes):
        falls = any(after.at(time) < before.at(time) for before, after in pairwise(shares))
        if falls or any(after <= before for before, after in pairwise(bounds)):
            raise node.error("bucket bounds must ascend, and no share may be below the one before: they are cumulative")
    return buckets
