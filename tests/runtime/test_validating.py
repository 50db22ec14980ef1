"""Asking servers between passes: once for each question, again after a while where nothing was found out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from modelrollout.api.signature import Signature, Signatures
from modelrollout.core.validate.probed import Probed
from modelrollout.runtime import validating
from modelrollout.runtime.validating import AGAIN, Inquiry, Server, Validations

KEY = ("prod", "fraud")
SIGNATURES: Signatures = {"serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"})}
ASKED = Inquiry("prod", "fraud", "settings", Server("1.1.2", ("10.0.0.2",)), Server("1.0.1", ("10.0.0.1",)))
UNKNOWN, KNOWN = Probed(unread="no answer"), Probed(SIGNATURES, SIGNATURES)


class Servers:
    """Answers in order, the last one for ever; an exception is raised, and an Event is waited for."""

    def __init__(self, *answers: Probed | Exception | asyncio.Event) -> None:
        self.answers = list(answers)
        self.asked: list[Inquiry] = []
        self.now = 0.0

    async def ask(self, inquiry: Inquiry) -> Probed:
        self.asked.append(inquiry)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            return KNOWN
        assert isinstance(answer, Probed)
        return answer

    def validations(self) -> Validations:
        return Validations(lambda: self.now, self.ask)


def test_what_is_known_is_asked_once() -> None:
    async def body() -> None:
        servers = Servers(KNOWN)
        validations = servers.validations()
        for _ in range(3):
            assert await validations.of(KEY, ASKED) == KNOWN
            servers.now += 100
        assert len(servers.asked) == 1

    asyncio.run(body())


def test_what_could_not_be_found_out_is_asked_again_and_the_last_answer_stands_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(validating, "PATIENCE", 0.01)

    async def body() -> None:
        answered = asyncio.Event()
        servers = Servers(UNKNOWN, answered)
        validations = servers.validations()
        assert await validations.of(KEY, ASKED) == UNKNOWN
        assert await validations.of(KEY, ASKED) == UNKNOWN
        assert len(servers.asked) == 1
        servers.now += AGAIN
        assert await validations.of(KEY, ASKED) == UNKNOWN
        assert len(servers.asked) == 2
        answered.set()
        assert await validations.of(KEY, ASKED) == KNOWN

    asyncio.run(body())


def test_a_pass_does_not_wait_for_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validating, "PATIENCE", 0.01)

    async def body() -> None:
        servers = Servers(asyncio.Event())
        validations = servers.validations()
        assert await validations.of(KEY, ASKED) is None
        validations.keep_only(KEY, ())
        assert validations._questions == {}

    asyncio.run(body())


def test_other_settings_or_pods_are_another_question() -> None:
    async def body() -> None:
        servers = Servers(UNKNOWN, KNOWN)
        validations = servers.validations()
        assert await validations.of(KEY, ASKED) == UNKNOWN
        assert await validations.of(KEY, replace(ASKED, arm=Server("1.1.2", ("10.0.0.3",)))) == KNOWN
        assert await validations.of(KEY, replace(ASKED, settings="stricter")) == KNOWN
        assert len(servers.asked) == 3

    asyncio.run(body())


def test_a_fault_of_our_own_is_no_word_about_a_model() -> None:
    async def body() -> Probed | None:
        return await Servers(ValueError("broken")).validations().of(KEY, ASKED)

    assert asyncio.run(body()) == Probed(unread="the operator could not ask: broken")
