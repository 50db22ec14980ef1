"""Names of children, and which rollouts cannot have any; which folders of a node may be read."""

from __future__ import annotations

import pytest

from modelrollout.manifests.meta import child_name, name_problem
from modelrollout.manifests.platform import Platform, below, file_root_problem
from tests.manifests.render import rollout_of


def body(name: str, version: str = "2.4.1187", uri: str = "https://models.example.com/m.tar.gz") -> dict[str, object]:
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
        pytest.param("file:///srv/models", "/srv/models", "is outside of /srv/models", id="the root itself"),
        pytest.param("file:///srv/models-secret/x", "/srv/models", "is outside of", id="a longer name"),
        pytest.param("file:///etc/passwd", "/srv/models", "is outside of", id="elsewhere"),
        pytest.param("file:///srv/models/fraud", None, "this installation allows none", id="not allowed at all"),
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
