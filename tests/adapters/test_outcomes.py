"""What a series counts by its labels: a bad answer or not, an answer or not, with callers' ends and without."""

from __future__ import annotations

import pytest

from modelrollout.adapters.metrics.base import Labels, Provider
from modelrollout.adapters.metrics.counts import answers, slow_answers, tally
from modelrollout.adapters.metrics.envoy import ENVOY
from modelrollout.adapters.metrics.istio import ISTIO
from modelrollout.adapters.metrics.outcomes import Outcome, totals
from modelrollout.adapters.metrics.tensorflow_serving import TENSORFLOW_SERVING
from modelrollout.adapters.prometheus import Series
from modelrollout.api.analysis import ClientCancels
from modelrollout.core.evidence import Count
from tests.adapters.counted import newest

BAD, IGNORE = ClientCancels.BAD, ClientCancels.IGNORE
GOOD_ANSWER, BAD_ANSWER, NONE = Count(0, 1), Count(1, 1), Count(0, 0)
ALWAYS_GOOD, ALWAYS_BAD, BY_CALLER, NEVER = (
    (GOOD_ANSWER, GOOD_ANSWER),
    (BAD_ANSWER, BAD_ANSWER),
    (BAD_ANSWER, NONE),
    (NONE, NONE),
)
"""What one request counts as where clientCancels is Bad, and where it is Ignore."""

Expected = tuple[Count, Count]


def istio(code: str, flags: str = "-", status: str | None = None) -> Labels:
    labels = {"destination_service": "fraud", "response_code": code, "response_flags": flags}
    return labels if status is None else {**labels, "request_protocol": "grpc", "grpc_response_status": status}


OF_ISTIO: dict[str, tuple[Labels, Expected]] = {
    "answered": (istio("200"), ALWAYS_GOOD),
    "answered, without the label of flags": ({"destination_service": "fraud", "response_code": "200"}, ALWAYS_GOOD),
    "an error of the server": (istio("503"), ALWAYS_BAD),
    "a refused input": (istio("400"), ALWAYS_BAD),
    "not allowed": (istio("403", "UAEX"), ALWAYS_GOOD),
    "delayed on purpose, and answered": (istio("200", "DI"), ALWAYS_GOOD),
    "the caller hung up": (istio("0", "DC"), BY_CALLER),
    "the caller hung up in the middle of the answer": (istio("200", "DC"), BY_CALLER),
    "the caller reset its stream": (istio("0", "DR"), BY_CALLER),
    "the caller hung up after an error": (istio("503", "UC,DC"), ALWAYS_BAD),
    "cancelled, by the server's word": (istio("499"), BY_CALLER),
    "no answer, and nobody says why": (istio("0"), ALWAYS_BAD),
    "no answer in time": (istio("504", "UT"), ALWAYS_BAD),
    "no answer in time, after its beginning": (istio("200", "UT"), ALWAYS_BAD),
    "retried in vain": (istio("504", "URX,UT"), ALWAYS_BAD),
    "the connection ended": (istio("503", "UC"), ALWAYS_BAD),
    "the connection ended in the middle of the answer": (istio("200", "UC"), ALWAYS_BAD),
    "an answer that was cut": (istio("200", "UPE"), ALWAYS_BAD),
    "no connection": (istio("503", "UF"), ALWAYS_BAD),
    "nobody healthy": (istio("503", "UH"), ALWAYS_BAD),
    "no route": (istio("0", "NR"), ALWAYS_BAD),
    "unhealthy": (istio("0", "LH"), ALWAYS_BAD),
    "gRPC: answered": (istio("200", status="0"), ALWAYS_GOOD),
    "gRPC: answered, and the caller left at once": (istio("200", "DC", status="0"), ALWAYS_GOOD),
    "gRPC: data loss": (istio("200", status="15"), ALWAYS_BAD),
    "gRPC: not allowed": (istio("200", status="7"), ALWAYS_GOOD),
    "gRPC: unknown": (istio("200", status="2"), ALWAYS_BAD),
    "gRPC: a status that nobody knows": (istio("200", status="99"), ALWAYS_BAD),
    "gRPC: cancelled": (istio("200", status="1"), BY_CALLER),
    "gRPC: past its deadline": (istio("200", status="4"), ALWAYS_BAD),
    "gRPC: the caller gave up": (istio("0", "DR", status=""), BY_CALLER),
    "gRPC: the caller gave up after the headers": (istio("200", "DR", status="2"), BY_CALLER),
    "gRPC: no answer in time": (istio("200", "UT", status="14"), ALWAYS_BAD),
}


def serving(status: str) -> Labels:
    return {"namespace": "prod", "status": status}


OF_TENSORFLOW_SERVING: dict[str, tuple[Labels, Expected]] = {
    "answered": (serving("OK"), ALWAYS_GOOD),
    "an error": (serving("INTERNAL"), ALWAYS_BAD),
    "a refused input": (serving("INVALID_ARGUMENT"), ALWAYS_BAD),
    "a model that is not there": (serving("NOT_FOUND"), ALWAYS_BAD),
    "past its deadline": (serving("DEADLINE_EXCEEDED"), ALWAYS_BAD),
    "cancelled": (serving("CANCELLED"), BY_CALLER),
    "not allowed": (serving("PERMISSION_DENIED"), ALWAYS_GOOD),
}

REST, GRPC = "outbound|8501||fraud", "outbound|8500||fraud"


def envoy(name: str, cluster: str = REST, **labels: str) -> Labels:
    return {"__name__": f"envoy_cluster_{name}", "cluster_name": cluster, **labels}


OF_ENVOY: dict[str, tuple[Labels, Expected]] = {
    "answered": (envoy("upstream_rq", response_code="200"), ALWAYS_GOOD),
    "an error of the server": (envoy("upstream_rq", response_code="503"), ALWAYS_BAD),
    "not allowed": (envoy("upstream_rq", response_code="401"), ALWAYS_GOOD),
    "cancelled, by the server's word": (envoy("upstream_rq", response_code="499"), BY_CALLER),
    "a connection that had to be closed": (envoy("upstream_cx_destroy_local_with_active_rq"), BY_CALLER),
    "given up before there was a connection": (envoy("upstream_rq_cancelled"), BY_CALLER),
    "a reset stream": (envoy("upstream_rq_tx_reset", GRPC), BY_CALLER),
    "a call's 200, whose status counts": (envoy("upstream_rq", GRPC, response_code="200"), NEVER),
    "a call": (envoy("grpc_0", GRPC), ALWAYS_GOOD),
    "a call that was not allowed": (envoy("grpc_16", GRPC), ALWAYS_GOOD),
    "a call that failed": (envoy("grpc_13", GRPC), ALWAYS_BAD),
    "a call that was cancelled, by the server's word": (envoy("grpc_1", GRPC), BY_CALLER),
    "a call past its deadline": (envoy("grpc_4", GRPC), ALWAYS_BAD),
}

SERIES: dict[str, tuple[Provider, Labels, Expected]] = {
    **{f"istio: {name}": (ISTIO, *case) for name, case in OF_ISTIO.items()},
    **{f"tensorflow-serving: {name}": (TENSORFLOW_SERVING, *case) for name, case in OF_TENSORFLOW_SERVING.items()},
    **{f"envoy: {name}": (ENVOY, *case) for name, case in OF_ENVOY.items()},
}


def counted(provider: Provider, cancels: ClientCancels, ended: list[tuple[Labels, float]]) -> Count:
    series = [Series(labels, ((10.0, value),)) for labels, value in ended]
    return newest(tally(series, lambda labels: "fraud", answers(provider, cancels))["fraud"]).counts[""]


@pytest.mark.parametrize(("provider", "labels", "expected"), SERIES.values(), ids=SERIES)
def test_what_one_request_counts_as(provider: Provider, labels: Labels, expected: Expected) -> None:
    assert tuple(counted(provider, cancels, [(labels, 1.0)]) for cancels in ClientCancels) == expected


ANSWERED, FAILED = envoy("upstream_rq", response_code="200"), envoy("upstream_rq", response_code="504")
CLOSED, GIVEN_UP = envoy("upstream_cx_destroy_local_with_active_rq"), envoy("upstream_rq_cancelled")
TIMED_OUT, TRY_TIMED_OUT = envoy("upstream_rq_timeout"), envoy("upstream_rq_per_try_timeout")
CALL, CALL_FAILED, CALL_EXPIRED = envoy("grpc_0", GRPC), envoy("grpc_14", GRPC), envoy("grpc_4", GRPC)
CALL_RESET, CALL_TIMED_OUT = envoy("upstream_rq_tx_reset", GRPC), envoy("upstream_rq_timeout", GRPC)

TOGETHER: dict[str, tuple[list[tuple[Labels, float]], Expected]] = {
    "callers that hang up": ([(ANSWERED, 90), (CLOSED, 8), (GIVEN_UP, 2)], (Count(10, 100), Count(0, 90))),
    "Envoy's own time limit counts by its 504": (
        [(ANSWERED, 90), (FAILED, 10), (CLOSED, 10), (TIMED_OUT, 10)],
        (Count(10, 100), Count(10, 100)),
    ),
    "its limit for one try, too": (
        [(ANSWERED, 90), (FAILED, 10), (CLOSED, 20), (TRY_TIMED_OUT, 20)],
        (Count(10, 100), Count(10, 100)),
    ),
    "both ends beside each other": (
        [(ANSWERED, 90), (FAILED, 10), (CLOSED, 15), (TIMED_OUT, 10)],
        (Count(15, 105), Count(10, 100)),
    ),
    "read a moment apart: the limit before the end": (
        [(ANSWERED, 90), (FAILED, 9), (CLOSED, 9), (TIMED_OUT, 10)],
        (Count(9, 99), Count(9, 99)),
    ),
    "calls whose callers cancel": ([(CALL, 90), (CALL_RESET, 10)], (Count(10, 100), Count(0, 90))),
    "calls that Envoy ends": (
        [(CALL, 90), (CALL_FAILED, 10), (CALL_RESET, 10), (CALL_TIMED_OUT, 10)],
        (Count(10, 100), Count(10, 100)),
    ),
    "a deadline that Envoy sees to is once a status and a reset": (
        [(CALL, 90), (CALL_EXPIRED, 10), (CALL_RESET, 10)],
        (Count(10, 100), Count(10, 100)),
    ),
    "some that Envoy sees to, some that the callers do": (
        [(CALL, 90), (CALL_EXPIRED, 4), (CALL_RESET, 10)],
        (Count(10, 100), Count(4, 94)),
    ),
    "a deadline that the server sees to": ([(CALL, 90), (CALL_EXPIRED, 10)], (Count(10, 100), Count(10, 100))),
    "what one port shows is not set off against the other": (
        [(ANSWERED, 90), (CLOSED, 10), (CALL_EXPIRED, 10), (CALL, 90)],
        (Count(20, 200), Count(10, 190)),
    ),
}


@pytest.mark.parametrize(("ended", "expected"), TOGETHER.values(), ids=TOGETHER)
def test_what_envoys_counters_come_to_together(ended: list[tuple[Labels, float]], expected: Expected) -> None:
    assert tuple(counted(ENVOY, cancels, ended) for cancels in ClientCancels) == expected


def test_bad_answers_are_never_more_than_answers() -> None:
    for outcome in Outcome:
        for cancels in ClientCancels:
            bad, every = totals({outcome: 3.0}, cancels)
            assert 0 <= bad <= every <= 3


def bucket(bound: str, code: str, flags: str, value: float) -> Series:
    return Series({**istio(code, flags), "le": bound}, ((10.0, value),))


@pytest.mark.parametrize(
    ("cancels", "expected"), [(BAD, Count(30, 110)), (IGNORE, Count(20, 100))], ids=lambda item: str(item)
)
def test_latency_leaves_out_the_same_requests(cancels: ClientCancels, expected: Count) -> None:
    """Istio knows how long a caller waited who got nothing, and that was as slow as it was."""
    series = [
        bucket("100", "200", "-", 80),
        bucket("+Inf", "200", "-", 100),
        bucket("100", "0", "DC", 0),
        bucket("+Inf", "0", "DC", 10),
    ]
    counting = slow_answers(ISTIO, "100", cancels)
    assert newest(tally(series, lambda labels: "fraud", counting)["fraud"]).counts[""] == expected
