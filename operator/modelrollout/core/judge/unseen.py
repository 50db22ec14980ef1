"""What has failed since a status was stored, unseen by any look: whom an operator that begins looks at first."""

from __future__ import annotations

from collections.abc import Mapping

from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Status
from modelrollout.core.evidence import Counters
from modelrollout.core.judge.loading import UNREADABLE
from modelrollout.core.observation import Sample, Unavailable

Samples = Mapping[tuple[str, str], Sample | Unavailable]
"""By metric and split."""


def failed_unseen(status: Status, samples: Samples, interval: float) -> int:
    """Bad answers of all arms since the counters in the status, by the newest samples, of scrapes every ``interval``
    seconds. A request that fails by two metrics counts twice; what cannot be read counts for nothing."""
    every = (item for arm in status.arms for item in arm.metrics)
    return sum(_of(item, samples.get((item.metric, item.split)), interval) for item in every)


def _of(item: MetricStatus, sample: Sample | Unavailable | None, interval: float) -> int:
    if not isinstance(sample, Sample) or not item.counters:
        return 0
    try:
        _, tick = Counters.from_status(item.counters).after(sample, interval)
    except UNREADABLE:
        return 0
    return tick.candidate.bad if tick is not None else 0
