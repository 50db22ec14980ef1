"""What comes of copies: which answers are compared, and what is counted of them. Over real HTTP."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiohttp import web

from modelrollout.comparison.tally import Tally
from tests.comparison.stage import ARM, CONTROL, OTHER, Rows, Stage, alternating, play, saying, scoring

YES, NO = scoring(0.1, 0.9), scoring(0.9, 0.1)


def failing(status: int) -> Rows:
    return lambda _: web.json_response({"error": "so the test says"}, status=status)


def hanging(_: list[Any]) -> Any:
    return asyncio.sleep(30, web.Response())


def test_versions_that_decide_the_same_are_no_difference() -> None:
    async def story(stage: Stage) -> None:
        await stage.ask(times=3)
        assert await stage.counted("received_total", protocol="rest") == 3
        for version in (CONTROL, ARM):
            assert await stage.counted("answers_total", version=version, outcome="ok") == 3
            assert await stage.counted("latency_seconds_count", version=version) == 3
        assert await stage.counted("compared_total", version=ARM) == 3
        assert await stage.counted("different_total", version=ARM) == 0
        assert [len(model.asked) for model in stage.models.values()] == [3, 3]

    play(story, YES, scoring(0.3, 0.7))


def test_each_arm_is_compared_for_itself() -> None:
    async def story(stage: Stage) -> None:
        await stage.ask(times=2)
        assert await stage.counted("different_total", version=ARM) == 0
        assert await stage.counted("different_total", version=OTHER) == 2
        assert await stage.counted("differences_total", version=OTHER, kind="Value") == 2
        assert await stage.counted("compared_total", version=CONTROL) == 0

    play(story, YES, YES, NO)


def test_a_request_weighs_one_however_many_rows_it_has() -> None:
    def every_fourth(rows: list[Any]) -> Any:
        return {"predictions": [[0.9, 0.1] if index % 4 == 0 else [0.1, 0.9] for index in range(len(rows))]}

    async def story(stage: Stage) -> None:
        await stage.ask(rows=8)
        assert await stage.counted("compared_total", version=ARM) == 1
        assert await stage.counted("different_total", version=ARM) == 0.25
        assert await stage.counted("repeated_total", version=ARM, by="Always") == 0.25

    play(story, YES, every_fourth)


@pytest.mark.parametrize("noise", [0, 100], ids=["without noise", "in the noise sample"])
def test_what_differs_is_asked_again(noise: int) -> None:
    async def story(stage: Stage) -> None:
        await stage.ask()
        assert await stage.counted("different_total", version=ARM) == 1
        assert await stage.counted("repeated_total", version=ARM, by="Once") == 1
        assert await stage.counted("repeated_total", version=ARM, by="Always") == 1
        assert {version: len(model.asked) for version, model in stage.models.items()} == {CONTROL: 3, ARM: 2, OTHER: 1}
        assert await stage.counted("answers_total", version=ARM, outcome="ok") == 1

    play(story, YES, NO, YES, noiseSample=noise)


def test_the_noise_is_what_control_differs_from_itself_by() -> None:
    async def story(stage: Stage) -> None:
        await stage.ask(times=5)
        assert await stage.counted("compared_total", version=CONTROL) == 5
        assert await stage.counted("different_total", version=CONTROL) == 5
        assert await stage.counted("answers_total", version=CONTROL, outcome="ok") == 5

    play(story, alternating({"predictions": [[0, 1]]}, {"predictions": [[1, 0]]}), YES, noiseSample=100)


GOOD = {"predictions": [[0.1, 0.9]]}
# What control and arm say -> the outcome of both, why nothing is compared
EXCLUDED: dict[str, tuple[Rows, Rows, str, str, str]] = {
    "control fails": (failing(500), YES, "failed", "ok", "ControlFailed"),
    "both fail": (failing(500), failing(500), "failed", "failed", "ControlFailed"),
    "both refuse": (failing(400), failing(400), "refused", "refused", "ControlRefused"),
    "control refuses": (failing(404), YES, "refused", "ok", "ControlRefused"),
    "control is busy": (failing(429), YES, "failed", "ok", "ControlFailed"),
    "the arm fails": (YES, failing(503), "ok", "failed", "ArmFailed"),
    "the arm refuses what users are answered": (YES, failing(400), "ok", "failed", "ArmFailed"),
    "the arm sends elsewhere": (YES, failing(302), "ok", "failed", "ArmFailed"),
    "control is no JSON": (lambda _: web.Response(text="{"), YES, "ok", "ok", "ControlUnreadable"),
    "control is not finite": (scoring(0.1, float("nan")), YES, "ok", "ok", "ControlUnreadable"),
}


@pytest.mark.parametrize(("control", "arm", "ours", "theirs", "reason"), EXCLUDED.values(), ids=EXCLUDED)
def test_what_cannot_be_compared_has_its_reason(control: Rows, arm: Rows, ours: str, theirs: str, reason: str) -> None:
    async def story(stage: Stage) -> None:
        await stage.ask()
        assert await stage.counted("answers_total", version=CONTROL, outcome=ours) == 1
        assert await stage.counted("answers_total", version=ARM, outcome=theirs) == 1
        assert await stage.counted("excluded_total", version=ARM, reason=reason) == 1
        assert await stage.counted("compared_total", version=ARM) == 0

    play(story, control, arm)


DIFFERENT: dict[str, tuple[Rows, str]] = {
    "another class": (NO, "Value"),
    "not a number": (scoring(0.1, float("nan")), "NotFinite"),
    "infinite": (scoring(0.1, float("inf")), "NotFinite"),
    "one score more": (scoring(0.1, 0.1, 0.9), "Shape"),
    "one row more": (saying({"predictions": [[0.1, 0.9], [0.1, 0.9]]}), "Shape"),
    "outputs by name": (saying({"predictions": [{"scores": [0.1, 0.9], "class": 1}]}), "Shape"),
    "no JSON": (lambda _: web.Response(text="<html>"), "Unreadable"),
    "nothing": (saying({}), "Unreadable"),
    "too much": (lambda _: web.Response(body=b"[" * 5_000_000), "Unreadable"),
}


@pytest.mark.parametrize(("arm", "kind"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_good_looking_answer_that_is_none_differs(arm: Rows, kind: str) -> None:
    async def story(stage: Stage) -> None:
        await stage.ask()
        assert await stage.counted("compared_total", version=ARM) == 1
        assert await stage.counted("different_total", version=ARM) == 1
        assert await stage.counted("differences_total", version=ARM, kind=kind) == 1
        assert await stage.counted("answers_total", version=ARM, outcome="ok") == 1

    play(story, YES, arm)


def test_a_server_that_hangs_has_its_time_and_is_counted_with_it() -> None:
    async def story(stage: Stage) -> None:
        await stage.ask()
        assert await stage.counted("answers_total", version=ARM, outcome="failed") == 1
        assert await stage.counted("latency_seconds_sum", version=ARM) == 0.3

    play(story, YES, hanging, timeout="300ms")


def test_scores_are_told_for_each_version() -> None:
    async def story(stage: Stage) -> None:
        await stage.ask(rows=2)
        await stage.ask(rows=1)
        assert await stage.counted("scores_count", version=CONTROL) == 3
        assert await stage.counted("scores_sum", version=CONTROL) == pytest.approx(2.7)
        assert await stage.counted("scores_sum", version=ARM) == pytest.approx(2.1)
        assert await stage.counted("score_fallen_total", version=ARM) == pytest.approx(0.6)
        assert await stage.counted("score_risen_total", version=ARM) == 0
        assert await stage.counted("scores_bucket", version=ARM, le="0.7") == 3
        assert await stage.counted("scores_bucket", version=ARM, le="0.65") == 0

    play(story, YES, scoring(0.3, 0.7))


def test_a_fault_of_ours_is_told_without_what_was_answered(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("alice")

    async def story(stage: Stage) -> None:
        monkeypatch.setattr(Tally, "count", broken)
        running = asyncio.create_task(stage.comparer.replays.run())
        assert await stage.post({"instances": [["alice"]]}) == 202
        async with asyncio.timeout(60):
            while not caplog.records:  # noqa: ASYNC110  # the log is all that is seen
                await asyncio.sleep(0.01)
        running.cancel()

    play(story, scoring(0.1, 0.9), scoring(0.1, 0.9))
    assert "was not compared: ValueError in " in caplog.text
    assert "alice" not in caplog.text


def test_all_series_begin_at_nothing() -> None:
    async def story(stage: Stage) -> None:
        found = await stage.metrics()
        started = found.pop("modelrollout_shadow_start_time_seconds{}")
        assert time.time() - 60 < started <= time.time(), "but it is known since when"
        assert set(found.values()) == {0}
        assert f'modelrollout_shadow_different_total{{version="{ARM}"}}' in found

    play(story, YES, YES)
