"""``docs/settings.md``: every setting of the operator, from its own type (``python -m tests.docs.settings``)."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from modelrollout.api.base import format_duration
from modelrollout.runtime.settings import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
HEAD = """# Settings of the operator

Generated from the code (`make docs`). All come from the environment; the
[Helm chart](../charts/modelrollout/values.yaml) sets them. A value that cannot be read stops the start with a sentence
that names the variable.

| variable | default | what for |
|---|---|---|
"""


def shown(value: object, unit: str) -> str:
    """A default as one would write it."""
    if value is None or value in ((), ""):
        return "–"
    return f"`{format_duration(value)}`" if unit == "duration" and isinstance(value, float) else f"`{value}`"


def page() -> str:
    """The whole page."""
    rows = (
        f"| `{PREFIX}{item.name.upper()}` | {shown(item.default, known['unit'])} | {known['reason']} |\n"
        for item in fields(Settings)
        for known in (item.metadata,)
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
