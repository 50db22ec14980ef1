"""By which of its buckets a histogram judges the latency that a release asks for."""

from __future__ import annotations

from collections.abc import Mapping

from modelrollout.adapters.metrics.scraping import bound_for
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.api.base import format_duration
from modelrollout.core.observation import Unavailable


def judged_by(subscription: Subscription, bounds: Mapping[float, str]) -> float | None:
    """The histogram's bound for the latency that a release asks for, in seconds."""
    chosen = chosen_bound(subscription, bounds)
    return next((bound for bound, label in bounds.items() if label == chosen), None)


def chosen_bound(subscription: Subscription, bounds: Mapping[float, str]) -> str | Unavailable | None:
    """The bucket to judge latency by; None when there is no histogram yet."""
    metric = subscription.metric("latency")
    over = metric.over if metric and metric.over else 0.0
    if not bounds:
        return None
    return bound_for(bounds, over) or Unavailable(
        "latency",
        f"over {format_duration(over)} is above {format_duration(max(bounds))}, the largest bucket bound of the "
        "histogram; lower it",
        invalid=True,
    )
