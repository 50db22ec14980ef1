"""The CustomResourceDefinition: as generated, within the limits, in a form that the API server takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelrollout.api.rules import VALIDATIONS
from modelrollout.resource.crd import crd, render

ROOT = Path(__file__).parents[2]
COPIES = ["crds/modelrollouts.modelrollout.dev.yaml", "charts/modelrollout/files/modelrollouts.modelrollout.dev.yaml"]
LARGEST_APPLIED = 262_144  # bytes of an annotation, and with that of an object that `kubectl apply` can store


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a schema with its path."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from nodes(part, f"{path}.{name}")
    for below in ("items", "additionalProperties"):
        if below in schema:
            yield from nodes(schema[below], f"{path}[]")


SCHEMA = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
NODES = dict(nodes(SCHEMA))
SPEC = {path: node for path, node in NODES.items() if path.startswith(".spec")}
STATUS = {path: node for path, node in NODES.items() if path.startswith(".status")}


@pytest.mark.parametrize("copy", COPIES)
def test_file_is_as_generated(copy: str) -> None:
    assert (ROOT / copy).read_text() == render(), "run `make crds`"


def test_size_is_small_enough_to_be_applied_in_any_way() -> None:
    assert len(render().encode()) < LARGEST_APPLIED


def test_nothing_is_left_that_a_structural_schema_has_not() -> None:
    forbidden = {"$ref", "$defs", "allOf", "oneOf", "const", "title", "default", "propertyNames", "prefixItems"}
    assert [path for path, node in NODES.items() if forbidden & node.keys()] == []
    assert [path for path, node in NODES.items() if node.get("additionalProperties") in (True, False)] == []
    untyped = [path for path, node in NODES.items() if "type" not in node and "anyOf" not in node]
    assert untyped == [f".spec.strategy.{name}.bake" for name in ("canary", "blueGreen")]  # a text or an object


def test_every_list_and_text_of_the_spec_has_a_limit() -> None:
    unlimited = [
        path
        for path, node in SPEC.items()
        if (node.get("type") == "array" and "maxItems" not in node)
        or (node.get("type") == "string" and not {"maxLength", "enum"} & node.keys())
    ]
    assert unlimited == []


def test_every_field_of_the_spec_is_described() -> None:
    named = {path for path in SPEC if not path.endswith("[]")}
    structure = {".spec.serving.resources.limits", ".spec.serving.resources.requests"}
    assert [path for path in named - structure if "description" not in SPEC[path]] == []


def test_status_refuses_nothing() -> None:
    strict = {"enum", "pattern", "minimum", "maximum", "maxLength", "maxItems", VALIDATIONS}
    assert [path for path, node in STATUS.items() if strict & node.keys()] == []
    required = {path: node["required"] for path, node in STATUS.items() if "required" in node}
    assert required == {".status.analysis[]": ["metric"], ".status.conditions[]": ["type"]}


@pytest.mark.parametrize(
    ("path", "key"),
    [(".spec.analysis.metrics", "name"), (".status.conditions", "type")],
)
def test_lists_that_are_maps(path: str, key: str) -> None:
    assert NODES[path]["x-kubernetes-list-type"] == "map"
    assert NODES[path]["x-kubernetes-list-map-keys"] == [key]


def test_every_rule_says_one_sentence_without_a_full_stop() -> None:
    rules = [rule for node in NODES.values() for rule in node.get(VALIDATIONS, [])]
    assert rules
    assert [rule["message"] for rule in rules if rule["message"].endswith(".") or "\n" in rule["message"]] == []


def test_free_form_is_free() -> None:
    free = [path for path, node in SPEC.items() if node.get("x-kubernetes-preserve-unknown-fields")]
    assert free == [
        ".spec.serving.autoscaling.metrics[]",
        ".spec.serving.autoscaling.behavior",
        ".spec.serving.template",
        ".spec.strategy.canary.bake",
        ".spec.strategy.blueGreen.smoke.requests[]",
        ".spec.strategy.blueGreen.smoke.golden.answers[]",
        ".spec.strategy.blueGreen.bake",
        ".spec.validation.samples.requests[]",
        ".spec.validation.samples.golden.answers[]",
    ]


@pytest.mark.parametrize(
    ("priority", "names"),
    [(0, ["Phase", "Stable", "Candidate", "Weight", "Step", "Age"]), (1, ["Strategy", "Reason", "Message"])],
    ids=["always", "wide"],
)
def test_printer_columns(priority: int, names: list[str]) -> None:
    columns = crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [column["name"] for column in columns if column["priority"] == priority] == names
