"""By which of its buckets a histogram judges the latency that a release asks for.

Histograms of one provider need not have the same buckets: a proxy has those of its own configuration. A bucket that is
not there would count every answer as slow. So a release goes by a bound that all histograms of its versions have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from modelrollout.adapters.metrics.base import Provider, Target
from modelrollout.adapters.metrics.subscription import Subscription
from modelrollout.adapters.prometheus import Series
from modelrollout.api.base import format_duration
from modelrollout.core.observation import Unavailable

Bounds = Mapping[float, str]
"""In seconds, and as the label writes them."""

NONE_IN_COMMON = (
    "the histograms of these versions have no bucket bound in common, by which both could be judged: give all proxies "
    "that report them the same buckets"
)


def bounds_of(series: Iterable[Series], provider: Provider) -> dict[str, dict[float, str]]:
    """By identity the bounds that each of its histograms has, from the answer to the provider's ``bounds_query``."""
    counted: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    identities: dict[tuple[str, ...], str] = {}
    for one in series:
        labels = tuple(one.labels.get(name, "") for name in provider.identity_labels)
        if (identity := provider.identity_of(one.labels)) is not None:
            identities[labels] = identity
            counted[labels][one.labels["le"]] = one.points[-1][1]
    found: dict[str, dict[float, str]] = {}
    for labels, counts in counted.items():
        every = {le for le, count in counts.items() if count == max(counts.values())}
        own = {float(le) * provider.unit: le for le in every if float(le) != float("inf")}
        found[identities[labels]] = _shared([found.get(identities[labels], own), own])
    return found


def in_common(found: Mapping[str, Bounds], provider: Provider, targets: Iterable[Target]) -> Bounds | None:
    """Those that all histograms of these versions have; None where there is no histogram yet."""
    known = [bounds for target in targets if (bounds := found.get(provider.identify(target)))]
    return _shared(known) if known else None


def _shared(all_bounds: list[Bounds]) -> dict[float, str]:
    first, *others = all_bounds
    return {bound: le for bound, le in first.items() if all(item.get(bound) == le for item in others)}


def judged_by(subscription: Subscription, bounds: Bounds | None) -> float | None:
    """The histogram's bound for the latency that a release asks for, in seconds."""
    chosen = chosen_bound(subscription, bounds)
    return next((bound for bound, label in (bounds or {}).items() if label == chosen), None)


def chosen_bound(subscription: Subscription, bounds: Bounds | None) -> str | Unavailable | None:
    """The bucket to judge latency by, of those in common; None when there is no histogram yet."""
    metric = subscription.metric("latency")
    over = metric.over if metric and metric.over else 0.0
    if bounds is None:
        return None
    if not bounds:
        return Unavailable("latency", NONE_IN_COMMON, invalid=True)
    return bound_for(bounds, over) or Unavailable(
        "latency",
        f"over {format_duration(over)} is above {format_duration(max(bounds))}, the largest bucket bound of the "
        "histogram; lower it",
        invalid=True,
    )


def bound_for(bounds: Bounds, over: float) -> str | None:
    """The label of the first bound at or above ``over`` seconds, or None when all are below it."""
    fitting = [bound for bound in bounds if bound >= over * (1 - 1e-9)]
    return bounds[min(fitting)] if fitting else None
