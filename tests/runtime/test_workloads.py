"""What a Deployment, its pods and its Services say, in our words: a table of pods as Kubernetes shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelrollout.core.observation import Workload
from modelrollout.runtime.pods import last_error
from modelrollout.runtime.workloads import Refused, corrected, workloads

Object = dict[str, Any]
LABELS = {"modelrollout.dev/rollout": "fraud", "modelrollout.dev/version": "2.4.1187"}
DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def deployment(replicas: int = 1, ready: int = 0, **status: Any) -> Object:
    return {
        "metadata": {"name": "fraud-2-4-1187", "labels": LABELS, "annotations": {"modelrollout.dev/uri": "pvc://m/1"}},
        "spec": {"replicas": replicas},
        "status": {"readyReplicas": ready, **status},
    }


def pod(*, fetch: Object | None = None, serving: Object | None = None, ready: bool = False, **status: Any) -> Object:
    """A pod whose two containers are in these states."""
    return {
        "metadata": {"name": "fraud-2-4-1187-x", "labels": LABELS},
        "status": {
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "initContainerStatuses": [{"name": "fetch", "ready": False, **fetch}] if fetch else [],
            "containerStatuses": [{"name": "serving", "ready": ready, **serving}] if serving else [],
            **status,
        },
    }


def ended(code: int, message: str = "", reason: str = "Error") -> Object:
    return {"terminated": {"exitCode": code, "message": message, "reason": reason}}


FETCHED = {"state": ended(0, json.dumps({"digest": DIGEST}), "Completed")}
FETCHED_OTHER = {"state": ended(0, json.dumps({"digest": OTHER}), "Completed")}
LOADING: Object = {"state": {"running": {}}}
SERVER_LOG = """2026-11-23 08:00:00 I server_core.cc] Adding models
Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: {{{name: m version: 4}
 due to error: NOT_FOUND}, }
"""
SERVER_WORDS = (
    "container serving ended with exit code 255: Failed to start server. Error: UNKNOWN: 1 servable(s) did not "
    "become available: {{{name: m version: 4} due to error: NOT_FOUND}, }"
)
NO_NODE: Object = {
    "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient memory"}]
}
NO_CLAIM: Object = {  # the scheduler's own words
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "message": '0/1 nodes are available: persistentvolumeclaim "models" not found. not found',
        }
    ]
}
NO_PODS = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods=4"}
LOW = "pod fraud-2-4-1187-x: Evicted: The node was low on resource: memory."
EVICTED = pod(
    phase="Failed",
    reason="Evicted",
    message="The node was low on resource: memory.",
    fetch=FETCHED_OTHER,
    serving={"state": ended(137)},
)

PULL = 'rpc error: code = NotFound desc = failed to resolve reference "x:9": x:9: not found'
NOT_FOUND = 'image "x:9" cannot be pulled: failed to resolve reference "x:9": x:9: not found'
UNPULLED: dict[str, tuple[str, str, str]] = {
    "asked for": ("ErrImagePull", PULL, NOT_FOUND),
    "between two tries": ("ImagePullBackOff", f'Back-off pulling image "x:9": ErrImagePull: {PULL}', NOT_FOUND),
    "between two tries, by an older node": (
        "ImagePullBackOff",
        'Back-off pulling image "x:9"',
        'image "x:9" cannot be pulled',
    ),
    "from a registry that DNS does not know, by another port each time": (
        "ErrImagePull",
        "dial tcp: lookup a.example on 10.0.0.10:53: read udp [fd00::5]:47788->[fd00::a]:53: i/o timeout",
        'image "x:9" cannot be pulled: dial tcp: lookup a.example on 10.0.0.10:53: read udp [fd00::5]->[fd00::a]:53: '
        "i/o timeout",
    ),
    "no name of one": (
        "InvalidImageName",
        "couldn't parse image name",
        'image "x:9" cannot be pulled: InvalidImageName: couldn\'t parse image name',
    ),
    "never to be pulled": (
        "ErrImageNeverPull",
        "not present with pull policy of Never",
        'image "x:9" cannot be pulled: ErrImageNeverPull: not present with pull policy of Never',
    ),
}


def without_image(reason: str, message: str) -> Object:
    waiting = {"reason": reason, "message": message}
    return pod(fetch=FETCHED, serving={"image": "x:9", "state": {"waiting": waiting}})


# deployment, pods -> ready, digest, failure, waiting
CASES: dict[str, tuple[Object, list[Object], tuple[int, str | None, str | None, str | None]]] = {
    "nothing yet": (deployment(), [], (0, None, None, "its pods are being created")),
    "pods are refused": (
        deployment(conditions=[NO_PODS]),
        [],
        (0, None, None, "its pods cannot be created: exceeded quota: pods=4"),
    ),
    "a claim that does not exist, said once": (
        deployment(),
        [pod(**NO_CLAIM)],
        (0, None, None, 'no node for it: 0/1 nodes are available: persistentvolumeclaim "models" not found'),
    ),
    "no node": (deployment(), [pod(**NO_NODE)], (0, None, None, "no node for it: 0/3 nodes: Insufficient memory")),
    "being fetched": (deployment(), [pod(fetch=LOADING)], (0, None, None, "the model is being fetched")),
    "being loaded": (
        deployment(),
        [pod(fetch=FETCHED, serving=LOADING)],
        (0, DIGEST, None, "the model is being loaded"),
    ),
    **{
        f"no image: {name}": (deployment(), [without_image(reason, message)], (0, DIGEST, None, words))
        for name, (reason, message, words) in UNPULLED.items()
    },
    "starting": (
        deployment(),
        [pod(fetch={"state": {"waiting": {"reason": "PodInitializing"}}})],
        (0, None, None, "its pods are starting"),
    ),
    "ready": (deployment(ready=1), [pod(fetch=FETCHED, serving=LOADING, ready=True)], (1, DIGEST, None, None)),
    "the fetcher's words": (
        deployment(),
        [pod(fetch={"state": ended(1, json.dumps({"error": "pvc://m/1: there is no such folder"}))})],
        (0, None, "pvc://m/1: there is no such folder", None),
    ),
    "the fetcher's words while it is started again": (
        deployment(),
        [pod(fetch={"state": {"running": {}}, "lastState": ended(1, json.dumps({"error": "wrong digest"}))})],
        (0, None, "wrong digest", None),
    ),
    "a fetcher without words": (
        deployment(),
        [pod(fetch={"state": ended(137, "", "Error")})],
        (0, None, None, "container fetch ended with exit code 137: Error; it is started again"),
    ),
    "the server's words": (
        deployment(),
        [pod(fetch=FETCHED, serving={"state": ended(255, SERVER_LOG)})],
        (0, DIGEST, SERVER_WORDS, None),
    ),
    "the server's words between two tries": (
        deployment(),
        [
            pod(
                fetch=FETCHED,
                serving={"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": ended(255, SERVER_LOG)},
            )
        ],
        (0, DIGEST, SERVER_WORDS, None),
    ),
    "out of memory, twice": (
        deployment(),
        [pod(fetch=FETCHED, serving={"state": ended(137, "", "OOMKilled"), "restartCount": 1})],
        (0, DIGEST, "container serving ended with exit code 137: out of memory; raise its memory limit.", None),
    ),
    "ready, and not counted yet": (
        deployment(),
        [pod(fetch=FETCHED, serving=LOADING, ready=True)],
        (0, DIGEST, None, "its pods are ready, which Kubernetes is about to count"),
    ),
    "evicted, and no other yet": (deployment(), [EVICTED], (0, None, None, f"its pods are being created; {LOW}")),
    "evicted, and its successor is loading": (
        deployment(),
        [EVICTED, pod(fetch=FETCHED, serving=LOADING)],
        (0, DIGEST, None, "the model is being loaded"),
    ),
    "evicted, and its successor is ready": (
        deployment(ready=1),
        [EVICTED, pod(fetch=FETCHED, serving=LOADING, ready=True)],
        (1, DIGEST, None, None),
    ),
    "ended by the shutdown of its node": (
        deployment(2, 1),
        [
            pod(phase="Failed", reason="Terminated", message="imminent node shutdown", serving={"state": ended(137)}),
            pod(fetch=FETCHED, serving=LOADING, ready=True),
        ],
        (1, DIGEST, None, "its pods are being created; pod fraud-2-4-1187-x: Terminated: imminent node shutdown"),
    ),
    "ended by a deadline of the template": (
        deployment(),
        [pod(phase="Failed", reason="DeadlineExceeded", message="active longer than its deadline")],
        (0, None, "pod fraud-2-4-1187-x: DeadlineExceeded: active longer than its deadline", None),
    ),
    "came back after a crash": (
        deployment(ready=1),
        [pod(fetch=FETCHED, serving={"state": {"running": {}}, "lastState": ended(1, "boom")}, ready=True)],
        (1, DIGEST, None, None),
    ),
    "two of three": (
        deployment(3, 2),
        [pod(fetch=FETCHED, serving=LOADING, ready=True), pod(fetch=FETCHED, serving=LOADING)],
        (2, DIGEST, None, "the model is being loaded"),
    ),
    "one of three crashed": (
        deployment(3, 2),
        [pod(fetch=FETCHED, serving=LOADING, ready=True), pod(fetch=FETCHED, serving={"state": ended(1, "x error y")})],
        (2, DIGEST, None, "container serving ended with exit code 1: x error y; it is started again"),
    ),
    "more ready than wanted, while scaling down": (deployment(1, 3), [], (1, None, None, None)),
    "two digests under one version": (
        deployment(2, 2),
        [pod(fetch=FETCHED, ready=True), pod(fetch=FETCHED_OTHER, ready=True)],
        (2, min(DIGEST, OTHER), None, None),
    ),
}


@pytest.mark.parametrize(("one", "pods", "expected"), CASES.values(), ids=CASES)
def test_in_our_words(
    one: Object, pods: list[Object], expected: tuple[int, str | None, str | None, str | None]
) -> None:
    found = workloads([one], pods, [])["2.4.1187"]
    assert (found.ready, found.digest, found.failure, found.waiting) == expected
    assert found.uri == "pvc://m/1"


def test_what_a_registry_says_is_bounded_and_shown_in_one_line() -> None:
    words = "denied \x1b[31m\n" + "x" * 100_000
    fetch = {"state": {"waiting": {"reason": "ErrImagePull", "message": words}}}
    found = workloads([deployment()], [pod(fetch=fetch)], [])["2.4.1187"].waiting
    assert found is not None
    assert "cannot be pulled: denied \N{REPLACEMENT CHARACTER}[31m xxx" in found
    assert found.endswith("xxx...")
    assert len(found) < 2100


DISPLACED: dict[str, tuple[Object, list[Object], bool]] = {
    "deleted, and no other yet": (deployment(), [], True),
    "evicted, and no other yet": (deployment(), [EVICTED], True),
    "the one in its place has no node": (deployment(), [pod(**NO_NODE)], True),
    "the one in its place is fetching": (deployment(), [pod(fetch=LOADING)], True),
    "crashed": (deployment(), [pod(fetch=FETCHED, serving={"state": ended(255, SERVER_LOG)})], False),
    "its server ended once": (deployment(), [pod(fetch=FETCHED, serving={"state": ended(139)})], False),
    "it runs, and does not answer": (deployment(), [pod(fetch=FETCHED, serving=LOADING)], False),
    "one of two left": (deployment(2, 1), [pod(fetch=FETCHED, serving=LOADING, ready=True)], False),
}


@pytest.mark.parametrize(("one", "pods", "expected"), DISPLACED.values(), ids=DISPLACED)
def test_pods_that_were_taken_away_are_told_from_those_that_failed(
    one: Object, pods: list[Object], expected: bool
) -> None:
    [seen] = workloads([one], pods, []).values()
    assert seen.displaced is expected


def test_all_digests_that_were_fetched_are_seen() -> None:
    pods = [pod(fetch=FETCHED, ready=True), pod(fetch=FETCHED_OTHER, ready=True)]
    assert set(workloads([deployment(2, 2)], pods, [])["2.4.1187"].digests) == {DIGEST, OTHER}


def test_a_pod_that_is_being_deleted_does_not_count() -> None:
    leaving = pod(fetch={"state": ended(1, "boom")})
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    assert workloads([deployment()], [leaving], [])["2.4.1187"].failure is None


def test_pods_of_another_version_do_not_count() -> None:
    other = pod(fetch={"state": ended(1, "boom")})
    other["metadata"]["labels"] = {**LABELS, "modelrollout.dev/version": "9.9.9"}
    assert workloads([deployment()], [other], [])["2.4.1187"].failure is None


MADE = "2026-11-23T08:00:00Z"
MADE_AT = 1795420800.0


def service(split: str | None = None, version: str = "2.4.1187", **described: Any) -> Object:
    labels = {**LABELS, "modelrollout.dev/version": version} | ({"modelrollout.dev/split": split} if split else {})
    return {"metadata": {"labels": labels, "creationTimestamp": MADE, **described}, "spec": {}}


SERVICES: dict[str, tuple[list[Object], dict[str, float]]] = {
    "none yet": ([], {}),
    "one of an operator that knew no splits": ([service()], {"everybody": MADE_AT}),
    "one for each split": (
        [service("everybody"), service("matched", creationTimestamp="2026-11-23T08:00:03Z")],
        {"everybody": MADE_AT, "matched": MADE_AT + 3},
    ),
    "of another version": ([service("everybody", "9.9.9")], {}),
    "being deleted": ([service("preview", deletionTimestamp=MADE)], {}),
}


@pytest.mark.parametrize(("services", "expected"), SERVICES.values(), ids=SERVICES)
def test_since_when_there_is_a_service_for_each_split(services: list[Object], expected: dict[str, float]) -> None:
    assert workloads([deployment()], [], services)["2.4.1187"].services == expected


def test_since_when_there_is_a_deployment() -> None:
    one = deployment()
    assert workloads([one], [], [])["2.4.1187"].created_at == 0.0
    one["metadata"]["creationTimestamp"] = MADE
    assert workloads([one], [], [])["2.4.1187"].created_at == MADE_AT


@pytest.mark.parametrize("by_api_server", [True, False], ids=["refused", "not heard of"])
def test_objects_that_could_not_be_written_are_no_fault_of_a_version(by_api_server: bool) -> None:
    found = corrected(Workload("2.4.1187", 3, 3), Refused("no such field", by_api_server))
    assert (found.ready, found.failure, found.waiting) == (3, None, "no such field")
    assert (found.refused, found.is_ready) == (by_api_server, not by_api_server)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("a\nb\nc\nd", "b c d", id="no error: the last three lines"),
        pytest.param(
            "an error\nlater\nFailed to start:\n  an error\nso", "Failed to start: an error so", id="last error"
        ),
        pytest.param("Error: " + "x" * 700, "Error: " + "x" * 593 + "...", id="too long"),
    ],
)
def test_the_last_error_of_a_log(log: str, words: str) -> None:
    assert last_error(log) == words
