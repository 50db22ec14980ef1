"""Names of children, and which rollouts cannot have any; which folders of a node may be read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.manifests.meta import NAME_LIMIT, child_name, name_problem, service_host
from modelrollout.manifests.platform import Platform, below, file_root_problem
from tests.manifests.render import rollout_of


def body(name: str, version: str = "2.4.1187", uri: str = "https://models.example.com/m.tar.gz") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {
            "model": {"name": "fraud", "version": version, "uri": uri},
            "traffic": {"hosts": ["fraud.prod"]},
            "strategy": {"blueGreen": {}},
        },
    }


def test_a_child_is_named_by_rollout_and_version() -> None:
    assert child_name("fraud", "2.4.1187") == "fraud-2-4-1187"


SPLITS: dict[str, tuple[str, str, str]] = {
    "everybody": ("fraud", "everybody", r"fraud-2-4-1187"),
    "another": ("fraud", "matched", r"fraud-2-4-1187-matched"),
    "with dashes": ("fraud", "segment-eu", r"fraud-2-4-1187-segment-eu"),
    "63 characters": ("f" * 46, "matched", r"f{46}-2-4-1187-matched"),
    "64 characters": ("f" * 47, "matched", r"f{47}-2-4-x[0-9a-f]{10}"),
    "a version of 63 characters": ("f" * 53, "matched", r"f{51}-x[0-9a-f]{10}"),
    "a long split": ("fraud", "s" * 60, r"fraud-2-4-1187-x[0-9a-f]{10}"),
    "a split like a version": ("fraud", "1-0-1", r"fraud-2-4-1187-x[0-9a-f]{10}"),
    "a split with a number in it": ("fraud", "top-10", r"fraud-2-4-1187-x[0-9a-f]{10}"),
    "a split that cannot be in a name": ("fraud", "Süd & Nord", r"fraud-2-4-1187-x[0-9a-f]{10}"),
}


@pytest.mark.parametrize(("rollout", "split", "expected"), SPLITS.values(), ids=SPLITS)
def test_a_service_is_named_by_its_split_too(rollout: str, split: str, expected: str) -> None:
    name = child_name(rollout, "2.4.1187", split)
    assert re.fullmatch(expected, name)
    assert len(name) <= NAME_LIMIT
    assert service_host(rollout, "prod", "2.4.1187", split) == f"{name}.prod.svc.cluster.local"


parts = st.from_regex(r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?", fullmatch=True)
numbers = st.integers(0, 999_999).map(str)
children = st.tuples(parts, st.tuples(numbers, numbers, numbers).map(".".join), st.sampled_from(["everybody"]) | parts)
children = children.filter(lambda child: len(child_name(child[0], child[1])) <= NAME_LIMIT)


@given(children, children)
def test_names_are_valid_and_no_two_are_the_same(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    name = child_name(*one)
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= NAME_LIMIT
    assert (name == child_name(*other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(("a", "1.2.3", "4-5-6-x"), ("a-1-2-3", "4.5.6", "x"), id="the split of one is in the other"),
        pytest.param(("a", "1.2.3", "b-4-5-6"), ("a-1-2-3-b", "4.5.6", "everybody"), id="a split like another's name"),
        pytest.param(("f" * 53, "1.2.3", "matched"), ("f" * 53, "1.2.4", "matched"), id="cut off before the version"),
        pytest.param(("f" * 53, "1.2.3", "matched"), ("f" * 53, "1.2.3", "preview"), id="cut off before the split"),
    ],
)
def test_names_that_could_be_taken_for_each_other(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert child_name(*one) != child_name(*other)


@pytest.mark.parametrize(
    ("name", "version", "reason", "words"),
    [
        pytest.param("fraud", "2.4.1187", None, "", id="short"),
        pytest.param("f" * 54, "2.4.1187", None, "", id="just short enough"),
        pytest.param("f" * 55, "2.4.1187", "NameTooLong", "64 characters of at most 63; shorten", id="one too long"),
        pytest.param("f" * 40, "1.2.3", None, "", id="long name, short version"),
        pytest.param("fraud.v2", "1.2.3", "InvalidSpec", "'fraud.v2' cannot name a Service", id="a dot"),
        pytest.param("2fraud", "1.2.3", "InvalidSpec", "beginning with a letter", id="begins with a digit"),
    ],
)
def test_names(name: str, version: str, reason: str | None, words: str) -> None:
    rollout, _ = rollout_of(body(name, version))
    problem = name_problem(rollout)
    assert (problem.reason if problem else None) == reason
    assert words in (problem.message if problem else "")


@pytest.mark.parametrize(
    ("uri", "root", "words"),
    [
        pytest.param("file:///srv/models/fraud", "/srv/models", None, id="below"),
        pytest.param("file:///srv/models/a/b/c", "/srv/models/", None, id="deep below, root with a slash"),
        pytest.param(
            "file:///srv/models",
            "/srv/models",
            "is the folder itself that this installation allows",
            id="the root itself",
        ),
        pytest.param("file:///srv/models-secret/x", "/srv/models", "is outside of", id="a longer name"),
        pytest.param("file:///etc/passwd", "/srv/models", "is outside of", id="elsewhere"),
        pytest.param("file:///srv/models/fraud", None, "chart's value fileRoot", id="not allowed at all"),
        pytest.param("pvc://models/fraud", None, None, id="another scheme"),
    ],
)
def test_folders_of_a_node(uri: str, root: str | None, words: str | None) -> None:
    _, spec = rollout_of(body("fraud", uri=uri))
    problem = file_root_problem(spec, Platform("image", file_root=root))
    assert (words is None) == (problem is None)
    assert problem is None or (words or "") in problem.message


def test_a_path_that_climbs_is_not_below() -> None:
    assert below("/srv/models/../secret", "/srv/models") is None


def split_among(name: str, *uris: str) -> dict[str, Any]:
    """A rollout whose strategy has more versions than the spec's own."""
    versions = [{"version": f"10.0.{index}", "uri": uri, "weight": 10} for index, uri in enumerate(uris)]
    given = body(name)
    given["spec"]["strategy"] = {"split": {"weight": 100 - 10 * len(uris), "versions": versions}}
    return given


def test_every_version_of_the_spec_must_have_a_name() -> None:
    rollout, _ = rollout_of(split_among("f" * 54, "pvc://models/fraud"))
    assert name_problem(rollout) is None
    given = split_among("f" * 54, "pvc://models/fraud")
    given["spec"]["strategy"]["split"]["versions"][0]["version"] = "10.0.123456"
    problem = name_problem(rollout_of(given)[0])
    assert problem is not None
    assert "the Service of version 10.0.123456" in problem.message


def test_every_version_of_the_spec_must_be_in_the_allowed_folder() -> None:
    _, spec = rollout_of(split_among("fraud", "file:///srv/models/fraud", "file:///etc/passwd"))
    problem = file_root_problem(spec, Platform("image", file_root="/srv/models"))
    assert problem is not None
    assert problem.message.startswith("spec.strategy.split.versions[1].uri: file:///etc/passwd is outside of")
