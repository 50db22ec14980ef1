"""How a spec's check goes on between passes, and how long its answer stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from modelrollout.adapters.cluster import ApiError
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime import inquiry
from modelrollout.runtime.inquiry import STANDS_FOR, Inquiries

TAKEN = Refusal(Reason.HOST_TAKEN, "spec.traffic.hosts: taken")


@dataclass
class Cluster:
    """Answers what is put into ``answers``, one for each question; no answer until then."""

    answers: asyncio.Queue[Refusal | Exception | None] = field(default_factory=asyncio.Queue)
    asked: list[int] = field(default_factory=list)
    now: float = 0.0

    async def refusal(self, rollout: ModelRollout, spec: Spec) -> Refusal | None:
        self.asked.append(rollout.generation)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def clock(self) -> float:
        return self.now


def rollout(generation: int = 1, weight: int = 0) -> ModelRollout:
    """With two arms, of which one has this weight."""
    arms = [
        {"version": version, "uri": f"https://x.example/{version}.tar.gz", "weight": share}
        for version, share in (("1.0.1", 0), ("1.0.2", weight))
    ]
    trial = {"startedAt": "2026-11-23T08:00:00Z", "strategy": "canary", "arms": arms}
    return ModelRollout.from_json(
        {
            "metadata": {"name": "fraud", "namespace": "prod", "uid": "u", "generation": generation},
            "spec": {
                "model": {"name": "fraud", "version": "1.0.3", "uri": "https://x.example/3.tar.gz"},
                "traffic": {"hosts": ["fraud"]},
                "strategy": {"canary": {"steps": [{"setWeight": 10, "for": "1m"}]}},
            },
            "status": {"trial": trial},
        }
    )


def play(story: Callable[[Cluster, Callable[..., Awaitable[Refusal | None]]], Awaitable[None]]) -> None:
    """``story`` gets the cluster, and what a pass asks."""

    async def body() -> None:
        cluster = Cluster()
        inquiries = Inquiries(cluster, cluster.clock)  # type: ignore[arg-type]  # all that is asked of it

        async def ask(**of: int) -> Refusal | None:
            one = rollout(**of)
            assert isinstance(one.spec, Spec)
            return await inquiries.refusal(one, one.spec)

        await story(cluster, ask)

    asyncio.run(body())


def test_while_an_arm_has_requests_no_pass_waits_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "PATIENCE", 0.01)

    async def story(cluster: Cluster, ask: Callable[..., Awaitable[Refusal | None]]) -> None:
        for _ in range(3):
            refusal = await ask(weight=10)
            assert refusal is not None
            assert refusal.reason is Reason.NOT_CHECKED
        assert cluster.asked == [1], "the first question is still open"
        cluster.answers.put_nowait(None)
        await asyncio.sleep(0)
        assert await ask(weight=10) is None

    play(story)


def test_a_refusal_stands_for_a_while_and_falls_with_the_spec() -> None:
    async def story(cluster: Cluster, ask: Callable[..., Awaitable[Refusal | None]]) -> None:
        cluster.answers.put_nowait(TAKEN)
        assert [await ask() for _ in range(3)] == [TAKEN] * 3
        assert cluster.asked == [1]
        cluster.now += STANDS_FOR
        cluster.answers.put_nowait(TAKEN)
        assert await ask() == TAKEN
        assert cluster.asked == [1, 1], "the host may be free by now"
        cluster.answers.put_nowait(None)
        assert await ask(generation=2) is None
        assert cluster.asked == [1, 1, 2]

    play(story)


def test_a_newer_spec_ends_the_question_about_the_older(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "PATIENCE", 0.01)

    async def story(cluster: Cluster, ask: Callable[..., Awaitable[Refusal | None]]) -> None:
        await ask(weight=10)
        cluster.answers.put_nowait(TAKEN)
        assert await ask(generation=2) == TAKEN
        assert cluster.asked == [1, 2]

    play(story)


def test_what_could_not_be_asked_is_asked_again() -> None:
    async def story(cluster: Cluster, ask: Callable[..., Awaitable[Refusal | None]]) -> None:
        cluster.answers.put_nowait(ApiError(500, "etcd is away (HTTP 500)"))
        words = "the spec could not be checked, trying again: etcd is away (HTTP 500)"
        assert await ask() == Refusal(Reason.NOT_CHECKED, words)
        cluster.answers.put_nowait(None)
        assert await ask() is None

    play(story)


def test_a_refusal_stands_while_it_is_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "PATIENCE", 0.01)

    async def story(cluster: Cluster, ask: Callable[..., Awaitable[Refusal | None]]) -> None:
        cluster.answers.put_nowait(TAKEN)
        for _ in range(10):
            assert await ask(weight=10) == TAKEN, "each other answer would be one more status and one more Event"
            cluster.now += STANDS_FOR
        cluster.answers.put_nowait(ApiError(500, "etcd is away (HTTP 500)"))
        await asyncio.sleep(0)
        assert [await ask(weight=10) for _ in range(3)] == [TAKEN] * 3
        cluster.now += STANDS_FOR
        cluster.answers.put_nowait(None)
        assert await ask(weight=10) is None

    play(story)
