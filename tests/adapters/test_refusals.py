"""What an API server's refusal says: its own words, as many as a status can hold several times."""

from __future__ import annotations

import json

import pytest

from modelrollout.adapters.cluster import LONGEST_WORDS, Conflict, error_of

FIELDS = "failed to create typed patch object: " + "".join(
    f".spec.template.spec.x{number}: field not declared in schema " for number in range(5000)
)

CASES: dict[str, tuple[bytes, str]] = {
    "a sentence": (json.dumps({"message": "quota exceeded"}).encode(), "quota exceeded (HTTP 422)"),
    "no Status object": (b"<html>bad gateway</html>", "<html>bad gateway</html> (HTTP 422)"),
    "nothing": (b"", "no message (HTTP 422)"),
    "a sentence for each of thousands of fields": (
        json.dumps({"message": FIELDS}).encode(),
        f"{FIELDS[:LONGEST_WORDS]}... and {len(FIELDS) - LONGEST_WORDS} characters more (HTTP 422)",
    ),
}


@pytest.mark.parametrize(("text", "words"), CASES.values(), ids=CASES)
def test_its_words(text: bytes, words: str) -> None:
    assert str(error_of(422, text)) == words


def test_what_is_cut_is_still_known_for_what_it_is() -> None:
    text = json.dumps({"message": FIELDS}).encode()
    assert error_of(500, text).is_unknown_field
    assert isinstance(error_of(409, text), Conflict)
