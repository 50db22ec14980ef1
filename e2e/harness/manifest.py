"""Reads a story's manifest: a YAML file as a user would write it, with a few places that only this run knows.

The places are `${namespace}`, `${image}`, `${models}`, `${gateway}` and whatever the story itself hands in.
"""

from __future__ import annotations

from pathlib import Path
from string import Template


def fill(manifest: Path, **values: object) -> str:
    """The YAML text. Raises KeyError for a place without a value, and ValueError for a value without a place."""
    template = Template(manifest.read_text())
    return template.substitute({name: str(value) for name, value in values.items()})
