"""``docs/reference.md``: every field of the spec, from the types themselves (``python -m tests.docs.reference``)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from modelrollout.api.base import format_duration
from modelrollout.resource.spec import Spec

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
HEAD = """# Reference: the fields of a ModelRollout

Generated from the types (`make docs`). Durations are strings such as `90s`, `5m` or `1h30m`. A field that is not
here is refused.

"""


def parts(kind: Any) -> Iterator[Any]:
    """The types inside an annotation, itself included."""
    yield kind
    for inner in get_args(kind):
        yield from parts(inner)


def models_of(kind: Any) -> list[type[BaseModel]]:
    """The models that an annotation holds."""
    return [part for part in parts(kind) if isinstance(part, type) and issubclass(part, BaseModel)]


def is_duration(field: FieldInfo) -> bool:
    """Durations are floats inside and strings outside."""
    return any("format_duration" in repr(part) for part in (*parts(field.annotation), *field.metadata))


def type_of(kind: Any) -> str:
    """A type in the words of YAML."""
    origin = get_origin(kind)
    if origin is Annotated:
        return type_of(get_args(kind)[0])
    if origin in (Union, UnionType):
        return " or ".join(type_of(part) for part in get_args(kind) if part is not NoneType)
    if origin is tuple:
        return f"list of {type_of(get_args(kind)[0])}"
    if origin is dict:
        return "map"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " \\| ".join(f"`{item.value}`" for item in kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "object"
    return {str: "string", int: "integer", float: "number", bool: "boolean"}.get(kind, "any")


def default_of(field: FieldInfo) -> str:
    """The default as one would write it, or that the field must be given."""
    value = field.default
    if field.is_required():
        return "required"
    if value is None or value in ((), {}):
        return "–"
    if isinstance(value, BaseModel):
        shown = value.model_dump(mode="json", by_alias=True, exclude_none=True)
        written = ", ".join(f"{name}: {part}" for name, part in shown.items())
        return f"`{written}`" if shown and len(written) < 60 and "{" not in written else "see below"
    if is_duration(field):
        return f"`{format_duration(value)}`"
    if isinstance(value, tuple):
        return "`" + str([getattr(item, "name", item) for item in value]) + "`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def description_of(field: FieldInfo) -> str:
    """The field's own words, or the first sentence of what its type says of itself."""
    if field.description:
        return field.description
    described = [part for part in parts(field.annotation) if isinstance(part, type) and part.__module__ != "builtins"]
    words = next((" ".join((part.__doc__ or "").split()) for part in described if part is not NoneType), "")
    return words.partition(". ")[0].rstrip(".") + "."


def tables(model: type[BaseModel], path: str) -> Iterator[str]:
    """One table for a model, then those of the models inside it."""
    words = " ".join((model.__doc__ or "").split())
    yield f"## `{path}`\n\n{words}\n\n| field | type | default | what it is |\n|---|---|---|---|\n"
    inner: list[tuple[type[BaseModel], str]] = []
    for name, field in model.model_fields.items():
        shown = field.alias or name
        kind = "duration" if is_duration(field) else type_of(field.annotation)
        yield f"| `{shown}` | {kind} | {default_of(field)} | {description_of(field)} |\n"
        suffix = "[]" if kind.startswith("list") else ""
        inner += [(found, f"{path}.{shown}{suffix}") for found in models_of(field.annotation)]
    yield "\n"
    for found, where in inner:
        yield from tables(found, where)


def page() -> str:
    """The whole page."""
    return HEAD + "".join(tables(Spec, "spec"))


if __name__ == "__main__":
    PAGE.write_text(page())
