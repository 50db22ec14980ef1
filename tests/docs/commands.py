"""The commands that the pages show. Each is run, or parsed, or on the list of those that are not, with why.

A command stands in a fenced block, one a line, or in back quotes in a sentence. Words in capitals are placeholders.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")),
        *ROOT.glob("charts/*/README.md"),
        *(page for page in ROOT.glob("docs/*.md") if page.name != "cli.md"),  # the commands' own help
        *ROOT.glob("e2e/**/README.md"),
        *ROOT.glob("examples/*.yaml"),  # their comments
    ]
)
PROGRAMS = ("modelrollout", "kubectl", "helm", "make", "python", "pip", "docker", "curl")

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)
INLINE = re.compile(r"`([^`]+)`")
NO_SHELL = ("yaml", "json", "python", "promql")
PLACEHOLDERS = {
    "NAME": "fraud",
    "NAMESPACE": "default",
    "VERSION": "2.4.1187",
    "FILE": "examples/canary.yaml",
    "URL": "http://prometheus:9090",
    "DIR": "build/models",
    "PREFIX": "fraud",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One command as a page shows it, with the placeholders filled in. ``in_words``: it stands in a sentence, where its
    name alone is no command but a mention."""

    page: str
    text: str
    in_words: bool

    @property
    def words(self) -> list[str]:
        """As a shell takes it; ``kubectl modelrollout`` is ``modelrollout``."""
        found = [PLACEHOLDERS.get(word, word) for word in shlex.split(self.text, comments=True)]
        found = [word for word in found if not re.fullmatch(r"\[.*\]?|.*\]|\.\.\.", word)]
        return found[1:] if found[:2] == ["kubectl", "modelrollout"] else found

    @property
    def program(self) -> str:
        """What is run."""
        return self.words[0]


def shown() -> list[Shown]:
    """All of them, each text once for each page."""
    found = [item for page in PAGES for item in _of(page)]
    return [item for item in dict.fromkeys(found) if len(item.words) > 1]


def _of(page: Path) -> list[Shown]:
    text, name = page.read_text(), str(page.relative_to(ROOT))
    if page.suffix == ".yaml":
        text = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    found = []
    for language, body in FENCE.findall(text):
        lines = body.replace("\\\n", " ").splitlines() if language not in NO_SHELL else []
        found += [Shown(name, line, False) for line in map(_command, lines) if line]
    prose = FENCE.sub("", text)
    return found + [Shown(name, line, True) for line in map(_command, INLINE.findall(prose)) if line]


def _command(line: str) -> str:
    """The command of a line, without a prompt and without what it is piped to; empty for anything else."""
    text = " ".join(line.split()).removeprefix("$ ").removeprefix(".venv/bin/").partition(" | ")[0]
    is_one = any(text.startswith(f"{program} ") for program in PROGRAMS) and not text.startswith("python -c")
    return text if is_one and "TOKEN" not in text and "{{" not in text else ""
