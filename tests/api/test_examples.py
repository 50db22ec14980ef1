"""The examples, as a user would apply them, and a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.api.base import to_json
from modelrollout.resource.rollout import parse_spec
from modelrollout.resource.spec import Spec
from tests.api.conftest import ROLLOUTS
from tests.apiserver import ApiServer

pytestmark = pytest.mark.apiserver

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
STRICT = {"fieldValidation": "Strict"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.stem))
def test_example_applies_as_it_stands(server: ApiServer, path: Path) -> None:
    for manifest in yaml.safe_load_all(path.read_text()):
        answer = server.ask("POST", ROLLOUTS, manifest, dryRun="All", **STRICT)
        assert answer.status == 201, answer.message


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.stem))
def test_nothing_is_added_to_what_the_user_wrote(server: ApiServer, path: Path) -> None:
    """No defaults of the schema: a GitOps tool sees in the cluster what is in its repository."""
    manifest = yaml.safe_load(path.read_text())
    stored = server.ask("POST", ROLLOUTS, manifest, dryRun="All", **STRICT).body
    assert stored["spec"] == manifest["spec"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.stem))
def test_defaults_as_the_operator_knows_them_are_in_order(server: ApiServer, path: Path) -> None:
    manifest = yaml.safe_load(path.read_text())
    spec = parse_spec(manifest["spec"])
    assert isinstance(spec, Spec)
    answer = server.ask("POST", ROLLOUTS, manifest | {"spec": _without_empty(to_json(spec))}, dryRun="All", **STRICT)
    assert answer.status == 201, answer.message


def _without_empty(value: Any) -> Any:
    """Without the empty lists that stand for "none given"."""
    if isinstance(value, dict):
        return {key: _without_empty(part) for key, part in value.items() if part != []}
    return [_without_empty(part) for part in value] if isinstance(value, list) else value
