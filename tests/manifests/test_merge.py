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
    "another handler of a probe": (
        {"tcpSocket": {"port": 8500}, "periodSeconds": 2},
        {"httpGet": {"port": 8501, "path": "/v1/models/fraud"}},
        {"periodSeconds": 2, "httpGet": {"port": 8501, "path": "/v1/models/fraud"}},
    ),
    "the same handler": ({"exec": {"command": ["a"]}}, {"exec": {"command": ["b"]}}, {"exec": {"command": ["b"]}}),
    "another handler of a hook": (
        {"preStop": {"exec": {"command": ["/bin/sleep", "5"]}}},
        {"preStop": {"sleep": {"seconds": 15}}},
        {"preStop": {"sleep": {"seconds": 15}}},
    ),
    "a handler that is taken away is none": ({"tcpSocket": {"port": 1}}, {"exec": None}, {"tcpSocket": {"port": 1}}),
    "another source of a volume": (
        [{"name": "models", "emptyDir": {}}],
        [{"name": "models", "ephemeral": {"volumeClaimTemplate": {}}}],
        [{"name": "models", "ephemeral": {"volumeClaimTemplate": {}}}],
    ),
    "more of the same source": (
        [{"name": "models", "emptyDir": {}}],
        [{"name": "models", "emptyDir": {"medium": "Memory"}}],
        [{"name": "models", "emptyDir": {"medium": "Memory"}}],
    ),
    "a variable from elsewhere": (
        [{"name": "A", "value": "1"}],
        [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
    ),
    "terms of an affinity": (
        {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}},
        {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 9}, {"weight": 8}]}},
        {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 9}, {"weight": 8}]}},
    ),
    "another kind of value": ({"a": [1]}, {"a": "text"}, {"a": "text"}),
}


@pytest.mark.parametrize(("base", "overlay", "expected"), CASES.values(), ids=CASES)
def test_merged(base: Any, overlay: Any, expected: Any) -> None:
    assert merge(base, overlay) == expected


def test_neither_side_is_changed() -> None:
    base, overlay = {"l": [{"name": "x"}]}, {"l": [{"name": "x", "v": 1}]}
    merge(base, overlay)
    assert (base, overlay) == ({"l": [{"name": "x"}]}, {"l": [{"name": "x", "v": 1}]})
