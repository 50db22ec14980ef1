"""What the operator says of itself: lines that name the rollout, and metrics that Prometheus can read."""

from __future__ import annotations

import asyncio
import json
import logging
import re

import pytest

from modelrollout.api.status import Status
from modelrollout.runtime.logs import JsonLines, TextLines, about
from modelrollout.runtime.telemetry import Telemetry


def record(message: str = "hello", **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("modelrollout.x", logging.WARNING, __file__, 1, message, (), None)
    made.__dict__.update(fields)
    return made


def test_a_line_names_the_rollout_that_it_is_about() -> None:
    with about(("prod", "fraud")):
        line = json.loads(JsonLines().format(record(reason="Promoted")))
    assert (line["rollout"], line["reason"], line["level"], line["message"]) == (
        "prod/fraud",
        "Promoted",
        "WARNING",
        "hello",
    )
    assert "rollout" not in json.loads(JsonLines().format(record()))


def test_passes_at_the_same_time_do_not_mix_their_names() -> None:
    async def one(name: str) -> str:
        with about(("prod", name)):
            await asyncio.sleep(0)
            return str(json.loads(JsonLines().format(record()))["rollout"])

    async def body() -> list[str]:
        return await asyncio.gather(*(one(name) for name in ("a", "b", "c")))

    assert asyncio.run(body()) == ["prod/a", "prod/b", "prod/c"]


def test_an_error_is_part_of_its_line() -> None:
    try:
        raise ValueError("boom")
    except ValueError as error:
        line = JsonLines().format(record(exc_info=(ValueError, error, error.__traceback__)))
    assert "\n" not in line
    assert "ValueError: boom" in json.loads(line)["error"]


def test_lines_for_a_terminal() -> None:
    with about(("prod", "fraud")):
        assert re.match(r"\d\d:\d\d:\d\d\.\d{3} WARNING prod/fraud +hello$", TextLines().format(record()))


def test_an_error_at_a_terminal_is_shown_and_nothing_else() -> None:
    try:
        raise ValueError("no \x1b[31mred\n12:00:00.000 INFO    prod/fraud           Promoted")
    except ValueError as error:
        text = TextLines().format(record(exc_info=(ValueError, error, error.__traceback__)))
    first, *others = text.split("\n")
    assert first.endswith(" hello")
    assert others[-2:] == [
        "  ValueError: no \N{REPLACEMENT CHARACTER}[31mred",
        "  12:00:00.000 INFO    prod/fraud           Promoted",
    ]
    assert all(line.startswith("  ") for line in others)


def counted_of(candidate: int, *splits: str) -> list[dict[str, object]]:
    """What is counted of an arm."""
    return [
        {
            "metric": "errors",
            "split": split,
            "verdict": "Undecided",
            "candidate": {"requests": candidate, "bad": 1},
            "stable": {"requests": 7301, "bad": 8},
            "evidence": 0.4,
        }
        for split in splits
    ]


STATUS = Status.model_validate(
    {
        "phase": "Progressing",
        "stable": {"version": "1.0.1", "uri": "u", "weight": 85},
        "trial": {
            "startedAt": 0,
            "strategy": "canary",
            "arms": [
                {"version": "1.0.2", "uri": "u", "weight": 10, "metrics": counted_of(812, "matched", "everybody")},
                {"version": "1.0.3", "uri": "u", "weight": 5, "metrics": counted_of(406, "everybody")},
            ],
            "alpha": {"total": 0.01, "left": 0.0087},
        },
    }
)
AFTERWARDS = Status.model_validate(
    {
        "phase": "Healthy",
        "stable": {"version": "1.0.2", "uri": "u", "weight": 100},
        "lastAnalysis": counted_of(812, "everybody"),
    }
)


def rendered() -> list[str]:
    telemetry = Telemetry()
    telemetry.passed("done", 0.02)
    telemetry.passed("done", 0.3)
    telemetry.passed("failed", 20)
    telemetry.wrote("status")
    telemetry.saw(("prod", "fraud"), STATUS)
    telemetry.gauge("modelrollout_queue_length", "Waiting.", lambda: 3)
    return telemetry.render().splitlines()


def test_every_line_is_in_the_text_format() -> None:
    sample = re.compile(r'[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+-]+')
    assert [line for line in rendered() if not line.startswith("# ") and not sample.fullmatch(line)] == []


def test_what_is_measured_can_be_read() -> None:
    who = 'namespace="prod",rollout="fraud"'
    assert {
        'modelrollout_passes_total{outcome="done"} 2',
        'modelrollout_passes_total{outcome="failed"} 1',
        'modelrollout_api_writes_total{object="status"} 1',
        'modelrollout_pass_duration_seconds_bucket{le="0.025"} 1',
        'modelrollout_pass_duration_seconds_bucket{le="0.5"} 2',
        'modelrollout_pass_duration_seconds_bucket{le="10.0"} 2',
        'modelrollout_pass_duration_seconds_bucket{le="+Inf"} 3',
        "modelrollout_pass_duration_seconds_count 3",
        "modelrollout_queue_length 3",
        f'modelrollout_phase{{{who},phase="Progressing"}} 1',
        f'modelrollout_weight{{{who},version="1.0.1",role="stable"}} 85',
        f'modelrollout_weight{{{who},version="1.0.2",role="candidate"}} 10',
        f'modelrollout_weight{{{who},version="1.0.3",role="candidate"}} 5',
        f"modelrollout_alpha_left{{{who}}} 0.0087",
        f'modelrollout_candidate_requests{{{who},version="1.0.2",metric="errors",split="matched"}} 812',
        f'modelrollout_candidate_requests{{{who},version="1.0.2",metric="errors",split="everybody"}} 812',
        f'modelrollout_candidate_requests{{{who},version="1.0.3",metric="errors",split="everybody"}} 406',
        f'modelrollout_stable_bad{{{who},version="1.0.3",metric="errors",split="everybody"}} 8',
        f'modelrollout_evidence{{{who},version="1.0.2",metric="errors",split="matched"}} 0.4',
        f'modelrollout_verdict{{{who},version="1.0.3",metric="errors",split="everybody",verdict="Undecided"}} 1',
    } <= set(rendered())


def test_a_rollout_that_is_gone_is_gone_here() -> None:
    telemetry = Telemetry()
    telemetry.saw(("prod", "fraud"), STATUS)
    telemetry.forget(("prod", "fraud"))
    assert "fraud" not in telemetry.render()


def test_after_the_end_of_a_trial_nothing_of_its_arms_is_left() -> None:
    telemetry = Telemetry()
    telemetry.saw(("prod", "fraud"), STATUS)
    telemetry.saw(("prod", "fraud"), AFTERWARDS)
    lines = [line for line in telemetry.render().splitlines() if 'rollout="fraud"' in line]
    assert [line for line in lines if not line.startswith("modelrollout_phase")] == [
        'modelrollout_weight{namespace="prod",rollout="fraud",version="1.0.2",role="stable"} 100'
    ]


def test_where_nothing_is_judged_nothing_is_risked() -> None:
    telemetry = Telemetry()
    assert STATUS.trial is not None
    unjudged = tuple(arm.model_copy(update={"metrics": ()}) for arm in STATUS.arms)
    trial = STATUS.trial.model_copy(update={"arms": unjudged})
    telemetry.saw(("prod", "fraud"), STATUS.model_copy(update={"trial": trial}))
    assert "modelrollout_alpha_left{" not in telemetry.render()


def test_no_series_is_given_twice() -> None:
    names = [line.rpartition(" ")[0] for line in rendered() if not line.startswith("# ")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("formatter", [JsonLines, TextLines])
def test_words_of_others_pose_as_no_other_line_and_move_no_cursor(formatter: type[logging.Formatter]) -> None:
    words = "its server said: \x1b[2J\n12:00:00 INFO prod/fraud Promoted"
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", (words,), None)
    text = formatter().format(record)
    assert text.count("\n") == 0
    assert "\x1b" not in text
    assert "Promoted" in text
