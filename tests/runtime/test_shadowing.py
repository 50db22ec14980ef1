"""The comparer as a pass sees it: why it cannot take copies yet, and what it has counted, without waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, PODS, SERVICES, Resource
from modelrollout.adapters.shadowed import NotSeen
from modelrollout.core.observation import SETTLE_SECONDS
from modelrollout.core.validate.disagreement import Flips
from modelrollout.core.validate.shadowed import Shadowed
from modelrollout.runtime import shadowing
from modelrollout.runtime.shadowing import AGAIN, Asked, Comparisons, Place, Seen, absence
from modelrollout.runtime.world import Snapshot

Object = dict[str, Any]

KEY = ("prod", "fraud")
ASKED = Asked((*KEY, "1800000000-1f2e3d4c"), "1.0.1", ("1.1.2",))
MADE, MADE_AT = "2026-11-23T08:00:00Z", 1795420800.0
NAME, STARTING = "fraud-shadow", "its comparer is being started"
NO_NODE = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: insufficient cpu"}
NOT_PULLED = {
    "name": "comparer",
    "image": "modelrollout:9",
    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
}


def deployment(generation: int = 2, observed: int = 2, updated: int = 1) -> Object:
    status = {"observedGeneration": observed, "updatedReplicas": updated}
    return {"metadata": {"name": NAME, "generation": generation}, "status": status}


def service() -> Object:
    return {"metadata": {"name": NAME, "creationTimestamp": MADE}}


def pod(ready: bool = True, component: str | None = "comparer", **more: Any) -> Object:
    labels = {"modelrollout.dev/component": component} if component else {"modelrollout.dev/version": "1.1.2"}
    conditions = [{"type": "Ready", "status": str(ready)}, *more.get("conditions", ())]
    status = {"conditions": conditions, "containerStatuses": more.get("containers", [])}
    return {"metadata": {"labels": labels, **more.get("metadata", {})}, "status": status}


def snapshot(*pods: Object, of: Object | None = None, reached: bool = True) -> Snapshot:
    objects: dict[Resource, dict[str, Object]] = {
        DEPLOYMENTS: {NAME: of} if of is not None else {},
        SERVICES: {NAME: service()} if reached else {},
        PODS: {f"pod-{number}": item for number, item in enumerate(pods)},
    }
    return Snapshot(objects)


GOING = {"deletionTimestamp": MADE}
RUNNING = {"name": "comparer", "state": {"running": {"startedAt": MADE}}}
ENDED = {"terminated": {"exitCode": 2, "message": "error: port 8501 is taken", "reason": "Error"}}
ABSENT: dict[str, tuple[Snapshot, str]] = {
    "nothing is made yet": (snapshot(reached=False), STARTING),
    "no Service": (snapshot(pod(), of=deployment(), reached=False), STARTING),
    "no pod": (snapshot(of=deployment()), STARTING),
    "its pod is of other settings": (snapshot(pod(), of=deployment(observed=1)), STARTING),
    "none of the new settings": (snapshot(pod(), of=deployment(updated=0)), STARTING),
    "only a model server is ready": (snapshot(pod(component=None), of=deployment()), STARTING),
    "it is about to go": (snapshot(pod(metadata=GOING), of=deployment()), STARTING),
    "it starts, or hangs": (
        snapshot(pod(ready=False, containers=[RUNNING]), of=deployment()),
        "its comparer runs, and is not ready",
    ),
    "the one before runs yet": (snapshot(pod(ready=False, containers=[RUNNING]), of=deployment(observed=1)), STARTING),
    "no node": (
        snapshot(pod(ready=False, conditions=[NO_NODE]), of=deployment()),
        f"no node for it: {NO_NODE['message']}",
    ),
    "no image": (
        snapshot(pod(ready=False, containers=[NOT_PULLED]), of=deployment()),
        'image "modelrollout:9" cannot be pulled: no such image',
    ),
    "it ends": (
        snapshot(
            pod(ready=False, containers=[{"name": "comparer", "ready": False, "lastState": ENDED}]), of=deployment()
        ),
        "container comparer ended with exit code 2: error: port 8501 is taken; it is started again",
    ),
}


@pytest.mark.parametrize(("seen", "words"), ABSENT.values(), ids=ABSENT)
def test_it_cannot_take_copies_yet(seen: Snapshot, words: str) -> None:
    said = absence(seen, "fraud", MADE_AT + 600)
    assert said is not None
    assert said.startswith("its comparer ")
    assert said.endswith(words)


def test_it_can_once_the_mesh_knows_its_service() -> None:
    there = snapshot(pod(), of=deployment())
    assert absence(there, "fraud", MADE_AT + 1) == "the mesh learns of its comparer"
    assert absence(there, "fraud", MADE_AT + SETTLE_SECONDS) is None


def counted(number: float) -> Mapping[str, Shadowed]:
    return {"1.1.2": Shadowed(Flips(number, 0, 0, 0))}


class Counters:
    """Answers in order, the last one for ever; an exception is raised, and an Event is waited for."""

    def __init__(self, *answers: Mapping[str, Shadowed] | Exception | asyncio.Event) -> None:
        self.answers = list(answers)
        self.asked: list[Place] = []
        self.now = 0.0

    async def ask(self, place: Place, control: str, arms: Collection[str]) -> Mapping[str, Shadowed]:
        self.asked.append(place)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            return counted(7)
        return answer

    def comparisons(self) -> Comparisons:
        return Comparisons(lambda: self.now, self.ask)


def test_the_newest_answer_stands_while_the_next_one_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "PATIENCE", 0.01)

    async def body() -> None:
        answered = asyncio.Event()
        counters = Counters(counted(3), answered)
        comparisons = counters.comparisons()
        for _ in range(3):
            assert await comparisons.of(KEY, ASKED) == Seen(counted(3))
        assert len(counters.asked) == 1
        counters.now += AGAIN
        assert await comparisons.of(KEY, ASKED) == Seen(counted(3))
        await asyncio.sleep(0)
        assert len(counters.asked) == 2
        answered.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await comparisons.of(KEY, ASKED) == Seen(counted(7))

    asyncio.run(body())


def test_a_pass_does_not_wait_for_a_prometheus_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "PATIENCE", 0.01)

    async def body() -> None:
        comparisons = Counters(asyncio.Event()).comparisons()
        seen = await comparisons.of(KEY, ASKED)
        assert seen == Seen(trouble="Prometheus has not said yet what its comparer has counted")
        comparisons.forget(KEY)
        assert comparisons._questions == {}

    asyncio.run(body())


def test_another_comparer_is_another_question() -> None:
    async def body() -> None:
        counters = Counters(counted(3), counted(0))
        comparisons = counters.comparisons()
        assert await comparisons.of(KEY, ASKED) == Seen(counted(3))
        other = Asked((*KEY, "1800000000-other"), "1.0.1", ("1.1.2",))
        assert await comparisons.of(KEY, other) == Seen(counted(0)), "what the one before has counted says nothing here"

    asyncio.run(body())


TROUBLES = {
    "not scraped": (NotSeen("Prometheus has no sample of its comparer"), "Prometheus has no sample of its comparer"),
    "a fault of our own": (ValueError("broken"), "its comparer could not be read: broken"),
}


@pytest.mark.parametrize(("error", "words"), TROUBLES.values(), ids=TROUBLES)
def test_what_cannot_be_read_is_no_word_about_a_model(error: Exception, words: str) -> None:
    async def body() -> Seen:
        return await Counters(error).comparisons().of(KEY, ASKED)

    assert asyncio.run(body()) == Seen(trouble=words)
