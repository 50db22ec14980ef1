"""How long model servers take to load, as the kubelet tells it."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.core.observation import Workload
from modelrollout.runtime.workloads import workloads
from tests.runtime.test_workloads import FETCHED, LOADING, deployment, pod

Object = dict[str, Any]
AT = "2026-11-23T08:00:{:02}Z"
EPOCH = 1795420800.0


def server(began: int) -> Object:
    return {"state": {"running": {"startedAt": AT.format(began)}}}


def ready(began: int, since: int) -> Object:
    found = pod(fetch=FETCHED, serving=server(began), ready=True)
    stamp = {"type": "Ready", "status": "True", "lastTransitionTime": AT.format(since)}
    found["status"]["conditions"] = [stamp]
    return found


def seen(*pods: Object) -> Workload:
    answering = sum(any(item["status"] == "True" for item in one["status"].get("conditions", ())) for one in pods)
    return workloads([deployment(len(pods), answering)], pods, [])["2.4.1187"]


CASES: dict[str, tuple[list[Object], float | None, float | None]] = {
    "no pod": ([], None, None),
    "the model is fetched": ([pod(fetch={"state": {"running": {"startedAt": AT.format(1)}}})], None, None),
    "it loads": ([pod(fetch=FETCHED, serving=server(7))], EPOCH + 7, None),
    "the first of two": (
        [pod(fetch=FETCHED, serving=server(9)), pod(fetch=FETCHED, serving=server(4))],
        EPOCH + 4,
        None,
    ),
    "it is there": ([ready(7, 20)], None, 13.0),
    "the slowest of two": ([ready(7, 20), ready(7, 12)], None, 13.0),
    "one is there": ([ready(7, 20), pod(fetch=FETCHED, serving=server(9))], EPOCH + 9, 13.0),
    "the kubelet does not say": ([pod(fetch=FETCHED, serving={"state": {"running": {}}})], None, None),
    "clocks that were set": ([ready(20, 7)], None, 0.0),
    "a server that waits to be started again": ([pod(fetch=FETCHED, serving=LOADING)], None, None),
}


@pytest.mark.parametrize(("pods", "since", "took"), CASES.values(), ids=CASES)
def test_what_the_kubelet_says(pods: list[Object], since: float | None, took: float | None) -> None:
    found = seen(*pods)
    assert (found.loading_since, found.load_seconds) == (since, took)
