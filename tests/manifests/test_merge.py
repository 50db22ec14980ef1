"""A user's pod template over ours."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.manifests.merge import merge

CASES: dict[str, tuple[Any, Any, Any]] = {
    "a field more": ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
    "a field instead": ({"a": 1}, {"a": 2}, {"a": 2}),
    "null takes a field away": ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
    "null for what is not there": ({"a": 1}, {"b": None}, {"a": 1}),
    "deep down": ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
    "named: changed": ([{"name": "x", "v": 1}], [{"name": "x", "w": 2}], [{"name": "x", "v": 1, "w": 2}]),
    "named: added behind": ([{"name": "x"}], [{"name": "y"}], [{"name": "x"}, {"name": "y"}]),
    "mounts by their path": (
        [{"name": "m", "mountPath": "/a"}],
        [{"name": "n", "mountPath": "/b"}],
        [{"name": "m", "mountPath": "/a"}, {"name": "n", "mountPath": "/b"}],
    ),
    "two mounts of one volume": (
        [{"name": "m", "mountPath": "/a"}],
        [{"name": "m", "mountPath": "/b"}],
        [{"name": "m", "mountPath": "/a"}, {"name": "m", "mountPath": "/b"}],
    ),
    "unnamed: replaced": (["--a", "--b"], ["--c"], ["--c"]),
    "an empty list replaces": (["--a"], [], []),
    "a list where there was none": (None, [{"key": "gpu"}], [{"key": "gpu"}]),
    "another kind of value": ({"a": [1]}, {"a": "text"}, {"a": "text"}),
}


@pytest.mark.parametrize(("base", "overlay", "expected"), CASES.values(), ids=CASES)
def test_merged(base: Any, overlay: Any, expected: Any) -> None:
    assert merge(base, overlay) == expected


def test_neither_side_is_changed() -> None:
    base, overlay = {"l": [{"name": "x"}]}, {"l": [{"name": "x", "v": 1}]}
    merge(base, overlay)
    assert (base, overlay) == ({"l": [{"name": "x"}]}, {"l": [{"name": "x", "v": 1}]})
