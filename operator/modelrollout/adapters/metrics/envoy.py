"""Metrics of Envoy itself: counters of the gateway's (or a side car's) clusters, one for each port of each Service.

So there is one for each version and split. Any Envoy under istiod has them, where its statistics are configured to
keep the cluster's name and the response code as labels (docs/metrics.md). REST answers count by their HTTP code. gRPC
answers carry their status in the trailers behind a 200, so they count by the counters of Envoy's filter
``grpc_stats``, which istiod puts into every listener. Where those are not kept, the metric is invalid: calls that
nobody counts must not pass.
https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_stats_filter

A request that its caller ends has neither code nor status. What is left of it, once:
 - ``upstream_rq_tx_reset`` over HTTP/2, where the stream is reset,
 - ``upstream_cx_destroy_local_with_active_rq`` over HTTP/1, where the connection can only be closed,
 - ``upstream_rq_cancelled`` while it waited for a connection.
Envoy's own time limits end a request in the same ways. They are in ``upstream_rq_timeout`` and
``upstream_rq_per_try_timeout``, too, and count by the 504 that is answered; only a call's own deadline, when Envoy sees
to it (``grpc-timeout``), is answered with status 4 and is in no counter of its own. ``upstream_rq_total`` less
``upstream_rq_completed`` would not do: requests under way are between them, and those that never got a connection are
in the second alone.
Where two ends fall on one request each is counted: an answer that the caller breaks off while it comes, and a try that
is taken back to be repeated (``traffic.retries``).
https://www.envoyproxy.io/docs/envoy/latest/configuration/upstream/cluster_manager/cluster_stats
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from modelrollout.adapters.metrics.base import Labels, Provider, Target, UnderWay, any_of
from modelrollout.adapters.metrics.outcomes import Outcome, grpc_outcome, http_outcome
from modelrollout.adapters.prometheus import Series
from modelrollout.api.analysis import ClientCancels
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT

ANSWERS = "envoy_cluster_upstream_rq"
GRPC_STATUS = "envoy_cluster_grpc_"
HTTP_1_RESET = "envoy_cluster_upstream_cx_destroy_local_with_active_rq"
HTTP_2_RESET = "envoy_cluster_upstream_rq_tx_reset"

ENDED: Mapping[str, Outcome] = {
    HTTP_1_RESET: Outcome.RESET,
    HTTP_2_RESET: Outcome.RESET,
    "envoy_cluster_upstream_rq_cancelled": Outcome.RESET,
    "envoy_cluster_upstream_rq_timeout": Outcome.TIMED_OUT,
    "envoy_cluster_upstream_rq_per_try_timeout": Outcome.TIMED_OUT,
}
"""Counters of requests that ended without an answer of the model's."""

# The name of the answers also has series by response_code_class, which count every answer a second time.
_NAMES = "|".join([ANSWERS, *ENDED, f"{GRPC_STATUS}[0-9]+"])
ERRORS = f'{{__name__=~"{_NAMES}",response_code_class="",<targets>}}'
LATENCY = "envoy_cluster_upstream_rq_time_bucket{<targets>,<bounds>}"  # milliseconds
ALIVE = "envoy_server_live"

_DEADLINE_EXCEEDED = "4"
_ENOUGH = 10  # answers; the status of a call is counted a moment after its headers, so the first ones tell nothing
_GRPC_CLUSTER = f"outbound|{GRPC_PORT}|"

NO_STATUSES = (
    "Envoy answers gRPC calls and does not show their statuses (envoy_cluster_grpc_*): keep its statistics "
    "cluster.*.grpc.*, in Istio by the annotation sidecar.istio.io/statsInclusionRegexps or proxyStatsMatcher"
)
NO_RESETS = (
    "Envoy answers requests and does not show which of them ended without an answer "
    f"({HTTP_1_RESET}, {HTTP_2_RESET}): keep its statistics cluster.*.upstream_(rq|cx).*, those that are 0, too (no "
    "usedonly); or say clientCancels: Ignore"
)


def _select(targets: Iterable[Target]) -> str:
    return rf"cluster_name=~`outbound\|({GRPC_PORT}|{REST_PORT})\|\|({any_of(target.host for target in targets)})`"


def _identity_of(labels: Labels) -> str | None:
    return _host(labels.get("cluster_name", "")) or None


def _host(cluster: str) -> str:
    """``outbound|8501||fraud-2-4-1187.prod.svc.cluster.local`` -> the host."""
    return cluster.rpartition("|")[2]


def _grpc_status(name: str) -> str | None:
    return name.removeprefix(GRPC_STATUS) if name.startswith(GRPC_STATUS) else None


def _part_of(labels: Labels) -> str:
    """``outbound|8501||fraud-2-4-1187.prod.svc.cluster.local`` -> all but the host: REST and gRPC have one each."""
    return labels.get("cluster_name", "").rpartition("|")[0]


def _outcome_of(labels: Labels) -> Outcome | None:
    """Each answer once: those of the gRPC port by their gRPC status, all others by their HTTP code."""
    name, code = labels.get("__name__", ""), labels.get("response_code")
    if name in ENDED:
        return ENDED[name]
    if (status := _grpc_status(name)) is not None:
        return Outcome.EXPIRED if status == _DEADLINE_EXCEEDED else grpc_outcome(status)
    return http_outcome(code) if code and not _is_grpc(labels) else None


def _is_grpc(labels: Labels) -> bool:
    return labels.get("cluster_name", "").startswith(_GRPC_CLUSTER)


def _uncounted(series: Iterable[Series], cancels: ClientCancels) -> dict[str, str]:
    """The hosts that answer requests while Envoy does not show how calls end, or which requests have no answer.

    A cluster's own counters are there from its beginning, with 0; a series of one code or status is born with the
    first answer.
    """
    answered: dict[str, float] = defaultdict(float)
    shown: dict[str, set[str]] = defaultdict(set)
    for one in series:
        cluster, name = one.labels.get("cluster_name", ""), one.labels.get("__name__", "")
        shown[cluster].add(name if _grpc_status(name) is None else GRPC_STATUS)
        if name == ANSWERS:
            answered[cluster] += max((value for _, value in one.points), default=0.0)
    found = {}
    for cluster in (cluster for cluster, requests in answered.items() if requests >= _ENOUGH):
        is_grpc = cluster.startswith(_GRPC_CLUSTER)
        if is_grpc and GRPC_STATUS not in shown[cluster]:
            found[_host(cluster)] = NO_STATUSES
        elif cancels is ClientCancels.BAD and (HTTP_2_RESET if is_grpc else HTTP_1_RESET) not in shown[cluster]:
            found[_host(cluster)] = NO_RESETS
    return found


ENVOY = Provider(
    name="envoy",
    alive=f"{ALIVE}{{}}",
    errors=ERRORS,
    latency=LATENCY,
    unit=0.001,
    select=_select,
    identify=lambda target: target.host,
    identity_of=_identity_of,
    identity_labels=("cluster_name",),
    outcome_of=_outcome_of,
    tells_splits=True,
    under_way=UnderWay("envoy_cluster_upstream_rq_total", "envoy_cluster_upstream_rq_active"),
    part_of=_part_of,
    uncounted=_uncounted,
)
