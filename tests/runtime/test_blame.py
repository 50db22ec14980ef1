"""Whose failure it is: the version's when its server or its model does it twice, or says it itself; else nobody's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelrollout.core.observation import Workload
from modelrollout.runtime.workloads import workloads
from tests.runtime.test_workloads import EVICTED, FETCHED, LOADING, NO_NODE, SERVER_LOG, deployment, ended, pod

Object = dict[str, Any]
NODE_WENT_DOWN = {"terminated": {"exitCode": 255, "reason": "Unknown"}}


def at(second: int, code: int = 139) -> Object:
    """The end of a container at this second."""
    state = ended(code)
    state["terminated"]["finishedAt"] = f"2026-11-23T08:00:{second:02}Z"
    return state


def serving(restarts: int, last: Object | None = None, now: Object | None = None) -> Object:
    return {"state": now or {"running": {}}, "restartCount": restarts, **({"lastState": last} if last else {})}


def crashed(second: int, restarts: int = 1) -> Object:
    return pod(fetch=FETCHED, serving=serving(restarts, at(second)))


def beside(name: str, place: str, state: Object) -> Object:
    """A pod with one more container, of the user's own template or injected."""
    found = pod(fetch=FETCHED, serving=LOADING)
    found["status"][place] = [*found["status"][place], {"name": name, "ready": False, **state}]
    return found


def seen(*pods: Object, replicas: int = 1, ready: int = 0) -> Workload:
    return workloads([deployment(replicas, ready)], pods, [])["2.4.1187"]


NOBODYS: dict[str, list[Object]] = {
    "the server ended once and is started again": [crashed(1)],
    "the server ended once, just now": [pod(fetch=FETCHED, serving=serving(0, now=at(1)))],
    "the node was started again, many times": [pod(fetch=FETCHED, serving=serving(7, NODE_WENT_DOWN))],
    "the servers of two pods on one node ended at one moment": [crashed(1), crashed(3)],
    "a side car ends again and again": [beside("logger", "containerStatuses", serving(9, at(1)))],
    "an init container of the user's own ended": [beside("warm", "initContainerStatuses", {"state": at(1)})],
    "a fetcher was killed": [pod(fetch={"state": ended(137)})],
    "evicted": [EVICTED],
    "preempted": [
        pod(
            serving={"state": ended(143)},
            phase="Failed",
            conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
        )
    ],
    "its node is gone": [pod(serving={"state": ended(137)}, phase="Failed")],
    "no node has room for it": [pod(**NO_NODE)],
}


@pytest.mark.parametrize("pods", NOBODYS.values(), ids=NOBODYS)
def test_what_nobody_is_blamed_for(pods: list[Object]) -> None:
    found = seen(*pods, replicas=len(pods))
    assert found.failure is None
    assert found.waiting


ITS_OWN: dict[str, list[Object]] = {
    "the server ended twice": [crashed(1, restarts=2)],
    "the server ended a second time, just now": [pod(fetch=FETCHED, serving=serving(1, at(1), at(20)))],
    "the servers of two pods ended, one after the other": [crashed(1), crashed(20)],
    "the server says that it cannot load the model": [pod(fetch=FETCHED, serving={"state": ended(255, SERVER_LOG)})],
    "a fetcher was killed twice": [pod(fetch={"state": ended(137), "restartCount": 1})],
}


@pytest.mark.parametrize("pods", ITS_OWN.values(), ids=ITS_OWN)
def test_what_the_version_is_blamed_for(pods: list[Object]) -> None:
    assert seen(*pods, replicas=len(pods)).failure


def test_what_a_container_said_last_is_told_though_nobody_is_blamed() -> None:
    words = "container logger ended with exit code 139: Error; it is started again"
    assert seen(beside("logger", "containerStatuses", serving(1, at(1)))).waiting == words


BEGUN = "2026-11-23T08:00:00Z"
BEGUN_AT = 1795420800.0
FETCHING = {"state": {"running": {"startedAt": BEGUN}}}
AT_WORK: dict[str, tuple[list[Object], float | None]] = {
    "no pod yet": ([], None),
    "no node": ([pod(**NO_NODE)], None),
    "a volume is not there": ([pod(fetch={"state": {"waiting": {"reason": "PodInitializing"}}})], None),
    "the fetcher works": ([pod(fetch=FETCHING)], BEGUN_AT),
    "the server's image is not there": (
        [pod(fetch=FETCHED, serving={"state": {"waiting": {"reason": "ImagePullBackOff"}}})],
        None,
    ),
    "the server loads": ([pod(fetch=FETCHED, serving=FETCHING)], 0.0),
    "a side car does not come up": ([beside("logger", "containerStatuses", serving(9, at(1)))], None),
    "one loads, one has no node": ([pod(fetch=FETCHING), pod(**NO_NODE)], None),
    "all are ready": ([pod(fetch=FETCHED, serving=FETCHING, ready=True)], 0.0),
}


@pytest.mark.parametrize(("pods", "expected"), AT_WORK.values(), ids=AT_WORK)
def test_since_when_only_fetcher_and_server_are_waited_for(pods: list[Object], expected: float | None) -> None:
    assert seen(*pods).at_work_since == expected


@pytest.mark.parametrize(("cause", "away"), [("StoreAway", True), (None, False)], ids=["store away", "not there"])
def test_whether_only_the_store_was_away_is_the_fetchers_word(cause: str | None, away: bool) -> None:
    told = {"error": "https://models.example.com/m.tar.gz cannot be fetched"} | ({"cause": cause} if cause else {})
    found = seen(pod(fetch={"state": ended(1, json.dumps(told))}))
    assert (found.unfetched, found.store_away, found.failure) == (True, away, told["error"])
