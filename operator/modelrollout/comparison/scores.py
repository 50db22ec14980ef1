"""Scores: of each row one number, whose distribution is told for each version. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from modelrollout.api.shadow import Compare, How
from modelrollout.comparison.compare import Comparison
from modelrollout.comparison.reply import Ranked, Row
from modelrollout.core.validate.answer import is_number


def scored_output(comparison: Comparison, rows: Sequence[Row]) -> str | None:
    """The output that makes the scores: the one that the settings name, or else the first that is made of numbers."""
    rules: Compare = comparison.rules
    if rules.score is not None or not rows:
        return rules.score
    names = (name for name in sorted(rows[0]) if comparison.rule(name).by is not How.IGNORE)
    return next((name for name in names if score(rows[0][name]) is not None), None)


def scores(rows: Sequence[Row], output: str) -> list[float | None]:
    """Of each row; None where it has none."""
    return [score(row.get(output)) for row in rows]


def score(value: Any) -> float | None:
    """A number as it is; of several the highest, whichever class it is of. What is no finite number makes no score."""
    given = value.scores if isinstance(value, Ranked) else value if isinstance(value, list) else [value]
    if not given or not all(is_number(one) and one == one for one in given):
        return None
    try:
        highest = float(max(given))
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return highest if isfinite(highest) else None
