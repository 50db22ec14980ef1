"""Why a pod does not start, where only its Events say it; and that nobody reads Events of pods that are ready."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modelrollout.adapters.cluster import EVENTS, ApiError, Cluster, Resource
from modelrollout.core.observation import Workload
from modelrollout.runtime.pods import STARTING
from modelrollout.runtime.troubles import AGAIN, MOST, Troubles, telling
from modelrollout.runtime.workloads import workloads
from tests.kubernetes import Kubernetes
from tests.runtime.test_workloads import FETCHED, LOADING, NO_NODE, deployment, pod

Object = dict[str, Any]
VERSION = "2.4.1187"
NO_CONFIG = 'MountVolume.SetUp failed for volume "features" : configmap "features" not found'
TOO_LONG = "Unable to attach or mount volumes: unmounted volumes=[features]: timed out waiting for the condition"
MULTI_ATTACH = 'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) fraud-1-0-1-x'
SANDBOX = f'Failed to create pod sandbox: failed to setup network for sandbox "{"0af3" * 16}": no route'


def event(minute: int, reason: str, message: str, kind: str = "Warning") -> Object:
    return {"type": kind, "reason": reason, "message": message, "lastTimestamp": f"2026-11-23T08:{minute:02}:00Z"}


SCHEDULED = event(0, "Scheduled", "Successfully assigned prod/x to node-1", "Normal")
SAID: dict[str, tuple[list[Object], str | None]] = {
    "nothing": ([], None),
    "all went well so far": ([SCHEDULED], None),
    "a ConfigMap is missing": ([SCHEDULED, event(1, "FailedMount", NO_CONFIG)], f"FailedMount: {NO_CONFIG}"),
    "what follows a cause is no cause": (
        [SCHEDULED, event(1, "FailedMount", NO_CONFIG), event(3, "FailedMount", TOO_LONG)],
        f"FailedMount: {NO_CONFIG}",
    ),
    "there is nothing better": ([event(3, "FailedMount", TOO_LONG)], f"FailedMount: {TOO_LONG}"),
    "a disk is elsewhere": ([event(1, "FailedAttachVolume", MULTI_ATTACH)], f"FailedAttachVolume: {MULTI_ATTACH}"),
    "the same words for each try": (
        [event(1, "FailedCreatePodSandBox", SANDBOX)],
        'FailedCreatePodSandBox: Failed to create pod sandbox: failed to setup network for sandbox "...": no route',
    ),
    "the same words for each port": (
        [event(1, "FailedMount", "read tcp 10.0.0.5:47788->10.0.0.9:2049: timed out")],
        "FailedMount: read tcp 10.0.0.5->10.0.0.9:2049: timed out",
    ),
    "what is over is not told": (
        [event(1, "FailedMount", NO_CONFIG), event(2, "Pulled", "already present", "Normal")],
        None,
    ),
    "a large image": ([SCHEDULED, event(1, "Pulling", 'Pulling image "x:1"', "Normal")], 'Pulling image "x:1"'),
    "a time of another kind": (
        [{**event(1, "FailedMount", NO_CONFIG), "lastTimestamp": None, "eventTime": "2026-11-23T08:01:00.000000Z"}],
        f"FailedMount: {NO_CONFIG}",
    ),
}


@pytest.mark.parametrize(("events", "words"), SAID.values(), ids=SAID)
def test_the_event_that_says_why(events: list[Object], words: str | None) -> None:
    assert telling(reversed(events)) == words


class Book:
    """A cluster of Events, which counts how often it is read."""

    def __init__(self, *events: Object, error: ApiError | None = None) -> None:
        self.events, self.error = events, error
        self.asked: list[tuple[Resource, str, str, int]] = []

    async def page(self, resource: Resource, namespace: str, fields: dict[str, str], most: int) -> list[Object]:
        self.asked.append((resource, namespace, fields["involvedObject.uid"], most))
        if self.error is not None:
            raise self.error
        return list(self.events)


NOT_STARTED = pod(fetch={"state": {"waiting": {"reason": "ContainerCreating"}}})
NOT_STARTED["metadata"] |= {"uid": "u-1", "namespace": "prod"}


class Scene:
    def __init__(self, book: Book) -> None:
        self.book, self.now = book, 100.0
        self.troubles = Troubles(book, lambda: self.now)  # type: ignore[arg-type]  # all that is asked of it

    def told(self, *pods: Object, ready: int = 0) -> Workload:
        known = workloads([deployment(1, ready)], pods, [])
        told = asyncio.run(self.troubles.told(known.values(), pods))
        return (known | told)[VERSION]


def test_it_is_in_the_words_of_the_version() -> None:
    scene = Scene(Book(event(1, "FailedMount", NO_CONFIG)))
    assert scene.told(NOT_STARTED).waiting == f"its pods are starting: FailedMount: {NO_CONFIG}"
    assert scene.book.asked == [(EVENTS, "prod", "u-1", MOST)]


@pytest.mark.parametrize(
    ("one", "ready"),
    [
        pytest.param(pod(fetch=FETCHED, serving=LOADING, ready=True), 1, id="ready"),
        pytest.param(pod(fetch=FETCHED, serving=LOADING), 0, id="the model is being loaded"),
        pytest.param(pod(**NO_NODE), 0, id="it says itself that no node has room"),
    ],
)
def test_nothing_is_read_of_a_pod_that_needs_none(one: Object, ready: int) -> None:
    scene = Scene(Book(event(1, "FailedMount", NO_CONFIG)))
    scene.told(one, ready=ready)
    assert scene.book.asked == []


def test_however_many_passes_there_are_it_is_read_every_few_seconds() -> None:
    scene = Scene(Book(event(1, "FailedMount", NO_CONFIG)))
    for _ in range(20):
        assert NO_CONFIG in str(scene.told(NOT_STARTED).waiting)
        scene.now += AGAIN / 10
    assert len(scene.book.asked) == 2


def test_an_installation_that_may_not_read_them_says_less() -> None:
    """Its chart is older than its operator."""
    scene = Scene(Book(error=ApiError(403, "events is forbidden")))
    assert scene.told(NOT_STARTED).waiting == STARTING


NO_SECRET = "Unable to retrieve some image pull secrets (ours, theirs); attempting to pull the image may not succeed."
DENIED = "pull access denied"
UNPULLED = pod(
    fetch=FETCHED,
    serving={"image": "x:9", "state": {"waiting": {"reason": "ErrImagePull", "message": DENIED}}},
)
UNPULLED["metadata"] |= {"uid": "u-1", "namespace": "prod"}
PULLS: dict[str, tuple[list[Object], str]] = {
    "without the Secrets that it takes": (
        [event(1, "FailedToRetrieveImagePullSecret", NO_SECRET), event(2, "Failed", f"Failed to pull: {DENIED}")],
        f'image "x:9" cannot be pulled: {DENIED}; secret "ours" not found; secret "theirs" not found',
    ),
    "though all Secrets are there": ([event(2, "Failed", DENIED)], f'image "x:9" cannot be pulled: {DENIED}'),
}


@pytest.mark.parametrize(("events", "words"), PULLS.values(), ids=PULLS)
def test_an_image_that_cannot_be_pulled(events: list[Object], words: str) -> None:
    assert Scene(Book(*events)).told(UNPULLED).waiting == words


def test_a_missing_pull_secret_is_told_before_the_pull_has_failed() -> None:
    """A pull may take half a minute to fail, and the kubelet has said why before it."""
    began = event(1, "Pulling", 'Pulling image "x:9"', "Normal")
    told = Scene(Book(event(1, "FailedToRetrieveImagePullSecret", NO_SECRET), began)).told(NOT_STARTED).waiting
    assert told is not None
    assert told.startswith("its pods are starting: FailedToRetrieveImagePullSecret: ")
    assert told.endswith('; secret "ours" not found; secret "theirs" not found')


def test_a_pull_that_goes_on_without_them_is_no_trouble() -> None:
    later = event(2, "Pulling", 'Pulling image "x:9"', "Normal")
    told = Scene(Book(event(1, "FailedToRetrieveImagePullSecret", NO_SECRET), later)).told(NOT_STARTED).waiting
    assert told == 'its pods are starting: Pulling image "x:9"'


@pytest.mark.apiserver
def test_the_events_of_one_pod_are_found_by_its_uid(kubernetes: Kubernetes) -> None:
    namespace = kubernetes.namespace()

    async def body(cluster: Cluster) -> None:
        for uid in ("u-1", "u-2"):
            about = {"kind": "Pod", "name": "x", "namespace": namespace, "uid": uid}
            described = {"name": f"x.{uid}", "namespace": namespace}
            await cluster.create(
                EVENTS, {"metadata": described, "involvedObject": about, **event(1, "FailedMount", uid)}
            )
        [found] = await cluster.page(EVENTS, namespace, {"involvedObject.uid": "u-2"}, MOST)
        assert found["message"] == "u-2"

    kubernetes.run(body)
