"""From pydantic's JSON schema to the structural schema that a CustomResourceDefinition takes.

The API server takes OpenAPI 3.0 in a narrow form: no references, one type per field, no "or null" (an optional field
is absent instead), bounds that are exclusive by a flag. pydantic writes JSON Schema 2020-12. The two differ in a dozen
places, all of them here.

What is left out on purpose: titles, which only repeat names; defaults, which the server would write into every object
(``rollout.py`` says why not), and which stand in the description instead; and "no further fields", which a structural
schema cannot say because unknown fields are always pruned, or refused when the client asks for strict validation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from modelrollout.api.base import format_duration
from modelrollout.api.body_size import format_size
from modelrollout.api.rules import VALIDATIONS, rule, rules

Schema = dict[str, Any]

_KEPT = ("type", "format", "pattern", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_OPEN = "x-kubernetes-preserve-unknown-fields"
_KEPT_LATER = ("minProperties", "maxProperties", "x-kubernetes-int-or-string", "anyOf", _OPEN, VALIDATIONS)
FREE_FORM: Schema = {"type": "object", _OPEN: True}


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of one type, with everything that it refers to written out."""
    written = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(written, written.get("$defs", {}))


def _structural(written: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """One node and all below it."""
    node = _one_type(_followed(written, definitions), definitions)
    result: Schema = {}
    if description := _description(node):
        result["description"] = description
    for key in (*_KEPT, *_KEPT_LATER):
        if key in node:
            result[key] = node[key]
    _write_bounds(node, result)
    return result | _below(node, lambda part: _structural(part, definitions))


def _followed(written: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """A reference and what it refers to as one node. The field's own words and rules come before its type's."""
    if "$ref" not in written:
        return dict(written)
    there = definitions[written["$ref"].rpartition("/")[2]]
    node = {**there, **{key: value for key, value in written.items() if key != "$ref"}}
    if "description" in written and "description" in there:
        node["description"] = f"{written['description']} {there['description']}"
    if rules := [*written.get(VALIDATIONS, []), *there.get(VALIDATIONS, [])]:
        node[VALIDATIONS] = rules
    return node


def _one_type(node: Schema, definitions: Mapping[str, Any]) -> Schema:
    """The node without its "or null"."""
    if "anyOf" not in node or node.get("x-kubernetes-int-or-string"):
        return node
    others = [option for option in node["anyOf"] if option.get("type") != "null"]
    if len(others) != 1:
        raise TypeError(f"a structural schema has one type for each field, not {node['anyOf']}")
    return _followed({**_without(node, "anyOf"), "$ref": "/it"}, {"it": _followed(others[0], definitions)})


def _description(node: Schema) -> str:
    """The words on a field, on one line, with its default."""
    words = " ".join(str(node.get("description", "")).replace("``", "").split())
    shown = _shown(node)
    return f"{words} Default: {shown}.".strip() if shown else words


def _shown(node: Schema) -> str:
    """A default that says something by itself: no empty value, no whole object. Times and sizes are numbers inside."""
    match node.get("default"):
        case bool(value):
            return str(value).lower()
        case float(seconds) if node.get("type") == "string":
            return format_duration(seconds)
        case int(size) if node.get("type") == "string":
            return format_size(size)
        case list(items) if all(isinstance(item, str) for item in items):
            return ", ".join(items)
        case str() | int() | float() as value:
            return str(value)
        case _:
            return ""


_BOUNDS = (
    ("minimum", "exclusiveMinimum", ">=", "at least"),
    ("maximum", "exclusiveMaximum", "<=", "at most"),
)


def _write_bounds(node: Schema, result: Schema) -> None:
    """A number for an exclusive bound becomes the bound and a flag; a constant becomes a choice of one.

    A bound such as 0.2 becomes a rule: the API server prints it as a whole number in what it says to the user.
    """
    for bound, exclusive, sign, words in _BOUNDS:
        if exclusive in node:
            result[bound], result[exclusive] = node[exclusive], True
        elif bound in node and node[bound] % 1:
            rules(rule(f"self {sign} {node[bound]}", f"must be {words} {node[bound]}"))(result)
            del result[bound]
    if "const" in node:
        result["enum"] = [node["const"]]


def _below(node: Schema, convert: Callable[[Mapping[str, Any]], Schema]) -> Schema:
    """What hangs below a list or an object."""
    below: Schema = {}
    if node.get("type") == "array":
        below["items"] = convert(node["items"])
    if node.get("type") == "object" or node.get(_OPEN):
        if required := node.get("required"):
            below["required"] = required
        if properties := node.get("properties"):
            below["properties"] = {name: convert(part) for name, part in properties.items()}
        match node.get("additionalProperties", "properties" not in node and not node.get(_OPEN)):
            case True:
                below |= FREE_FORM
            case Mapping() as values:
                below["additionalProperties"] = convert(values)
    return below


def _without(node: Schema, key: str) -> Schema:
    return {name: value for name, value in node.items() if name != key}
