"""Istio's standard metrics, as the caller's side reports them (``reporter="source"``).

One scrape of one proxy then holds all versions' counters, and failures to connect are among them. The caller's side
also knows which Service it called, which tells the splits apart; a pod only knows that it was called.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelrollout.adapters.metrics.base import Labels, Provider, Target, any_of, bad_grpc_status, bad_http_code

ERRORS = 'istio_requests_total{reporter="source",<targets>}'
LATENCY = 'istio_request_duration_milliseconds_bucket{reporter="source",<targets>,<bounds>}'
ALIVE = 'istio_build{component="proxy"}'


def _select(targets: Iterable[Target]) -> str:
    return f"destination_service=~`{any_of(target.host for target in targets)}`"


def _is_bad(labels: Labels) -> bool:
    if status := labels.get("grpc_response_status"):
        return bad_grpc_status(status)
    code = labels.get("response_code", "")
    if code == "0":  # no answer at all; DC: the client went away
        return labels.get("response_flags") != "DC"
    return bad_http_code(code)


ISTIO = Provider(
    name="istio",
    alive=ALIVE,
    errors=ERRORS,
    latency=LATENCY,
    unit=0.001,
    select=_select,
    identify=lambda target: target.host,
    identity_of=lambda labels: labels.get("destination_service"),
    is_bad=_is_bad,
    tells_splits=True,
)
