"""JSON as bytes: what is written reads back the same, and the same as the standard library's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from modelrollout.adapters.json_bytes import read_json, write_json

LEAVES = some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text()
VALUES = some.recursive(LEAVES, lambda of: some.lists(of) | some.dictionaries(some.text(), of), max_leaves=20)


@given(VALUES)
def test_every_value_comes_back(value: Any) -> None:
    assert read_json(write_json(value)) == value
    assert json.loads(write_json(value)) == value


BROKEN = [b"", b"{", b'{"a": 1,}', b"no json", b'"\xff"']


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"line 1|UTF-8"):
        read_json(text)
