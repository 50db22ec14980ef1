"""The comparer as a process: it says what is wrong at its start, and loses nothing at its end."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest

from tests.comparison.running import SECONDS, comparer, until

AWAY = ("--control", "1.0.0=127.0.0.1:9:9", "--arm", "1.1.0=127.0.0.1:9:9")
PATH = "/v1/models/fraud:predict"


def test_what_was_counted_can_be_scraped_until_the_end(tmp_path: Path) -> None:
    with comparer(tmp_path / "log", *AWAY, "--drain", "10m") as running:
        until(running.is_ready, "it is ready")
        assert running.post("{}", PATH) == 202
        running.process.send_signal(signal.SIGTERM)
        until(lambda: not running.is_ready(), "it is not ready any more")
        assert running.post("{}", PATH) == 202
        assert running.get("/healthz").ok
        assert running.counted("dropped_total", 'reason="Draining"') == 1
        until(lambda: running.counted("excluded_total", 'version="1.1.0",reason="ControlFailed"'), "it was replayed")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(SECONDS) == 0
    messages = [json.loads(line)["message"] for line in running.log.read_text().splitlines()]
    assert messages == ["no more requests are taken; /metrics is shown for 10m"]


UNREADABLE = {
    "a header": b"POST /x HTTP/1.1\r\nHost: x\r\nal ice: b\r\n\r\n",
    "a long header": b"POST /x HTTP/1.1\r\nHost: x\r\nCookie: " + b"alice" * 20_000 + b"\r\n\r\n",
    "a chunk": b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nal ice\r\n",
}


@pytest.mark.parametrize("request_of_user", UNREADABLE.values(), ids=UNREADABLE)
def test_nothing_of_a_request_that_cannot_be_read_is_in_the_log(tmp_path: Path, request_of_user: bytes) -> None:
    with comparer(tmp_path / "log", *AWAY) as running:
        until(running.is_ready, "it is ready")
        with socket.create_connection(("127.0.0.1", running.rest), timeout=SECONDS) as connection:
            connection.sendall(request_of_user)
            assert connection.recv(100).startswith(b"HTTP/1.0 400")
        assert running.get("/healthz").ok
        assert running.log.read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_by_itself_after_the_drain(tmp_path: Path, number: int) -> None:
    with comparer(tmp_path / "log", *AWAY, "--drain", "1s") as running:
        until(running.is_ready, "it is ready")
        running.process.send_signal(number)
        assert running.process.wait(SECONDS) == 0


ARM = ("--arm", "1.1.0=fraud-1-1-0")
CONTROL = ("--control", "1.0.0=fraud-1-0-0")
WRONG = {
    "no control": (ARM, "Missing option '--control'"),
    "no arm": (CONTROL, "Missing option '--arm'"),
    "no host": (("--control", "1.0.0", *ARM), "error: --control: '1.0.0' is no version and host; write for example"),
    "one port": (("--control", "1.0.0=a:8501", *ARM), "or with the ports of REST and gRPC 1.1.0=fraud-1-1-0:8501:8500"),
    "no port": (
        ("--control", "1.0.0=a:99999:1", *ARM),
        "error: --control: port 99999 of 1.0.0 is none; write 1 to 65535",
    ),
    "no version": ((*CONTROL, "--arm", "7=fraud-7"), "error: --arm: version '7' is not MAJOR.MINOR.PIPELINE"),
    "the control as an arm": ((*CONTROL, "--arm", "1.0.0=x"), "error: --arm: version 1.0.0 is given twice"),
    "no JSON": ((*CONTROL, *ARM, "--settings", "{"), "error: --settings: it: Invalid JSON"),
    "a setting": (
        (*CONTROL, *ARM, "--settings", '{"maxBody": "9Mi"}'),
        "--settings: maxBody: Value error, must be from",
    ),
    "an address without a port": ((*CONTROL, *ARM, "--listen-grpc", "x"), "error: --listen-grpc: 'x' has no port"),
    "a duration": ((*CONTROL, *ARM, "--drain", "day"), "'day' is not a duration; write for example 30s"),
}


@pytest.mark.parametrize(("options", "words"), WRONG.values(), ids=WRONG)
def test_it_says_which_option_is_wrong(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    with comparer(tmp_path / "log", *options) as running:
        assert running.process.wait(SECONDS) != 0
    said = running.log.read_text()
    assert words in said
    assert "Traceback" not in said


@pytest.mark.parametrize("option", ["--listen", "--listen-rest", "--listen-grpc"])
def test_it_says_that_its_address_is_taken(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with comparer(tmp_path / "log", *AWAY, option, address) as running:
            assert running.process.wait(SECONDS) == 1
    assert f"error: {option}: {address} cannot be served" in running.log.read_text()


def test_the_settings_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELROLLOUT_SHADOW", '{"noiseSample": 300}')
    with comparer(tmp_path / "log", *AWAY) as running:
        assert running.process.wait(SECONDS) == 1
    assert "error: --settings: noiseSample: " in running.log.read_text()
