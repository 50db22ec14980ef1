"""What is wrong with a spec, in sentences that name the field, the value and the way out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from functools import reduce
from operator import getitem
from typing import Any

from pydantic import BaseModel, ValidationError

from modelrollout.resource.meant import beside, meant

Place = tuple[int | str, ...]

_TYPES = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a map of names to values",
    "model_type": "a map of names to values",
}
_SENTENCES = {
    "missing": "is required, but missing",
    "extra_forbidden": "is no field of a ModelRollout; remove it or correct its name",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must not be empty",
    "too_long": "must have at most {max_length} {unit}",
    "too_short": "must have at least {min_length} item",
}


_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


def explain(error: ValidationError, root: type[BaseModel], written: str) -> tuple[str, ...]:
    """Each error of a validation as a sentence, with the path as the user wrote it: ``spec.model.version: ...``.
    ``root`` is the type of the whole, ``written`` what was validated, in JSON."""
    errors: list[dict[str, Any]] = [dict(item) for item in error.errors(include_url=False)]
    places = [item["loc"] for item in errors]
    misspelt = {place for item in errors if (place := _place_meant(item, root)) is not None}
    left = [item for item in errors if not _follows(item, places) and not _is_misspelt(item, misspelt)]
    return tuple(_sentence(item, root, written) for item in left)


def _follows(item: Mapping[str, Any], places: list[Place]) -> bool:
    """pydantic counts only the items that are right, so a list is also too short when its one item is wrong."""
    place = item["loc"]
    return item["type"] == "too_short" and any(other[: len(place)] == place != other for other in places)


def _place_meant(item: Mapping[str, Any], root: type[BaseModel]) -> Place | None:
    """Where a field would stand that was misspelt."""
    found = beside(root, item["loc"]) if item["type"] == "extra_forbidden" else None
    return (*item["loc"][:-1], found) if found is not None else None


def _is_misspelt(item: Mapping[str, Any], misspelt: Set[Place]) -> bool:
    """A field that is not there is there by another name, of which it is said already."""
    return item["loc"] in misspelt and (item["type"] == "missing" or item.get("input") == {})


def _sentence(item: Mapping[str, Any], root: type[BaseModel], written: str) -> str:
    """One error. A value that is a whole object is not repeated."""
    kind, context, given = item["type"], item.get("ctx", {}), item.get("input")
    if kind == "value_error":
        return f"{_path(item)}: {context['error']}"
    if kind == "extra_forbidden" and (field := meant(root, item["loc"], "spec")) is not None:
        return f"{_path(item)}: is no field here; did you mean {field}?"
    if kind == "string_type" and (also := _in_quotes(item, root, written)) is not None:
        return f"{_path(item)}: must be a string, and {also}"
    said = _said(kind, context, given, str(item["msg"]))
    if kind == "model_type" and _does_as(item, root, written, {}):
        return f"{_path(item)}: {said}; write {item['loc'][-1]}: {{}}"
    if (way_out := _write(kind, given)) is not None:
        return f"{_path(item)}: {said.partition('; ')[0]}; write {way_out}"
    shown = f" (given: {given!r})" if isinstance(given, str | int | float) else ""
    return f"{_path(item)}: {said}{shown}"


def _said(kind: str, context: Mapping[str, Any], given: object, otherwise: str) -> str:
    if kind in _TYPES:
        return must_be(_TYPES[kind], given)
    unit = "characters" if isinstance(given, str) else "items"
    return _SENTENCES.get(kind, otherwise).format(**{"unit": unit, **context})


def must_be(what: str, given: object) -> str:
    """That a value is of another type, with what helps: quotes are no help for a list."""
    if isinstance(given, list | tuple | Mapping):
        return f"must be {what}, not a {'map' if isinstance(given, Mapping) else 'list'}"
    if given is None:
        return f"must be {what}, and nothing is given"
    if what == "a string":
        return f"must be {what}; put it in quotes"
    scalar = what in ("a whole number", "a number", "true or false")
    return f"must be {what} without quotes" if scalar and isinstance(given, str) else f"must be {what}"


def _in_quotes(item: Mapping[str, Any], root: type[BaseModel], written: str) -> str | None:
    """What would be wrong with a number in quotes, too: it is not said to be put in these, and refused again."""
    if not isinstance(item.get("input"), int | float):
        return None
    left = _errors_with(item, root, written, str(item["input"]))
    here = [other for other in left or () if other["loc"] == item["loc"]]
    return next((str(other["ctx"]["error"]) for other in here if other["type"] == "value_error"), None)


def _does_as(item: Mapping[str, Any], root: type[BaseModel], written: str, value: object) -> bool:
    """Whether ``true`` was written for an object of which this is one, as ``approval: {}`` is."""
    left = _errors_with(item, root, written, value) if item.get("input") is True else None
    return left is not None and not any(other["loc"][: len(item["loc"])] == item["loc"] for other in left)


def _errors_with(
    item: Mapping[str, Any], root: type[BaseModel], written: str, value: object
) -> list[dict[str, Any]] | None:
    """What would be wrong with another value in the place of an error; None of what is no value, as a key of a map."""
    try:
        whole = json.loads(written)
        node = reduce(getitem, item["loc"][:-1], whole)
        node[item["loc"][-1]] = value
        root.model_validate_json(json.dumps(whole), strict=True, by_alias=True, by_name=False)
    except ValidationError as again:
        return [dict(other) for other in again.errors(include_url=False)]
    except (KeyError, IndexError, TypeError):
        return None
    return []


def _write(kind: str, given: object) -> str | None:
    """What was meant, where that is plain: a percentage (weights are in percent, all else are shares), one item in
    place of a list, or a list in place of its one item."""
    if kind == "string_type" and isinstance(given, list) and len(given) == 1 and isinstance(given[0], str):
        return given[0]
    if not isinstance(given, str):
        return None
    if kind == "tuple_type":
        return f"[{given}]"
    if not (found := _PERCENT.fullmatch(given)):
        return None
    if kind == "int_type":
        return found[1] if "." not in found[1] else None
    return f"{float(found[1]) / 100:g}" if kind == "float_type" else None


def _path(item: Mapping[str, Any]) -> str:
    """``spec.strategy.canary.steps[0].setWeight``, as the API server writes it."""
    parts = [part for part in item["loc"] if part != "[key]"]  # pydantic's mark of a wrong key
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
