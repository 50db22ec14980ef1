"""Reads a story's manifest: a YAML file as a user would write it, with a few places that only this run knows.

The places are `${namespace}`, `${image}`, `${models}`, `${gateway}` and whatever the story itself hands in. Text of
several lines goes into a block of YAML: it is indented like its first line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template


def fill(manifest: Path, **values: object) -> str:
    """The YAML text. Raises KeyError for a place without a value."""
    lines = [_fill(line, values) for line in manifest.read_text().splitlines()]
    return "\n".join(lines) + "\n"


def _fill(line: str, values: Mapping[str, object]) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    filled = Template(line).substitute({name: str(value) for name, value in values.items()})
    return filled.rstrip("\n").replace("\n", f"\n{indent}")
