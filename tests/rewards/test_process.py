"""The gateway as a process: it says what is wrong at its start, and loses nothing at its end."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from bench.rewards.running import SECONDS, gateway, operator, until
from tests.rewards import stage

TRIAL = stage.TRIAL


def reward(request: str) -> dict[str, object]:
    """Of this very moment: the process has the real clock."""
    return stage.reward(at=int(time.time()), request=request)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_acknowledged_is_scraped_before_the_end(tmp_path: Path, number: int) -> None:
    with operator(TRIAL) as url, gateway(tmp_path / "log", "--operator", url, "--drain", "8s") as running:
        until(running.is_ready, "it is ready")
        assert running.post(reward("a")).json() == {"accepted": 1, "refused": []}
        told = time.monotonic()
        running.process.send_signal(number)
        until(lambda: running.get("/readyz").status_code == 503, "it is not ready any more")
        refused = running.post(reward("b"))
        assert (refused.status_code, refused.json()["reason"]) == (503, "Unavailable")
        assert refused.headers["Retry-After"] == "1"
        assert running.get("/healthz").ok
        assert f"modelrollout_reward_count_total{{{stage.SEGMENT}}} 1\n" in running.get("/metrics").text
        assert running.process.wait(SECONDS) == 0
        assert time.monotonic() - told >= 8
    lines = [json.loads(line) for line in running.log.read_text().splitlines()]
    assert [line["message"] for line in lines] == ["no more rewards; /metrics is shown for 8s"]


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with operator(TRIAL) as url, gateway(tmp_path / "log", "--operator", url, "--drain", "10m") as running:
        until(running.is_ready, "it is ready")
        running.process.send_signal(signal.SIGTERM)
        until(lambda: not running.is_ready(), "it heard the first")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SECONDS) == 0


def test_without_an_operator_it_lives_and_is_not_ready(tmp_path: Path) -> None:
    with gateway(tmp_path / "log", "--operator", "http://127.0.0.1:9") as running:
        until(lambda: "what was on trial before still is" in running.log.read_text(), "it says whom it asks in vain")
        assert running.get("/healthz").ok
        assert "the operator has not said yet" in running.get("/readyz").text
        assert running.post(reward("a")).status_code == 503


WRONG = {
    "no URL": (("--operator", "modelrollout:8080"), "error: --operator: 'modelrollout:8080' is no URL"),
    "https": (("--operator", "https://modelrollout"), "error: --operator: 'https://modelrollout' is no URL"),
    "a port that is none": (("--operator", "http://modelrollout:x"), "is no URL; write for example"),
    "no address": (("--operator", "http://x", "--listen", "8080x"), "error: --listen: '8080x' has no port"),
    "a port above all": (("--operator", "http://x", "--listen", "127.0.0.1:99999"), "error: --listen: 127.0.0.1:99999"),
    "no window": (("--operator", "http://x", "--window", "0s"), "error: --window: 0s lets no reward in"),
    "no duration": (("--operator", "http://x", "--window", "day"), "'day' is not a duration; write for example 30s"),
    "no maximum": (("--operator", "http://x", "--max-reward", "inf"), "error: --max-reward: inf is not finite"),
    "a maximum of nothing": (("--operator", "http://x", "--max-reward", "0"), "0 is not in the range x>0"),
    "no keys": (("--operator", "http://x", "--hmac-key-file", "/none"), "error: --hmac-key-file: /none cannot be read"),
    "no operator": ((), "Missing option '--operator'"),
}


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG.keys())
def test_it_says_which_option_is_wrong(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    with gateway(tmp_path / "log", *options) as running:
        assert running.process.wait(SECONDS) != 0
    said = running.log.read_text()
    assert words in said
    assert "Traceback" not in said


def test_it_says_that_its_address_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with gateway(tmp_path / "log", "--operator", "http://127.0.0.1:9", listen=address) as running:
            assert running.process.wait(SECONDS) == 1
    assert f"error: --listen: {address} cannot be served" in running.log.read_text()
