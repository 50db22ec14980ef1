"""Metrics of Envoy itself: counters of the gateway's (or a side car's) clusters, one cluster for each version's port.

Any Envoy under istiod has them, where its statistics are configured to keep the cluster's name and the response code
as labels (docs/metrics.md). REST answers count by their HTTP code. gRPC answers carry their status in the trailers
behind a 200, so they count by the counters of Envoy's filter ``grpc_stats``, which istiod puts into every listener;
without that filter gRPC is not seen at all, and so holds a release instead of passing it.
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_stats_filter
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelrollout.adapters.metrics.base import BAD_GRPC_STATUS, Labels, Provider, Target, any_of, bad_http_code
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT

# The same name also has series by response_code_class, which count every answer a second time.
ERRORS = '{__name__=~"envoy_cluster_upstream_rq|envoy_cluster_grpc_[0-9]+",response_code_class="",<targets>}'
LATENCY = "envoy_cluster_upstream_rq_time_bucket{<targets>,<bounds>}"  # milliseconds
ALIVE = "envoy_server_live"

_GRPC_STATUS = re.compile(r"envoy_cluster_grpc_([0-9]+)")
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
    return (_grpc_status(labels) is not None) == labels.get("cluster_name", "").startswith(_GRPC_CLUSTER)


def _is_bad(labels: Labels) -> bool:
    status = _grpc_status(labels)
    return bad_http_code(labels.get("response_code", "")) if status is None else status in BAD_GRPC_STATUS


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
    counts=_counts,
)
