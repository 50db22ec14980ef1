"""What is wrong with a spec, in sentences that name the field, the value and the way out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from modelrollout.resource.meant import meant

_TYPES = {
    "string_type": "must be a string; put it in quotes",
    "int_type": "must be a whole number without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number without quotes",
    "bool_type": "must be true or false without quotes",
    "tuple_type": "must be a list",
    "dict_type": "must be a map of names to values",
    "model_type": "must be a map of names to values",
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
    "too_long": "must have at most {max_length} items",
    "too_short": "must have at least {min_length} item",
}


_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


def explain(error: ValidationError, root: type[BaseModel]) -> tuple[str, ...]:
    """Each error of a validation as a sentence, with the path as the user wrote it: ``spec.model.version: ...``.
    ``root`` is the type of the whole."""
    errors = error.errors(include_url=False)
    places = [item["loc"] for item in errors]
    return tuple(_sentence(dict(item), root) for item in errors if not _follows(dict(item), places))


def _follows(item: Mapping[str, Any], places: list[tuple[int | str, ...]]) -> bool:
    """pydantic counts only the items that are right, so a list is also too short when its one item is wrong."""
    place = item["loc"]
    return item["type"] == "too_short" and any(other[: len(place)] == place != other for other in places)


def _sentence(item: Mapping[str, Any], root: type[BaseModel]) -> str:
    """One error. A value that is a whole object is not repeated."""
    kind, context, given = item["type"], item.get("ctx", {}), item.get("input")
    if kind == "value_error":
        return f"{_path(item)}: {context['error']}"
    if kind == "extra_forbidden" and (field := meant(root, item["loc"], "spec")) is not None:
        return f"{_path(item)}: is no field here; did you mean {field}?"
    said = (_TYPES | _SENTENCES).get(kind, str(item["msg"])).format(**context)
    if (way_out := _write(kind, given)) is not None:
        return f"{_path(item)}: {said.partition('; ')[0]}; write {way_out}"
    shown = f" (given: {given!r})" if isinstance(given, str | int | float) else ""
    return f"{_path(item)}: {said}{shown}"


def _write(kind: str, given: object) -> str | None:
    """What was meant, where that is plain: a percentage (weights are in percent, all else are shares), or one item in
    place of a list."""
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
