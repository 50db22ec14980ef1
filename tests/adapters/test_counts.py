"""From raw series to counts: tables of series as Prometheus gives them."""

from __future__ import annotations

import pytest

from modelrollout.adapters.metrics.base import Provider, Target
from modelrollout.adapters.metrics.counts import answers, increments, slow_answers, tally
from modelrollout.adapters.metrics.envoy import ENVOY, NO_RESETS, NO_STATUSES
from modelrollout.adapters.metrics.istio import ISTIO
from modelrollout.adapters.metrics.tensorflow_serving import TENSORFLOW_SERVING
from modelrollout.adapters.prometheus import Series
from modelrollout.api.analysis import ClientCancels as CANCELS
from modelrollout.core.evidence import BadCount, Count
from tests.adapters.counted import Counted, newest

CLUSTER = "outbound|8501||fraud-2-4-1187.prod.svc.cluster.local"
GRPC_CLUSTER = "outbound|8500||fraud-2-4-1187.prod.svc.cluster.local"
HOST = "fraud-2-4-1187.prod.svc.cluster.local"


def envoy(code: str, *points: tuple[float, float], instance: str = "gw-0", cluster: str = CLUSTER) -> Series:
    name = {"__name__": "envoy_cluster_upstream_rq"}
    return Series({**name, "cluster_name": cluster, "response_code": code, "instance": instance}, points)


def grpc(status: int, *points: tuple[float, float]) -> Series:
    name = {"__name__": f"envoy_cluster_grpc_{status}"}
    return Series({**name, "cluster_name": GRPC_CLUSTER, "instance": "gw-0"}, points)


ANSWERS: dict[str, tuple[list[Series], Counted]] = {
    "no series": ([], Counted(None, {})),
    "good alone": ([envoy("200", (10, 5))], Counted(10, {"gw-0": Count(0, 5)})),
    "codes of one scrape": (
        [envoy("200", (10, 90)), envoy("404", (10, 1)), envoy("500", (10, 9))],
        Counted(10, {"gw-0": Count(10, 100)}),
    ),
    "the newest scrape": ([envoy("200", (8, 5), (10, 7))], Counted(10, {"gw-0": Count(0, 7)})),
    "both ports: gRPC by its status, and not again by the 200 before it": (
        [envoy("200", (10, 5)), envoy("200", (10, 7), cluster=GRPC_CLUSTER), grpc(0, (10, 3)), grpc(15, (10, 4))],
        Counted(10, {"gw-0": Count(4, 12)}),
    ),
    "gRPC statuses that are no fault of a model": (
        [grpc(7, (10, 2)), grpc(16, (10, 3)), grpc(14, (10, 4))],
        Counted(10, {"gw-0": Count(4, 9)}),
    ),
    "two gateways": (
        [envoy("200", (10, 5)), envoy("503", (11, 2), instance="gw-1")],
        Counted(11, {"gw-0": Count(0, 5), "gw-1": Count(2, 2)}),
    ),
    "a restart: old series of codes that have not come again": (
        [envoy("200", (8, 1000), (10, 5)), envoy("500", (8, 10))],
        Counted(10, {"gw-0": Count(0, 5)}),
    ),
    "answers of the mesh itself": (
        [envoy("401", (10, 2)), envoy("403", (10, 3)), envoy("200", (10, 1))],
        Counted(10, {"gw-0": Count(0, 6)}),
    ),
}


@pytest.mark.parametrize(("series", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_answers(series: list[Series], expected: Counted) -> None:
    assert newest(tally(series, ENVOY.identity_of, answers(ENVOY, CANCELS.BAD)).get(HOST, {})) == expected


def bucket(bound: str, value: float, at: float = 10) -> Series:
    return Series({"cluster_name": CLUSTER, "instance": "gw-0", "le": bound}, ((at, value),))


SLOW: dict[str, tuple[list[Series], Counted]] = {
    "some slow": ([bucket("100", 70), bucket("+Inf", 100)], Counted(10, {"gw-0": Count(30, 100)})),
    "none slow": ([bucket("100", 100), bucket("+Inf", 100)], Counted(10, {"gw-0": Count(0, 100)})),
    "other bounds do not count": (
        [bucket("50", 10), bucket("100", 70), bucket("200", 99), bucket("+Inf", 100)],
        Counted(10, {"gw-0": Count(30, 100)}),
    ),
    "all slow": ([bucket("100", 0), bucket("+Inf", 100)], Counted(10, {"gw-0": Count(100, 100)})),
    "a histogram without that bucket says nothing": (
        [bucket("50", 10), bucket("200", 100), bucket("+Inf", 100)],
        Counted(10, {"gw-0": Count(0, 0)}),
    ),
}


@pytest.mark.parametrize(("series", "expected"), SLOW.values(), ids=SLOW)
def test_slow_answers(series: list[Series], expected: Counted) -> None:
    assert newest(tally(series, ENVOY.identity_of, slow_answers(ENVOY, "100", CANCELS.BAD)).get(HOST, {})) == expected


def test_buckets_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadCount):
        newest(
            tally(
                [bucket("100", 101), bucket("+Inf", 100)], ENVOY.identity_of, slow_answers(ENVOY, "100", CANCELS.BAD)
            )[HOST]
        )


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(BadCount):
        newest(tally([envoy("200", (10, float("nan")))], ENVOY.identity_of, answers(ENVOY, CANCELS.BAD))[HOST])


MATCHED_HOST = "fraud-2-4-1187-matched.prod.svc.cluster.local"

IDENTITIES: dict[str, tuple[Provider, dict[str, str], str]] = {
    "envoy": (ENVOY, {"cluster_name": CLUSTER}, "everybody"),
    "envoy, matched": (ENVOY, {"cluster_name": f"outbound|8501||{MATCHED_HOST}"}, "matched"),
    "istio": (ISTIO, {"destination_service": HOST}, "everybody"),
    "istio, matched": (ISTIO, {"destination_service": MATCHED_HOST}, "matched"),
    "tensorflow serving": (
        TENSORFLOW_SERVING,
        {"namespace": "prod", "modelrollout_dev_rollout": "fraud", "modelrollout_dev_version": "2.4.1187"},
        "everybody",
    ),
}


@pytest.mark.parametrize(("provider", "labels", "split"), IDENTITIES.values(), ids=IDENTITIES)
def test_whose_series_it_is(provider: Provider, labels: dict[str, str], split: str) -> None:
    assert provider.identity_of(labels) == provider.identify(Target("prod", "fraud", "2.4.1187", split))


def test_a_query_names_exactly_its_versions() -> None:
    targets = [Target("prod", "fraud", "2.4.1187"), Target("prod", "fraud", "2.3.1160")]
    assert ENVOY.errors_query(targets) == (
        '{__name__=~"envoy_cluster_upstream_rq|envoy_cluster_upstream_cx_destroy_local_with_active_rq|'
        "envoy_cluster_upstream_rq_tx_reset|envoy_cluster_upstream_rq_cancelled|envoy_cluster_upstream_rq_timeout|"
        'envoy_cluster_upstream_rq_per_try_timeout|envoy_cluster_grpc_[0-9]+",response_code_class="",'
        "cluster_name=~`outbound\\|(8500|8501)\\|\\|"
        "(fraud-2-3-1160\\.prod\\.svc\\.cluster\\.local|fraud-2-4-1187\\.prod\\.svc\\.cluster\\.local)`}"
    )


INCREMENTS: dict[str, tuple[list[Series], tuple[Count, ...]]] = {
    "one scrape is none": ([envoy("200", (10, 5))], ()),
    "from scrape to scrape": (
        [envoy("200", (10, 5), (12, 9), (14, 20)), envoy("500", (10, 1), (12, 1), (14, 3))],
        (Count(0, 4), Count(2, 13)),
    ),
    "a code that is born": ([envoy("200", (10, 5), (12, 9)), envoy("500", (12, 2))], (Count(2, 6),)),
    "a reset": ([envoy("200", (10, 50), (12, 3))], (Count(0, 3),)),
    "two gateways in one interval": (
        [envoy("200", (10.0, 0), (12.0, 4)), envoy("200", (10.3, 0), (12.3, 6), instance="gw-1")],
        (Count(0, 10),),
    ),
}


@pytest.mark.parametrize(("series", "expected"), INCREMENTS.values(), ids=INCREMENTS)
def test_the_past_of_a_version(series: list[Series], expected: tuple[Count, ...]) -> None:
    processes = tally(series, ENVOY.identity_of, answers(ENVOY, CANCELS.BAD)).get(HOST, {})
    assert increments(processes, 2.0) == expected


def kept(name: str, cluster: str, *points: tuple[float, float]) -> Series:
    """A counter of the cluster's own."""
    return Series({"__name__": f"envoy_cluster_{name}", "cluster_name": cluster, "instance": "gw-0"}, points)


RESETS = kept("upstream_cx_destroy_local_with_active_rq", CLUSTER, (10, 0))
GRPC_RESETS = kept("upstream_rq_tx_reset", GRPC_CLUSTER, (10, 0))
CALLS = envoy("200", (10, 500), cluster=GRPC_CLUSTER)

UNCOUNTED: dict[str, tuple[list[Series], str | None]] = {
    "REST alone": ([envoy("200", (10, 500)), RESETS], None),
    "REST, and requests without an answer are not shown": ([envoy("200", (10, 500))], NO_RESETS),
    "REST, and those of the other port are": ([envoy("200", (10, 500)), GRPC_RESETS], NO_RESETS),
    "the first answers": ([envoy("200", (10, 9))], None),
    "no answers at all": ([RESETS, GRPC_RESETS], None),
    "calls with their statuses": ([CALLS, grpc(0, (10, 499)), GRPC_RESETS], None),
    "calls without": ([envoy("200", (10, 60)), RESETS, CALLS, GRPC_RESETS], NO_STATUSES),
    "calls, and those without an answer are not shown": ([CALLS, grpc(0, (10, 499))], NO_RESETS),
    "the first calls, whose statuses come a moment later": ([envoy("200", (10, 3), cluster=GRPC_CLUSTER)], None),
}


@pytest.mark.parametrize(("series", "words"), UNCOUNTED.values(), ids=UNCOUNTED)
def test_what_nobody_counts_is_noticed(series: list[Series], words: str | None) -> None:
    assert ENVOY.uncounted(series, CANCELS.BAD).get(HOST) == words
    assert ENVOY.uncounted(series, CANCELS.IGNORE).get(HOST) == (None if words == NO_RESETS else words)
