"""Which field a person may have meant: one of that place that is nearly called so, or one of that name elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

NEAR = 0.65  # of difflib's ratio: one letter of a short word, a few of a long one
MOST_PLACES = 2  # a name that more places have is no hint

Models = tuple[type[BaseModel], ...]


def near(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearly the given one, if any is."""
    by_lower_case = {item.lower(): item for item in known}
    found = get_close_matches(name.lower().replace("_", ""), by_lower_case, n=1, cutoff=NEAR)
    return by_lower_case[found[0]] if found else None


def meant(root: type[BaseModel], place: Sequence[int | str], above: str) -> str | None:
    """The field that was meant by the last part of ``place`` in an object of type ``root``, which is called ``above``:
    by its name alone where it belongs there, else with its whole path."""
    if sibling := beside(root, place):
        return sibling
    elsewhere = list(dict.fromkeys(_paths(root, str(place[-1]), above)))
    return " or ".join(elsewhere) if 0 < len(elsewhere) <= MOST_PLACES else None


def beside(root: type[BaseModel], place: Sequence[int | str]) -> str | None:
    """The field of the same object that is nearly called so."""
    return near(str(place[-1]), (field for model in _at(root, place[:-1]) for field in _fields(model)))


def _at(root: type[BaseModel], place: Sequence[int | str]) -> Models:
    """The types of the object at a place. What is no field is an index, or a name in a map."""
    models: Models = (root,)
    for part in place:
        below = [fields[part] for model in models if (fields := _fields(model)) and part in fields]
        models = tuple(found for each in below for found in each) if below else models
    return models


def _paths(
    model: type[BaseModel], name: str, above: str, seen: frozenset[type[BaseModel]] = frozenset()
) -> Iterator[str]:
    """All places that have a field of this name."""
    for field, below in _fields(model).items():
        path = f"{above}.{field}"
        if field == name:
            yield path
        for each in below:
            if each not in seen:
                yield from _paths(each, name, path, seen | {model})


def _fields(model: type[BaseModel]) -> Mapping[Any, Models]:
    """The fields of an object as they are written, with the types of the objects in each."""
    return {info.alias or name: tuple(_models_in(info.annotation)) for name, info in model.model_fields.items()}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
