"""Counts over answers, on answers made by hand."""

import math

import pytest

from e2e.client import summary
from e2e.client.answer import Answer

ANSWERS = [
    Answer(at=0.0, seconds=0.010, status=200, version="1.0.0"),
    Answer(at=1.0, seconds=0.020, status=500, version="1.1.0"),
    Answer(at=2.0, seconds=0.030, status=200, version="1.1.0", finite=False),
    Answer(at=3.0, seconds=5.000, status=None, error="no answer within 5 s"),
    Answer(at=4.0, seconds=0.040, status=404, version="1.0.0"),
]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(len(summary.failures(ANSWERS)), 3, id="failures: 4xx, 5xx and no answer"),
        pytest.param(summary.window(ANSWERS, since=1.0, until=3.0), ANSWERS[1:3], id="window: since, not until"),
        pytest.param(summary.window(ANSWERS), ANSWERS, id="window without ends"),
        pytest.param(summary.shares(ANSWERS), {"-": 0.2, "1.0.0": 0.4, "1.1.0": 0.4}, id="shares"),
        pytest.param(summary.share(ANSWERS, "2.0.0"), 0.0, id="share of a version without answers"),
        pytest.param(summary.first_bad(ANSWERS), 1.02, id="first bad answer: when it ended"),
        pytest.param(summary.last_bad(ANSWERS), 8.0, id="last bad answer: when it was given up"),
        pytest.param(summary.last_bad(ANSWERS[:1]), None, id="no bad answer"),
        pytest.param(summary.first_answer_of(ANSWERS, "1.1.0"), 1.02, id="first answer of a version"),
        pytest.param(summary.last_answer_of(ANSWERS, "1.1.0"), 2.03, id="last answer of a version"),
        pytest.param(summary.last_answer_of(ANSWERS, "2.0.0"), None, id="no answer of a version"),
        pytest.param(summary.latency(ANSWERS, 0.5), 30.0, id="median"),
        pytest.param(summary.latency(ANSWERS, 0.99), 5000.0, id="p99 holds what was never answered"),
        pytest.param(summary.latency(ANSWERS, 0.0), 10.0, id="shortest"),
    ],
)
def test_count(value: object, expected: object) -> None:
    assert value == expected


def test_summary_line() -> None:
    line = str(summary.summarize(ANSWERS))
    assert line == ("5 requests, 3 failed, 1 not finite; - 20.0%, 1.0.0 40.0%, 1.1.0 40.0%; p50 30.0 ms, p99 5000.0 ms")


def test_nothing_was_sent() -> None:
    assert str(summary.summarize([])) == "0 requests, 0 failed, 0 not finite; no answers; p50 nan ms, p99 nan ms"
    assert math.isnan(summary.latency([], 0.5))
    assert summary.shares([]) == {}
