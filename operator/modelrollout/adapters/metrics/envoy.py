"""Metrics of Envoy itself: counters of the gateway's (or a side car's) clusters, one cluster for each version's port.

They need no filter of Istio's, so any Envoy under istiod has them, where its statistics are configured to keep the
cluster's name and the response code as labels (docs/metrics.md). A gRPC answer counts by its HTTP code.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelrollout.adapters.metrics.base import Labels, Provider, Target, any_of, bad_http_code
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT

# The same name also has series by response_code_class, which count every answer a second time.
ERRORS = 'envoy_cluster_upstream_rq{response_code!="",<targets>}'
LATENCY = "envoy_cluster_upstream_rq_time_bucket{<targets>,<bounds>}"  # milliseconds
ALIVE = "envoy_server_live"


def _select(targets: Iterable[Target]) -> str:
    return rf"cluster_name=~`outbound\|({GRPC_PORT}|{REST_PORT})\|\|({any_of(target.host for target in targets)})`"


def _identity_of(labels: Labels) -> str | None:
    """``outbound|8501||fraud-2-4-1187.prod.svc.cluster.local`` -> the host."""
    return labels.get("cluster_name", "").rpartition("|")[2] or None


ENVOY = Provider(
    name="envoy",
    alive=ALIVE,
    errors=ERRORS,
    latency=LATENCY,
    unit=0.001,
    select=_select,
    identify=lambda target: target.host,
    identity_of=_identity_of,
    is_bad=lambda labels: bad_http_code(labels.get("response_code", "")),
)
