"""Bad manifests and a real API server: each is refused at apply time, by the sentence that its file expects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from modelrollout.api.rules import VALIDATIONS
from modelrollout.resource.rollout import SpecError, parse_spec
from tests.api.conftest import ROLLOUTS
from tests.api.manifests import Refused, refused
from tests.api.test_schema import NODES
from tests.apiserver import Answer, ApiServer

pytestmark = pytest.mark.apiserver


@pytest.fixture(autouse=True)
def nothing_left_behind(server: ApiServer) -> Iterator[None]:
    """Each case begins without any ModelRollout."""
    yield
    server.ask("DELETE", ROLLOUTS)


def apply(server: ApiServer, manifest: dict[str, Any]) -> Answer:
    """Create or replace the object as `kubectl apply` comes down to, and write its status as the operator does."""
    path = f"{ROLLOUTS}/{manifest['metadata']['name']}"
    wanted = {key: value for key, value in manifest.items() if key != "status"}
    answer = _create_or_replace(server, path, wanted)
    if "status" not in manifest or answer.status >= 400:
        return answer
    return server.apply(f"{path}/status", wanted | {"status": manifest["status"]}, manager="modelrollout-status")


def _create_or_replace(server: ApiServer, path: str, wanted: dict[str, Any]) -> Answer:
    live = server.ask("GET", path)
    if live.status == 404:
        return server.ask("POST", ROLLOUTS, wanted, fieldValidation="Strict")
    metadata = wanted["metadata"] | {"resourceVersion": live.body["metadata"]["resourceVersion"]}
    return server.ask("PUT", path, wanted | {"metadata": metadata}, fieldValidation="Strict")


@pytest.mark.parametrize("case", refused(), ids=lambda case: str(case.name))
def test_refused_with_its_sentence(server: ApiServer, case: Refused) -> None:
    for accepted in case.history:
        answer = apply(server, accepted)
        assert answer.status < 300, answer.message
    answer = apply(server, case.manifest)
    assert answer.status == 422, answer.body
    assert case.missing(answer.message) == [], answer.message
    assert len(_own(answer)) <= len(_found_here(case)), "each mistake is said once, as lint says it"


def _own(answer: Answer) -> list[str]:
    """What is said of a field. That other rules were not looked at has none."""
    causes = (answer.body.get("details") or {}).get("causes") or []
    return [f"{item['field']}: {item['message']}" for item in causes if item.get("field") not in (None, "<nil>")]


def _found_here(case: Refused) -> tuple[str, ...]:
    """The same without an API server; what only a stored object shows, or its name, is one mistake."""
    spec = parse_spec(case.manifest.get("spec"))
    return spec.problems if isinstance(spec, SpecError) else ("",)


def test_every_rule_of_the_schema_has_a_manifest_that_it_refuses(server: ApiServer) -> None:
    """The files are complete: each sentence that the schema knows is said to somebody, with its values."""
    said = ""
    for case in refused():
        for manifest in (*case.history, case.manifest):
            said += apply(server, manifest).message + "\n"
        server.ask("DELETE", ROLLOUTS)
    unsaid = [f"{path}: {rule['message']}" for path, rule in _rules() if not re.search(_sentence(rule), said)]
    assert unsaid == []


def _rules() -> Iterator[tuple[str, dict[str, str]]]:
    return ((path, rule) for path, node in NODES.items() for rule in node.get(VALIDATIONS, []))


def _sentence(rule: dict[str, str]) -> str:
    """A pattern of the whole sentence: the literals of its expression, with any values between them."""
    if "messageExpression" not in rule:
        return re.escape(rule["message"])
    literals = re.findall(r"'((?:[^'\\]|\\.)*)'|\"([^\"]*)\"", rule["messageExpression"])
    texts = [re.sub(r"\\(.)", r"\1", one or other) for one, other in literals]
    return ".*".join(re.escape(part) for text in texts for part in re.split("%[sd]", text))
