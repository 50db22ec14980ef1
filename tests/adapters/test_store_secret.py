"""A store that wants to know who asks: it is told what a mounted Secret says, and nobody else is."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelrollout.adapters.storage.credentials import read_credentials
from modelrollout.adapters.storage.failure import FetchError, StoreAway
from modelrollout.adapters.storage.place import fetch
from modelrollout.cli.fetch import fetch as fetch_command
from tests.adapters.store import Answer, Handler, Store, archive, code, file, order_of, running, write

BASIC = "Basic " + base64.b64encode("robot:päss:wörd".encode()).decode()
SENT: dict[str, tuple[dict[str, str], str]] = {
    "a token": ({"token": "s3cret"}, "Bearer s3cret"),
    "a token that an editor has ended a line behind": ({"token": "s3cret\r\n"}, "Bearer s3cret"),
    "a user and a password": ({"username": "robot", "password": "päss:wörd\n"}, BASIC),
    "further keys": ({"token": "s3cret", "comment": "of the robot"}, "Bearer s3cret"),
}


def secret(store: Store, tmp_path: Path, **keys: str) -> Path:
    """As it is mounted."""
    host = {"host": store.url.removeprefix("https://")}
    return write(tmp_path / "fraud-store", {name: value.encode() for name, value in {**host, **keys}.items()})


def asking(heard: list[str | None]) -> Answer:
    """A file, and what it was asked with."""

    def answer(handler: Handler, content: bytes) -> None:
        heard.append(handler.headers.get("Authorization"))
        file(handler, content)

    return answer


@pytest.fixture
def model(store: Store, tmp_path: Path) -> Store:
    """The store with a model in it."""
    store.files["/m.tar.gz"] = archive(write(tmp_path / "model"), tmp_path)
    return store


@pytest.mark.parametrize(("keys", "expected"), SENT.values(), ids=SENT)
def test_the_store_is_told_who_asks(model: Store, tmp_path: Path, keys: dict[str, str], expected: str) -> None:
    heard: list[str | None] = []
    model.always = asking(heard)
    fetch(replace(order_of(model, tmp_path), secret=secret(model, tmp_path, **keys)), lambda line: None)
    assert heard == [expected]


def test_it_is_told_again_when_it_was_away(model: Store, tmp_path: Path) -> None:
    heard: list[str | None] = []
    model.first, model.always = [code(503)], asking(heard)
    fetch(replace(order_of(model, tmp_path), secret=secret(model, tmp_path, token="t")), lambda line: None)
    assert heard == ["Bearer t"]


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store) -> Iterator[Store]:
    """Another store, trusted as well."""
    (tmp_path / "stranger").mkdir()
    with running(tmp_path / "stranger") as (found, certificate):
        both = tmp_path / "both.pem"
        both.write_bytes(certificate.read_bytes() + (tmp_path / "certificate.pem").read_bytes())
        monkeypatch.setenv("SSL_CERT_FILE", str(both))
        yield found


@pytest.mark.parametrize("elsewhere", [False, True], ids=["to itself", "to another host"])
def test_behind_a_redirect_it_is_told_and_nobody_else(
    model: Store, stranger: Store, tmp_path: Path, elsewhere: bool
) -> None:
    """As a store does that has its files in a bucket, behind addresses that are signed."""
    heard: list[str | None] = []
    target = stranger if elsewhere else model
    target.files["/there.tar.gz"] = model.files["/m.tar.gz"]
    model.first, target.always = [code(302, Location=f"{target.url}/there.tar.gz")], asking(heard)
    fetch(replace(order_of(model, tmp_path), secret=secret(model, tmp_path, token="t")), lambda line: None)
    assert heard == [None if elsewhere else "Bearer t"]


def test_another_host_than_the_secrets_is_not_even_asked(model: Store, stranger: Store, tmp_path: Path) -> None:
    heard: list[str | None] = []
    stranger.always = asking(heard)
    order = replace(order_of(stranger, tmp_path), secret=secret(model, tmp_path, token="t"))
    with pytest.raises(
        FetchError, match=r"is not at localhost:\d+, which Secret fraud-store is for: correct spec.model"
    ):
        fetch(order, lambda line: None)
    assert heard == []


@pytest.mark.parametrize(("number", "keys"), [(401, {"token": "t"}), (403, {"username": "u", "password": "p"})])
def test_a_refusal_names_the_secret_and_its_keys(
    model: Store, tmp_path: Path, number: int, keys: dict[str, str]
) -> None:
    model.always = code(number)
    words = (
        rf"{number} \w+ to {' and '.join(keys)} of Secret fraud-store \(spec.serving.storeSecret\) \(spec.model.uri\)"
    )
    with pytest.raises(FetchError, match=words) as failed:
        fetch(replace(order_of(model, tmp_path), secret=secret(model, tmp_path, **keys)), lambda line: None)
    assert not isinstance(failed.value, StoreAway)


WRONG: dict[str, tuple[dict[str, bytes], str]] = {
    "no host": ({"token": b"s3cret"}, "Secret fraud-store has no key host"),
    "an address in place of a host": ({"host": b"https://a.example", "token": b"s3cret"}, "key host is no host; write"),
    "neither": ({"host": b"a.example"}, "has neither token nor username; give it one of them: token, or username and"),
    "both": (
        {"host": b"a.example", "token": b"s3cret", "username": b"u", "password": b"s3cret"},
        "has both token and username; give it one of them",
    ),
    "a user alone": ({"host": b"a.example", "username": b"u"}, "Secret fraud-store has no key password"),
    "a password alone": ({"host": b"a.example", "password": b"s3cret"}, "Secret fraud-store has no key username"),
    "nothing in it": ({"host": b"a.example", "token": b"\n"}, "its key token is empty"),
    "a second header": ({"host": b"a.example", "token": b"s3cret\r\nX-Admin: 1"}, "key token holds a space, a line"),
    "no text": ({"host": b"a.example", "token": b"\xffs3cret"}, "its key token is no text"),
    "a user with a colon": (
        {"host": b"a.example", "username": b"u:s3cret", "password": b"p"},
        "key username holds a ':'",
    ),
}


@pytest.mark.parametrize(("keys", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_secret_is_said_by_its_key(tmp_path: Path, keys: dict[str, bytes], words: str) -> None:
    with pytest.raises(FetchError, match=words) as failed:
        read_credentials(write(tmp_path / "fraud-store", keys))
    assert "s3cret" not in str(failed.value)


TROUBLES: dict[str, Answer] = {"refused": code(401), "away": code(503), "elsewhere": code(302, Location="http://a/")}


@pytest.mark.parametrize("answer", TROUBLES.values(), ids=TROUBLES)
def test_the_command_tells_nobody_what_is_in_it(model: Store, tmp_path: Path, answer: Answer) -> None:
    model.always = answer
    result, order = tmp_path / "termination-log", order_of(model, tmp_path)
    mounted = secret(model, tmp_path, username="robot", password="s3cret")
    flags = [f"--uri={order.uri}", f"--to={order.target}", "--number=7", f"--result={result}", "--retry-for=3"]
    outcome = CliRunner().invoke(fetch_command, [*flags, f"--store-secret={mounted}"])
    assert (outcome.exit_code, next(iter(json.loads(result.read_text())))) == (1, "error")
    told = outcome.output + result.read_text()
    assert not [word for word in ("s3cret", base64.b64encode(b"robot:s3cret").decode()) if word in told]
    assert "s3cret" not in repr(read_credentials(mounted))
