"""Every reason for which a reward is not counted: the status, the word, and a sentence that says what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rewards.stage import NOW, SEGMENT, Stage, decision, play, reward

BEFORE, AFTER = int(NOW) - 86400, int(NOW) + 300

# What is sent -> status, reason, words of the sentence
REFUSED: dict[str, tuple[object, int, str, str]] = {
    "no JSON": (b"reward=1", 400, "Malformed", "the body is not JSON"),
    "nothing": (b"", 400, "Malformed", "the body is not JSON"),
    "no text": (b"\xff\xfe", 400, "Malformed", "the body is not JSON"),
    "brackets without end": (b"[" * 100_000, 400, "Malformed", "the body is not JSON"),
    "a number": (b"1", 400, "Malformed", '{"decision": "...", "reward": 1}'),
    "no decision": ({"reward": 1}, 400, "Malformed", "its decision is a string"),
    "a decision that is no string": ({"decision": 7, "reward": 1}, 400, "Malformed", "its decision is a string"),
    "no reward": ({"decision": decision()}, 400, "Malformed", "reward is missing"),
    "six fields": ({"decision": "a/b/1/v/s/2", "reward": 1}, 400, "Malformed", "is not NAMESPACE/ROLLOUT/EPOCH"),
    "an empty field": (reward(version=""), 400, "Malformed", "send back x-model-decision as it came"),
    "an epoch that is no number": (reward(epoch="seven"), 400, "Malformed", "the epoch of decision"),
    "digits of another script": (reward(epoch="٧"), 400, "Malformed", "no whole number"),
    "a time with a fraction": (reward(at="1764183540.5"), 400, "Malformed", "the time of decision"),
    "a time before all times": (reward(at=-5), 400, "Malformed", "the time of decision"),
    "no request id": (reward(request="-"), 400, "Malformed", "let the first proxy make x-request-id"),
    "a long decision": (reward(request="x" * 1100), 400, "Malformed", "at most 1024 are read"),
    "half a character": (reward(namespace="\ud800"), 404, "Unknown", "nothing is on trial"),
    "a reward in words": (reward("1"), 400, "NotANumber", "it must be a number"),
    "a reward that is true": (reward(True), 400, "NotANumber", "it must be a number"),
    "no reward but null": (reward(None), 400, "NotANumber", "it must be a number"),
    "not a number": (reward(float("nan")), 400, "NotANumber", "it must be finite"),
    "infinite": (reward(float("-inf")), 400, "NotANumber", "it must be finite"),
    "more than a float": (reward(10**400), 400, "NotANumber", "it must be finite"),
    "more digits than are read": (b'{"reward": ' + b"9" * 5000 + b"}", 400, "Malformed", "the body is not JSON"),
    "another namespace": (reward(namespace="dev"), 404, "Unknown", "nothing is on trial in rollout 'dev/fraud'"),
    "another rollout": (reward(rollout="shop"), 404, "Unknown", "nothing is on trial in rollout 'prod/shop'"),
    "a trial that is over": (reward(epoch=1764170000), 404, "Unknown", "not 1764170000"),
    "a trial to come": (reward(epoch=1764189999), 404, "Unknown", "not 1764189999"),
    "another version": (reward(version="2.4.1"), 404, "Unknown", "2.4.1186, 2.4.1187 are"),
    "another segment": (reward(segment="matched"), 404, "Unknown", "it has everybody"),
    "a day and a second old": (reward(at=BEFORE - 1), 410, "Late", "and rewards count for 1d (--window)"),
    "as old as Unix": (reward(at=0), 410, "Late", "old"),
    "from the future": (reward(at=AFTER + 1), 422, "Early", "5m1s in the future"),
    "from a far future": (reward(at=10**14), 422, "Early", "set the proxies' clocks"),
}


@pytest.mark.parametrize(("given", "status", "reason", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused(given: object, status: int, reason: str, words: str) -> None:
    async def story(stage: Stage) -> None:
        found, body = await stage.post(given)
        assert (found, body["reason"]) == (status, reason)
        assert words in body["message"]
        assert len(json.dumps(body)) < 1000
        metrics = await stage.metrics()
        assert metrics[f'modelrollout_rewards_refused_total{{reason="{reason}"}}'] == 1
        assert metrics[f"modelrollout_reward_count_total{{{SEGMENT}}}"] == 0

    play(story)


COUNTED: dict[str, Any] = {
    "a minute old": reward(),
    "a day old": reward(at=BEFORE),
    "five minutes ahead": reward(at=AFTER),
    "an id with anything in it": reward(request="a/b//\ud800 \\ é"),
    "of the control": reward(version="2.4.1186"),
    "a name of one's own beside it": {**reward(), "order": 7},
    "with blanks around it": {"decision": f" {decision()}\r\n", "reward": 0.5},
}


@pytest.mark.parametrize("given", COUNTED.values(), ids=COUNTED.keys())
def test_it_is_counted(given: dict[str, object]) -> None:
    async def story(stage: Stage) -> None:
        assert await stage.post(given) == (200, {"accepted": 1, "refused": []})

    play(story)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/rewards", 405), ("POST", "/v1/reward", 404), ("POST", "/metrics", 405)],
    ids=lambda value: str(value),
)
def test_other_requests_are_no_rewards(method: str, path: str, status: int) -> None:
    async def story(stage: Stage) -> None:
        async with stage.client.request(method, path, data=b"{}") as answer:
            assert answer.status == status

    play(story)


def test_a_refused_reward_may_come_again() -> None:
    """Its id is remembered only when it counts."""

    async def story(stage: Stage) -> None:
        assert (await stage.post(reward("one")))[0] == 400
        assert (await stage.post(reward(1)))[0] == 200

    play(story)
