"""Which metrics can tell the splits of a route apart.

Requests of ``traffic.match`` and all others are different populations, often with other shares of bad answers, and so
are those of segments. Where versions have other shares of the one than of the other, a counter of all together would
compare populations and not versions. So where there are several splits a metric that counts by version alone is not
read at all, and a spec that asks for that is not accepted.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelrollout.adapters.metrics.registry import PROVIDERS
from modelrollout.api.analysis import Analysis, Metric, Provider, has_variable
from modelrollout.api.route import EVERYBODY
from modelrollout.resource.spec import Spec

_MIXED = "so requests of traffic.match, or of a segment, would be counted together with all others"
_OUT = "or remove traffic.match, or the segments"


def split_problem(spec: Spec) -> str | None:
    """Why a spec with several splits cannot be judged, with the field in front; None when it can."""
    if not (spec.traffic.match or spec.segments) or not spec.strategy.chosen.judges:
        return None
    for index, metric in enumerate(spec.analysis.metrics):
        if problem := _problem(spec.analysis.provider, metric):
            return f"spec.analysis.{problem}" if metric.built_in else f"spec.analysis.metrics[{index}].{problem}"
    return None


def untold(analysis: Analysis, metric: Metric, splits: Iterable[str]) -> str | None:
    """Why a metric cannot be read in these splits; None when it can. Everybody's alone always can."""
    return None if set(splits) == {EVERYBODY} else _problem(analysis.provider, metric)


def _problem(provider: Provider, metric: Metric) -> str | None:
    if not metric.built_in:
        return _query_problem(metric)
    if PROVIDERS[provider].tells_splits:
        return None
    others = " or ".join(name for name, other in PROVIDERS.items() if other.tells_splits)
    return f"provider: {provider} counts by version alone, {_MIXED}; choose {others}, {_OUT}"


def _query_problem(metric: Metric) -> str | None:
    for field, query in metric.queries.items():
        if not any(has_variable(query, name) for name in ("service", "segment")):
            return (
                f"{field}: {{{{ service }}}} or {{{{ segment }}}} is missing, {_MIXED}; put it into the query, {_OUT}"
            )
    return None
