"""Memory of containers, as the kubelets' cAdvisor counts it and Prometheus has scraped it.

TensorFlow Serving says nothing of its own memory, and the metrics API would be one more right. What Prometheus has is
some seconds old, so that the first sample that comes after a moment is waited for: that is told by the samples' own
order, and no two clocks are compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrollout.adapters.metrics.base import any_of
from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway, Series

METRIC = "container_memory_working_set_bytes"
WINDOW = 300.0  # seconds; the longest pause between two scrapes that Prometheus itself bridges
AGAIN = 2.0  # seconds between two looks

Point = tuple[float, float]  # time of the sample, bytes
Newest = Mapping[str, float]
"""The time of the newest sample, by pod."""


class NotMeasured(Exception):
    """Prometheus does not say how much; the message says why. No word about the model."""


@dataclass(frozen=True, slots=True)
class Place:
    """One container in some pods."""

    namespace: str
    container: str
    pods: tuple[str, ...]

    @property
    def selector(self) -> str:
        """Its series."""
        labels = f'namespace="{self.namespace}",container="{self.container}",pod=~`{any_of(self.pods)}`'
        return f"{METRIC}{{{labels}}}"


async def newest(prometheus: Prometheus, place: Place) -> Newest:
    """What has been scraped so far. Raises NotMeasured."""
    return {pod: points[-1][0] for pod, points in (await _points(prometheus, place)).items() if points}


async def most_since(prometheus: Prometheus, place: Place, before: Newest, patience: float) -> Mapping[str, float]:
    """The most bytes of each pod since a first sample after ``before``, which is waited for. Raises NotMeasured after
    ``patience`` seconds without one of every pod."""
    end = asyncio.get_running_loop().time() + patience
    while True:
        found = await _points(prometheus, place)
        later = {pod: [used for at, used in points if at > before.get(pod, 0.0)] for pod, points in found.items()}
        missing = [pod for pod in place.pods if not later.get(pod)]
        if not missing:
            return {pod: max(later[pod]) for pod in place.pods}
        if asyncio.get_running_loop().time() >= end:
            raise NotMeasured(
                f"Prometheus at {prometheus.url} has no new sample of {METRIC} of {missing[0]}; does it scrape the "
                "kubelets' cAdvisor?"
            )
        await asyncio.sleep(AGAIN)


async def _points(prometheus: Prometheus, place: Place) -> Mapping[str, Sequence[Point]]:
    """All samples of the last minutes by pod, the oldest first."""
    try:
        found = await prometheus.raw(prometheus.here(place.selector), WINDOW)
    except (PrometheusAway, BadQuery) as error:
        raise NotMeasured(str(error)) from error
    return {pod: sorted(point for series in _of(found, pod) for point in series.points) for pod in place.pods}


def _of(found: Sequence[Series], pod: str) -> list[Series]:
    """A container that was started anew has another series; so has one that two jobs scrape."""
    return [series for series in found if series.labels.get("pod") == pod and series.points]
