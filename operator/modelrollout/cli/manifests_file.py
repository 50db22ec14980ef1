"""A file of manifests as documents, read so that nothing a person wrote is lost on the way.

PyYAML keeps the last of two equal keys without a word, and ``strategy:`` twice in one manifest would be released by
the second alone. So equal keys are an error here, as they are for the API server's strict validation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Document:
    """One document: the file's name as given, its number in the file (from 1), and what it holds."""

    file: str
    number: int
    body: Any

    @property
    def place(self) -> str:
        """``fraud.yaml document 2``, with the object's name where it has one."""
        metadata = self.body.get("metadata") if isinstance(self.body, dict) else None
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return f"{self.file} document {self.number}" + (f" ({name})" if isinstance(name, str) else "")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class _StrictLoader(yaml.SafeLoader):
    """Refuses a mapping that has a key twice. Dates stay the strings that they are in JSON."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, or an error that names the key and its line."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is given twice in one map; keep one", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_documents(file: str, text: str) -> Iterator[Document | Problem]:
    """The documents of a file that hold anything; a Problem in place of the rest where YAML cannot be read.

    JSON is YAML. A ``List`` stands for its items.
    """
    number = 0
    try:
        for body in yaml.load_all(text, _StrictLoader):
            number += 1
            yield from _flat(file, number, body)
    except yaml.YAMLError as error:
        yield Problem(f"{file} document {number + 1}", _words(error))


def _flat(file: str, number: int, body: Any) -> Iterator[Document]:
    if isinstance(body, dict) and body.get("kind") == "List" and isinstance(body.get("items"), list):
        for item in body["items"]:
            yield from _flat(file, number, item)
    elif body is not None:
        yield Document(file, number, body)


def _words(error: yaml.YAMLError) -> str:
    """What PyYAML says, on one line, with the line and column of the text."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return "no YAML: " + " ".join(str(error).split())
