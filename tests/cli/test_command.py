"""A person's command as the text of an annotation: what is read, what is not, and that nothing is lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.api.command import ANY_VERSION, Command, Verb, one_line, parse, token_of
from modelrollout.api.version import ModelVersion

READ = {
    "with a token": ("promote 2.4.1187 t1", Command(Verb.PROMOTE, "2.4.1187", "t1")),
    "written by hand, without a token": ("abort 2.4.1187", Command(Verb.ABORT, "2.4.1187")),
    "full promotion": ("promote-full 2.4.1187 t1", Command(Verb.PROMOTE_FULL, "2.4.1187", "t1")),
    "retry": ("retry 2.4.1187 t1", Command(Verb.RETRY, "2.4.1187", "t1")),
    "pause with a reason": ("pause 2.4.1187 t1 sale is on", Command(Verb.PAUSE, "2.4.1187", "t1", "sale is on")),
    "pause of any version": ("pause - t1", Command(Verb.PAUSE, ANY_VERSION, "t1")),
    "pause and nothing else": ("pause", Command(Verb.PAUSE, ANY_VERSION)),
    "resume of any version": ("resume -", Command(Verb.RESUME, ANY_VERSION)),
    "spaces and a line feed around": ("  abort  2.4.1187\n", Command(Verb.ABORT, "2.4.1187")),
    "a reason of two lines": ("pause - t1 one\n two", Command(Verb.PAUSE, ANY_VERSION, "t1", "one two")),
}

NOT_READ = {
    "nothing": "",
    "white space": " \n",
    "an unknown verb": "destroy 2.4.1187",
    "a verb in capitals": "Abort 2.4.1187",
    "abort of nothing": "abort",
    "abort of any version": "abort -",
    "promote of any version": "promote - t1",
    "retry of any version": "retry -",
    "a version of two numbers": "abort 2.4",
    "a version with leading zeros": "abort 2.04.1",
    "a version that only begins well": "abort 2.4.1187x",
}


@pytest.mark.parametrize(("text", "command"), READ.values(), ids=READ.keys())
def test_is_read(text: str, command: Command) -> None:
    assert parse(text) == command


@pytest.mark.parametrize("text", NOT_READ.values(), ids=NOT_READ.keys())
def test_is_no_command(text: str) -> None:
    assert parse(text) is None


WHO = {
    "nobody says": ("abort 2.4.1187 t1", "a person"),
    "without a token": ("abort 2.4.1187", "a person"),
    "an empty name": ("abort 2.4.1187 t1;by=", "a person"),
    "by name": ("abort 2.4.1187 t1;by=alice", "alice"),
    "with a reason": ("abort 2.4.1187 t1;by=ci@example.com bad data", "ci@example.com"),
    "a service account": ("abort 2.4.1187 t1;by=system:serviceaccount:ml:ci", "system:serviceaccount:ml:ci"),
    "with a terminal's escape sequence": ("abort 2.4.1187 t1;by=\x1b[2Jalice", "\N{REPLACEMENT CHARACTER}[2Jalice"),
    "longer than anybody's": (f"abort 2.4.1187 t1;by={'a' * 500}", "a" * 128),
}


@pytest.mark.parametrize(("text", "who"), WHO.values(), ids=WHO.keys())
def test_who_gave_it(text: str, who: str) -> None:
    command = parse(text)
    assert command is not None
    assert command.who == who


TOKENS = {
    "of a user": ("alice", "2026-11-27T20:00:00Z;by=alice"),
    "of nobody known": ("", "2026-11-27T20:00:00Z"),
    "of a name that is no word": ("Alice A.", "2026-11-27T20:00:00Z"),
}


@pytest.mark.parametrize(("user", "token"), TOKENS.values(), ids=TOKENS.keys())
def test_token(user: str, token: str) -> None:
    assert token_of("2026-11-27T20:00:00Z", user) == token


MEANT = {
    "its own version": ("abort 2.4.1187", "2.4.1187", True),
    "another version": ("abort 2.4.1187", "2.4.1188", False),
    "no release": ("abort 2.4.1187", None, False),
    "any version": ("pause -", "2.4.1187", True),
}


@pytest.mark.parametrize(("text", "version", "meant"), MEANT.values(), ids=MEANT.keys())
def test_is_for_a_version(text: str, version: str | None, meant: bool) -> None:
    command = parse(text)
    assert command is not None
    assert command.is_for(version) is meant


numbers = st.integers(0, 999_999)
versions = st.builds(lambda *parts: str(ModelVersion(*parts)), numbers, numbers, st.integers(0, 10**17))
words = st.text(min_size=1, max_size=30).map(lambda text: "".join(text.split())).filter(bool)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    verb = draw(st.sampled_from(Verb))
    version = draw(st.just(ANY_VERSION) | versions if verb.takes_any_version else versions)
    token = draw(words | st.just(""))
    note = draw(st.text(max_size=200).map(one_line)) if token else ""
    return Command(verb, version, token, note)


@given(commands())
def test_reads_what_it_writes(command: Command) -> None:
    assert parse(command.render()) == command


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    command = parse(text)
    assert command is None or parse(command.render()) == command
