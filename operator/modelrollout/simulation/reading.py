"""Reading what a person wrote, strictly: every mistake is one sentence with the file, the field and the way out.

A misspelt key must never be a setting that silently did nothing: the release that comes out would look right.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from modelrollout.api.base import parse_duration

STANDARD_INPUT = Path("-")


class InputError(ValueError):
    """A file that cannot be used. The message is the whole sentence for the user."""


class _NoDuplicates(yaml.SafeLoader):
    """YAML in which a key that is given twice is a mistake, and not the last one wins."""


def _mapping(loader: _NoDuplicates, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.MarkedYAMLError(problem=f"the key {key!r} is given twice", problem_mark=node.start_mark)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_NoDuplicates.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_text(path: Path) -> str:
    """The file's text; of ``-`` the standard input's. Raises InputError."""
    try:
        if path == STANDARD_INPUT:
            return sys.stdin.read()
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"{path}: cannot be read: {reason}") from error


def read_documents(path: Path) -> list[Any]:
    """All YAML documents of a file that are not empty. Raises InputError."""
    try:
        return [item for item in yaml.load_all(read_text(path), Loader=_NoDuplicates) if item is not None]
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{path}{line}: this is no YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: this is no YAML: {error}") from error


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document with its path, for example ``candidate.errors[1].from``."""

    file: str
    path: str
    value: Any

    def error(self, sentence: str) -> InputError:
        """The sentence with file and path in front."""
        where = f"{self.file}: {self.path}" if self.path else self.file
        return InputError(f"{where}: {sentence}")

    def fields(self, *known: str) -> dict[str, Node]:
        """The fields of a mapping, each one of ``known``."""
        if not isinstance(self.value, dict):
            raise self.error(f"{self.value!r} is no mapping; its keys are {', '.join(known)}")
        for key in self.value:
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
                raise self.child(str(key), None).error(f"this key is not known; {hint}")
        return self.children()

    def children(self) -> dict[str, Node]:
        """The fields of a mapping, whatever their names."""
        if not isinstance(self.value, dict):
            raise self.error(f"{self.value!r} is no mapping")
        return {str(key): self.child(str(key), value) for key, value in self.value.items()}

    def child(self, key: str, value: Any) -> Node:
        """A field of this mapping."""
        return Node(self.file, f"{self.path}.{key}" if self.path else key, value)

    def items(self) -> Iterator[Node]:
        """The items of a list."""
        if not isinstance(self.value, list) or not self.value:
            raise self.error(f"{self.value!r} is no list with at least one item")
        for index, value in enumerate(self.value):
            yield Node(self.file, f"{self.path}[{index}]", value)

    def number(self, low: float, high: float, what: str) -> float:
        """A number from ``low`` to ``high``; ``what`` says so in words."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.error(f"{value!r} is not {what}")
        return float(value)

    def share(self) -> float:
        """A number from 0 to 1."""
        return self.number(0.0, 1.0, "a share between 0 and 1; write for example 0.05 for 5 %")

    def seconds(self, *, positive: bool = False) -> float:
        """A duration such as ``90s`` or ``5m``."""
        if not isinstance(self.value, str):
            raise self.error(f"{self.value!r} is not a duration; write for example 30s, 5m or 1h30m")
        try:
            seconds = parse_duration(self.value)
        except ValueError as error:
            raise self.error(str(error)) from error
        assert isinstance(seconds, float)
        if positive and seconds <= 0:
            raise self.error("must be longer than 0s")
        return seconds

    def word(self, *known: str) -> str:
        """One of the known words."""
        if self.value not in known:
            raise self.error(f"{self.value!r} is not known here; write {' or '.join(known)}")
        return str(self.value)
