"""Metrics of Envoy itself: counters of the gateway's (or a side car's) clusters, one for each port of each Service.

So there is one for each version and split. Any Envoy under istiod has them, where its statistics are configured to
keep the cluster's name and the response code as labels (docs/metrics.md). REST answers count by their HTTP code. gRPC
answers carry their status in the trailers behind a 200, so they count by the counters of Envoy's filter
``grpc_stats``, which istiod puts into every listener. Where those are not kept, the metric is invalid: calls that
nobody counts must not pass.
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_stats_filter
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from modelrollout.adapters.metrics.base import Labels, Provider, Target, any_of, bad_grpc_status, bad_http_code
from modelrollout.adapters.prometheus import Series
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT

# The same name also has series by response_code_class, which count every answer a second time.
ERRORS = '{__name__=~"envoy_cluster_upstream_rq|envoy_cluster_grpc_[0-9]+",response_code_class="",<targets>}'
LATENCY = "envoy_cluster_upstream_rq_time_bucket{<targets>,<bounds>}"  # milliseconds
ALIVE = "envoy_server_live"

_GRPC_STATUS = re.compile(r"envoy_cluster_grpc_([0-9]+)")
_ENOUGH_CALLS = 10  # the status of a call is counted a moment after its headers, so the first ones tell nothing
_GRPC_CLUSTER = f"outbound|{GRPC_PORT}|"


def _select(targets: Iterable[Target]) -> str:
    return rf"cluster_name=~`outbound\|({GRPC_PORT}|{REST_PORT})\|\|({any_of(target.host for target in targets)})`"


def _identity_of(labels: Labels) -> str | None:
    """``outbound|8501||fraud-2-4-1187.prod.svc.cluster.local`` -> the host."""
    return labels.get("cluster_name", "").rpartition("|")[2] or None


def _grpc_status(labels: Labels) -> str | None:
    found = _GRPC_STATUS.fullmatch(labels.get("__name__", ""))
    return found[1] if found else None


def _counts(labels: Labels) -> bool:
    """Each answer once: those of the gRPC port by their gRPC status, all others by their HTTP code."""
    if _is_grpc(labels):
        return _grpc_status(labels) is not None
    return bool(labels.get("response_code"))


def _is_grpc(labels: Labels) -> bool:
    return labels.get("cluster_name", "").startswith(_GRPC_CLUSTER)


def _is_bad(labels: Labels) -> bool:
    status = _grpc_status(labels)
    return bad_http_code(labels.get("response_code", "")) if status is None else bad_grpc_status(status)


def _uncounted(series: Iterable[Series]) -> set[str]:
    """The hosts that answered calls on the gRPC port of which no gRPC status is known."""
    answered: dict[str, float] = defaultdict(float)
    known = set()
    for one in series:
        host = _identity_of(one.labels)
        if host is None or not _is_grpc(one.labels):
            continue
        if _grpc_status(one.labels) is not None:
            known.add(host)
        else:
            answered[host] += max((value for _, value in one.points), default=0.0)
    return {host for host, calls in answered.items() if calls >= _ENOUGH_CALLS and host not in known}


ENVOY = Provider(
    name="envoy",
    alive=ALIVE,
    errors=ERRORS,
    latency=LATENCY,
    unit=0.001,
    select=_select,
    identify=lambda target: target.host,
    identity_of=_identity_of,
    is_bad=_is_bad,
    tells_splits=True,
    counts=_counts,
    uncounted=_uncounted,
    uncounted_words=(
        "Envoy answers gRPC calls and does not show their statuses (envoy_cluster_grpc_*): keep its statistics "
        "cluster.*.grpc.*, in Istio by the annotation sidecar.istio.io/statsInclusionRegexps or proxyStatsMatcher"
    ),
)
