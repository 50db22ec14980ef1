"""A store that has trouble is tried again, for as long as a model may take, and no model is blamed for it; what it
refuses, and what is in it, is final at once."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modelrollout.adapters.storage.failure import FetchError, StoreAway
from modelrollout.adapters.storage.place import Order, fetch
from modelrollout.cli.fetch import fetch as fetch_command
from tests.adapters.store import (
    Answer,
    Store,
    archive,
    code,
    ends_halfway,
    ends_in_a_chunk,
    order_of,
    reset,
    resets_halfway,
    running,
    says_nothing,
    speaks_something_else,
    write,
)

TROUBLES: dict[str, tuple[Answer, str]] = {
    "it ends in the middle of the file": (ends_halfway, r"the connection ended after \d+ of \d+ bytes"),
    "it ends in the middle of a chunk": (ends_in_a_chunk, r"IncompleteRead"),
    "it resets the connection in the middle of the file": (resets_halfway, r"reset|ended|EOF|closed"),
    "it resets the connection before it answers": (reset, r"reset|EOF|closed"),
    "it ends the connection before it answers": (says_nothing, r"EOF|closed connection"),
    "it speaks something else than HTTP": (speaks_something_else, r"220 ready"),
    "408": (code(408), "the server answers 408 Request Timeout"),
    "425": (code(425), "the server answers 425 Too Early"),
    "429": (code(429), "the server answers 429 Too Many Requests"),
    "500": (code(500), "the server answers 500 Internal Server Error"),
    "502": (code(502), "the server answers 502 Bad Gateway"),
    "503": (code(503), "the server answers 503 Service Unavailable"),
    "504": (code(504), "the server answers 504 Gateway Timeout"),
    "522, of a network in front of it": (code(522), "the server answers 522"),
}


@pytest.fixture
def model(store: Store, tmp_path: Path) -> Store:
    """The store with a model in it."""
    store.files["/m.tar.gz"] = archive(write(tmp_path / "model"), tmp_path)
    return store


def again(said: list[str]) -> list[str]:
    return [line for line in said if "trying again in" in line]


@pytest.mark.parametrize(("answer", "words"), TROUBLES.values(), ids=TROUBLES)
def test_its_trouble_is_tried_again(model: Store, tmp_path: Path, answer: Answer, words: str) -> None:
    model.first = [answer, answer]
    said: list[str] = []
    order = order_of(model, tmp_path)
    fetch(order, said.append)
    assert len(again(said)) == 2
    assert again(said)[0].startswith(f"{order.uri}: ")
    model.always = answer
    with pytest.raises(StoreAway, match=words):
        fetch(replace(order, number=8), said.append)
    assert [path.name for path in order.target.iterdir()] == ["7"], "half a model is none"


def test_one_that_refuses_connections_for_some_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path, listening=False) as (store, certificate):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                store.listen()

        monkeypatch.setattr("time.sleep", sleep)
        store.files["/m.tar.gz"] = archive(write(tmp_path / "model"), tmp_path)
        said: list[str] = []
        fetch(order_of(store, tmp_path), said.append)
        assert waits == [1, 2, 4]
        assert "Connection refused" in again(said)[0]


def test_one_whose_name_is_not_known_yet(model: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a pod whose network comes up after its first container, or while DNS is started again."""
    found: Callable[..., Any] = socket.getaddrinfo
    failing = iter([socket.gaierror(-3, "Temporary failure in name resolution"), socket.gaierror(-2, "not known")])

    def lookup(*asked: Any, **how: Any) -> Any:
        if (error := next(failing, None)) is not None:
            raise error
        return found(*asked, **how)

    monkeypatch.setattr("socket.getaddrinfo", lookup)
    said: list[str] = []
    fetch(order_of(model, tmp_path), said.append)
    assert ["name resolution" in line or "not known" in line for line in again(said)] == [True, True]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited, in seconds."""
    found: list[float] = []
    monkeypatch.setattr("time.sleep", found.append)
    return found


def test_the_waits_grow_and_the_last_try_is_when_the_time_is_over(
    model: Store, waits: list[float], tmp_path: Path
) -> None:
    model.always = code(503)
    with pytest.raises(StoreAway, match=r"503 Service Unavailable; tried 12 times in 200 s \(spec.model.uri\)"):
        fetch(replace(order_of(model, tmp_path), retry_for=200.0), lambda line: None)
    assert [round(wait) for wait in waits[:-1]] == [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]
    assert sum(waits) == pytest.approx(200.0, abs=5.0)


def later(seconds: float) -> str:
    return formatdate(time.time() + seconds, usegmt=True)


ASKED: dict[str, tuple[str, float]] = {
    "seconds": ("120", 120.0),
    "a time of day": ("", 120.0),
    "less than would be waited": ("0", 1.0),
    "a time that is over": (later(-3600), 1.0),
    "neither": ("soon", 1.0),
    "more than there is": ("86400", 540.0),
}


@pytest.mark.parametrize(("header", "expected"), ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("number", [429, 503])
def test_retry_after_is_waited_for(
    model: Store, waits: list[float], tmp_path: Path, number: int, header: str, expected: float
) -> None:
    model.first = [code(number, Retry_After=header or later(expected))]
    fetch(replace(order_of(model, tmp_path), retry_for=540.0), lambda line: None)
    assert waits == [pytest.approx(expected, abs=5.0)]


def wrong_digest(order: Order) -> Order:
    return replace(order, digest="sha256:" + "0" * 64)


REFUSALS: dict[str, tuple[Answer | None, str]] = {
    "400": (code(400), "the server answers 400 Bad Request"),
    "401": (code(401), "the server answers 401 Unauthorized; nobody was named to it: a Secret with host and token, or"),
    "403": (code(403), r"the server answers 403 Forbidden; .* goes into spec.serving.storeSecret \(spec.model.uri\)"),
    "404": (code(404), "the server answers 404 Not Found"),
    "410": (code(410), "the server answers 410 Gone"),
    "501": (code(501), "the server answers 501 Not Implemented"),
    "away from https": (code(302, Location="http://localhost/m.tar.gz"), "leads to http://localhost/m.tar.gz, which"),
    "in a circle": (code(302, Location="/m.tar.gz"), "infinite loop"),
    "another digest": (None, f"but sha256:{'0' * 64} is wanted"),
}


@pytest.mark.parametrize(("answer", "words"), REFUSALS.values(), ids=REFUSALS)
def test_what_it_refuses_or_holds_is_final_at_once(
    model: Store, tmp_path: Path, answer: Answer | None, words: str
) -> None:
    model.always = answer
    said: list[str] = []
    with pytest.raises(FetchError, match=words) as failed:
        fetch(wrong_digest(order_of(model, tmp_path)), said.append)
    assert not isinstance(failed.value, StoreAway)
    assert again(said) == []


def test_a_server_that_is_not_trusted_is_final_at_once(
    model: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    said: list[str] = []
    with pytest.raises(FetchError, match="certificate verify failed") as failed:
        fetch(order_of(model, tmp_path), said.append)
    assert not isinstance(failed.value, StoreAway)
    assert said == []


@pytest.mark.parametrize(("number", "cause"), [(503, "StoreAway"), (404, None)], ids=["away", "not there"])
def test_the_command_tells_whose_fault_it_was(model: Store, tmp_path: Path, number: int, cause: str | None) -> None:
    model.always = code(number)
    result = tmp_path / "termination-log"
    order = order_of(model, tmp_path)
    flags = [f"--uri={order.uri}", f"--to={order.target}", "--number=7", f"--result={result}", "--retry-for=3"]
    assert CliRunner().invoke(fetch_command, flags).exit_code == 1
    outcome = json.loads(result.read_text())
    assert f"the server answers {number}" in outcome["error"]
    assert outcome.get("cause") == cause
