"""Istio's standard metrics, as the caller's side reports them (``reporter="source"``).

One scrape of one proxy then holds all versions' counters, and failures to connect are among them. The caller's side
also knows which Service it called, which tells the splits apart; a pod only knows that it was called.

A request is counted when it ends, however it ends, so one without an answer is there, too: with code 0, or with the
code of an answer that began and was cut, and with Envoy's flag for the reason. A call by gRPC whose trailers never came
has no status, or 2 (UNKNOWN), which the proxy makes up of the 200 before it.
https://www.envoyproxy.io/docs/envoy/latest/configuration/advanced/substitution_formatter (RESPONSE_FLAGS)
"""

from __future__ import annotations

from collections.abc import Iterable

from modelrollout.adapters.metrics.base import Labels, Provider, Target, any_of
from modelrollout.adapters.metrics.outcomes import Outcome, grpc_outcome, http_outcome

ERRORS = 'istio_requests_total{reporter="source",<targets>}'
LATENCY = 'istio_request_duration_milliseconds_bucket{reporter="source",<targets>,<bounds>}'
ALIVE = 'istio_build{component="proxy"}'

BY_CALLER = frozenset({"DC", "DR"})
"""Downstream connection terminated; downstream remote reset, which newer proxies say of HTTP/2."""

NOT_ANSWERED = frozenset(
    {"UT", "UC", "UF", "UH", "UO", "UR", "URX", "UPE", "UMSDR", "NR", "NC", "DF", "DT", "LH", "LR", "SI", "OM"}
)
"""The proxy's reasons why there was no answer, or only a part of one."""


def _select(targets: Iterable[Target]) -> str:
    return f"destination_service=~`{any_of(target.host for target in targets)}`"


def _outcome_of(labels: Labels) -> Outcome:
    code, status = labels.get("response_code", ""), labels.get("grpc_response_status", "")
    flags = frozenset(labels.get("response_flags", "").split(","))
    if flags & BY_CALLER and status in ("", "2") and http_outcome(code) is Outcome.GOOD:
        return Outcome.CANCELLED
    if code == "0" or flags & NOT_ANSWERED:
        return Outcome.BAD
    return grpc_outcome(status) if status else http_outcome(code)


ISTIO = Provider(
    name="istio",
    alive=ALIVE,
    errors=ERRORS,
    latency=LATENCY,
    unit=0.001,
    select=_select,
    identify=lambda target: target.host,
    identity_of=lambda labels: labels.get("destination_service"),
    identity_labels=("destination_service",),
    outcome_of=_outcome_of,
    tells_splits=True,
)
