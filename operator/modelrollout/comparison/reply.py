"""Reply: what one version answered to one replay, whichever protocol it came by.

What a model gave is kept as rows, each with its outputs by name, so that a request of many rows is compared row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.compared import Outcome

Row = Mapping[str, Any]
"""Values by output: numbers, texts, truth values, bytes, lists of them, or a ``Ranked``."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Classes with their scores, the highest first; of classes without a label the place is the label."""

    labels: tuple[str, ...]
    scores: tuple[float, ...]

    @classmethod
    def of(cls, pairs: list[tuple[str, float]]) -> Ranked:
        """From what a model gave, in any order."""
        named = [(label or str(place), score) for place, (label, score) in enumerate(pairs)]
        ordered = sorted(named, key=lambda pair: -pair[1])
        return cls(tuple(label for label, _ in ordered), tuple(score for _, score in ordered))


@dataclass(frozen=True, slots=True)
class Reply:
    """``rows`` is None where the server answered well and nobody can read it; ``unread`` says why."""

    outcome: Outcome
    seconds: float | None = None
    rows: tuple[Row, ...] | None = None
    unread: str | None = None
