"""Each request once, however it ends: by the counters of a real Envoy."""

from __future__ import annotations

import contextlib
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import requests

from modelrollout.adapters.metrics.counts import answers, tally
from modelrollout.adapters.metrics.envoy import ENDED, ENVOY
from modelrollout.adapters.metrics.overdue import SCRAPE_TAKES, overdue
from modelrollout.adapters.prometheus import Series
from modelrollout.api.analysis import ClientCancels
from modelrollout.core.evidence import Count
from tests import envoy_server
from tests.adapters.counted import newest
from tests.envoy_server import HOST, LIMIT, Gateway

pytestmark = pytest.mark.apiserver

PATIENCE = 5.0  # seconds of a caller who waits for whatever comes
TIMES = 3


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with envoy_server.running(tmp_path_factory.mktemp("envoy")) as found:
        yield found


def rest(path: str, timeout: float = PATIENCE) -> Callable[[Gateway], None]:
    def send(gateway: Gateway) -> None:
        with contextlib.suppress(requests.Timeout):
            requests.get(f"http://{gateway.address}{path}", timeout=timeout)

    return send


def call(method: str, timeout: float = PATIENCE) -> Callable[[Gateway], None]:
    def send(gateway: Gateway) -> None:
        with grpc.insecure_channel(gateway.address) as channel, contextlib.suppress(grpc.RpcError):
            channel.unary_unary(f"/test.{method}")(b"", timeout=timeout)

    return send


def cancelled_call(gateway: Gateway) -> None:
    """Once the server has it, which its headers say."""
    with grpc.insecure_channel(gateway.address) as channel:
        under_way = channel.unary_stream("/test.Calls/headers")(b"", timeout=PATIENCE)
        under_way.initial_metadata()
        under_way.cancel()


GOOD, BAD, NONE = Count(0, TIMES), Count(TIMES, TIMES), Count(0, 0)
ENDS: dict[str, tuple[Callable[[Gateway], None], Count, Count]] = {
    "REST: answered": (rest("/good"), GOOD, GOOD),
    "REST: an error": (rest("/error"), BAD, BAD),
    "REST: the connection ended": (rest("/break"), BAD, BAD),
    "REST: the caller gave up": (rest("/silence", LIMIT), BAD, NONE),
    "REST: the caller gave up, and there was no connection yet": (rest("/full/silence", LIMIT), BAD, NONE),
    "REST: Envoy gave up": (rest("/limited/silence"), BAD, BAD),
    "gRPC: answered": (call("Calls/good"), GOOD, GOOD),
    "gRPC: an error": (call("Calls/error"), BAD, BAD),
    "gRPC: the caller cancelled": (cancelled_call, BAD, NONE),
    "gRPC: Envoy gave up": (call("Limited/silence"), BAD, BAD),
}


def is_asked_for(one: Series) -> bool:
    """As Prometheus would choose by the selector."""
    names = re.search('__name__=~"([^"]*)"', ENVOY.errors)
    assert names is not None
    return bool(re.fullmatch(names[1], one.labels["__name__"])) and "response_code_class" not in one.labels


def since(before: list[Series], after: list[Series], cancels: ClientCancels) -> Count:
    """What was counted between two looks, whichever of them a series was first seen in."""
    first, last = (counted(series, cancels) for series in (before, after))
    return Count(last.bad - first.bad, last.trials - first.trials)


def counted(series: list[Series], cancels: ClientCancels) -> Count:
    found = tally(filter(is_asked_for, series), ENVOY.identity_of, answers(ENVOY, cancels))
    return newest(found.get(HOST, {})).counts.get("", Count(0, 0))


@pytest.mark.parametrize(("send", "bad", "ignore"), ENDS.values(), ids=ENDS)
def test_each_request_counts_once(gateway: Gateway, send: Callable[[Gateway], None], bad: Count, ignore: Count) -> None:
    before = gateway.series()
    for _ in range(TIMES):
        send(gateway)
    after = gateway.series()
    assert since(before, after, ClientCancels.BAD) == bad
    assert since(before, after, ClientCancels.IGNORE) == ignore


@pytest.mark.parametrize("method", ["Calls/silence", "Calls/headers"])
def test_a_deadline_that_passes_is_never_counted_twice(gateway: Gateway, method: str) -> None:
    """The caller, Envoy and the server all know it, and each may be the first. Where the server answers some and the
    others end some, at least the larger part counts."""
    before = gateway.series()
    for _ in range(TIMES):
        call(method, LIMIT)(gateway)
    found = since(before, gateway.series(), ClientCancels.BAD)
    assert found.bad == found.trials
    assert TIMES / 2 <= found.bad <= TIMES


def test_who_waits_for_too_long_is_seen_while_waiting(gateway: Gateway) -> None:
    with ThreadPoolExecutor(TIMES) as callers:
        for _ in range(TIMES):
            callers.submit(rest("/silence", SCRAPE_TAKES + 2), gateway)
        first = gateway.series(waiting=TIMES)
        assert overdue_of(first) == {}
        time.sleep(SCRAPE_TAKES + LIMIT)  # to be old takes time
        assert overdue_of(first + gateway.series(waiting=TIMES)) == {HOST: TIMES}
    assert overdue_of(first + gateway.series()) == {}


def overdue_of(series: list[Series]) -> dict[str, int]:
    assert ENVOY.under_way is not None
    points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = defaultdict(list)
    for one in series:
        points[tuple(sorted(one.labels.items()))].extend(one.points)
    merged = [Series(dict(labels), tuple(found)) for labels, found in points.items()]
    return dict(overdue(merged, ENVOY, ENVOY.under_way, LIMIT / 2))


def test_it_shows_that_it_counts_them_before_there_are_any(gateway: Gateway) -> None:
    for _ in range(10):
        rest("/good")(gateway)
        call("Calls/good")(gateway)
    chosen = list(filter(is_asked_for, gateway.series()))
    assert ENVOY.uncounted(chosen, ClientCancels.BAD) == {}
    assert {one.labels["__name__"] for one in chosen} >= set(ENDED)
