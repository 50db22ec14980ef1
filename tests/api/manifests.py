"""The manifests that must be refused: ``refused/NAME.yaml``, each with the words of its sentence.

``# expect: a ... b`` means that the sentence has a and later b. A file of several documents is a history: all but the
last are accepted, and a ``status`` in one is what the operator wrote then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "refused"
EXPECT = "# expect: "


@dataclass(frozen=True, slots=True)
class Refused:
    """One file."""

    name: str
    expected: tuple[str, ...]
    history: tuple[dict[str, Any], ...]
    manifest: dict[str, Any]

    def missing(self, sentence: str) -> list[str]:
        """What the sentence should say and does not."""
        return [expected for expected in self.expected if not _says(sentence, expected)]


def _says(sentence: str, expected: str) -> bool:
    for part in expected.split(" ... "):
        _, found, sentence = sentence.partition(part.removesuffix(" ..."))
        if not found:
            return False
    return True


def refused() -> list[Refused]:
    """All of them, by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.yaml"))]


def _read(path: Path) -> Refused:
    text = path.read_text(encoding="utf-8")
    expected = tuple(line.removeprefix(EXPECT) for line in text.splitlines() if line.startswith(EXPECT))
    *history, last = yaml.safe_load_all(text)
    return Refused(path.stem, expected, tuple(history), last)
