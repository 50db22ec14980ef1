"""The CustomResourceDefinition of ModelRollout, generated from the types. ``make crds`` writes it.

    python -m modelrollout.resource.crd crds/modelrollouts.modelrollout.dev.yaml [more files]

The spec's schema is strict; the status's is not: it lists the fields for ``kubectl explain``, but nothing in it is
required (list keys apart), chosen from a list or bounded. Only the operator writes the status, and a status that an
older CRD refuses would stop a newer operator in the middle of a release.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from modelrollout.api.rules import VALIDATIONS, rule
from modelrollout.api.status import Status
from modelrollout.resource.former import FormerStatus
from modelrollout.resource.rollout import GROUP, KIND, PLURAL
from modelrollout.resource.spec import Spec
from modelrollout.resource.structural import Schema, structural

CRD_NAME = f"{PLURAL}.{GROUP}"
VERSION = "v1alpha1"
SINGULAR = "modelrollout"
LONGEST_NAME = 63
"""Characters of the name of a Service and of the value of a label: of everything named ROLLOUT-MAJOR-MINOR-PIPELINE."""

_HEADER = "# Generated from operator/modelrollout/api by `make crds`. Do not edit.\n"
_MAP_LISTS = {"spec.analysis.metrics": "name", "status.analysis": "metric", "status.conditions": "type"}
_COLUMNS = (
    ("Phase", "string", ".status.phase", 0, "Where the rollout is."),
    ("Stable", "string", ".status.stable.version", 0, "The version that serves."),
    ("Candidate", "string", ".status.candidates", 0, "The versions under trial."),
    ("Weight", "string", ".status.weights", 0, "Percent of the requests that each of them gets."),
    ("Step", "string", ".status.step", 0, "The step of the release, of how many."),
    ("Age", "date", ".metadata.creationTimestamp", 0, "Time since the rollout was created."),
    ("Strategy", "string", ".status.strategy", 1, "How traffic moves."),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 1, "Why it is ready, or is not."),
    ("Message", "string", ".status.message", 1, "What is going on, or why it stopped."),
)

_STABLE = "self.status.stable"
_RECORDED = (
    f"has(self.status) && has({_STABLE}) && has({_STABLE}.version) && has({_STABLE}.digest)"
    f" && {_STABLE}.version == self.spec.model.version"
)
_LENGTH = "self.metadata.name.size() + 1 + self.spec.model.version.size()"


def _identity_rules() -> list[dict[str, Any]]:
    """What needs more than the spec: the name, and the digest that the operator has recorded.

    Both rules on the recorded digest look only when the model has been edited. The server asks them of each write of
    the status too, and none of those may ever be refused.
    """
    unedited = "self.spec.model == oldSelf.spec.model"
    return [
        rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name cannot name a Service; use lower-case letters, digits and dashes, beginning with a letter",
            field=".metadata.name",
        ),
        rule(
            f"{_LENGTH} <= {LONGEST_NAME}",
            "metadata.name is too long; shorten the name",
            shown="'metadata.name is too long: NAME-MAJOR-MINOR-PIPELINE, the Service of version %s, would have %d "
            f"characters of at most {LONGEST_NAME}; shorten the name by %d'.format([self.spec.model.version,"
            f" {_LENGTH}, {_LENGTH} - {LONGEST_NAME}])",
            field=".metadata.name",
        ),
        rule(
            f"{unedited} || !has(self.spec.model.digest) || !({_RECORDED})"
            f" || {_STABLE}.digest == self.spec.model.digest",
            "this version serves with another digest and never changes; give the new model a new version",
            shown=f"'version ' + self.spec.model.version + ' serves with digest ' + {_STABLE}.digest"
            " + ' and never changes; give the new model a new version'",
            field=".spec.model.digest",
        ),
        rule(
            f"{unedited} || self.spec.model.version != oldSelf.spec.model.version"
            f" || self.spec.model.uri == oldSelf.spec.model.uri || !({_RECORDED}) || has(self.spec.model.digest)",
            "the uri of a version that serves can only change together with its digest; set digest, or give the new "
            "model a new version",
            shown=f"'the uri of a version that serves can only change with its digest: set digest to ' + {_STABLE}"
            ".digest + ' if the model is the same, or give the new model a new version'",
            field=".spec.model.uri",
        ),
    ]


def object_schema() -> Schema:
    """The structural schema of a whole ModelRollout."""
    spec, status = structural(Spec), _lenient(structural(Status))
    status["properties"] |= _lenient(structural(FormerStatus))["properties"]
    for path, key in _MAP_LISTS.items():
        root, *names = path.split(".")
        node = spec if root == "spec" else status
        for name in names:
            node = node["properties"][name]
        node |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
        node["items"]["required"] = sorted({key, *node["items"].get("required", [])})
    return {
        "description": "A model on TensorFlow Serving and the way in which its next version is released.",
        "type": "object",
        "required": ["metadata", "spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
            "spec": spec,
            "status": status,
        },
        VALIDATIONS: _identity_rules(),
    }


def _lenient(node: Schema) -> Schema:
    """The schema without anything that could refuse a value of the right type, and without defaults in its words."""
    names = ("description", "type", "format", "x-kubernetes-preserve-unknown-fields")
    kept: Schema = {name: node[name] for name in names if name in node}
    if "description" in kept:
        kept["description"] = kept["description"].partition("Default: ")[0].rstrip()
    if "properties" in node:
        kept["properties"] = {name: _lenient(part) for name, part in node["properties"].items()}
    for below in ("items", "additionalProperties"):
        if below in node:
            kept[below] = _lenient(node[below])
    return {name: value for name, value in kept.items() if value != ""}


def crd() -> dict[str, Any]:
    """The CustomResourceDefinition."""
    columns = [
        {"name": name, "type": kind, "jsonPath": path, "priority": priority, "description": description}
        for name, kind, path, priority, description in _COLUMNS
    ]
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": object_schema()},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    }
    names = {"kind": KIND, "listKind": f"{KIND}List", "plural": PLURAL, "singular": SINGULAR}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME, "annotations": {"helm.sh/resource-policy": "keep"}},
        "spec": {
            "group": GROUP,
            "names": {**names, "shortNames": ["mr"], "categories": ["ml"]},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def render() -> str:
    """The CustomResourceDefinition as the text of a file."""
    return _HEADER + yaml.dump(crd(), Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """YAML without anchors: a value that two fields share is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def main(paths: list[str]) -> None:
    """Writes the file to each of the paths."""
    for path in paths:
        Path(path).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
