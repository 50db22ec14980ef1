"""Answer: what a server said to one sample, and how such answers are compared. Pure, on values of JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.api.samples import Tolerance

ROWS, COLUMNS = "predictions", "outputs"
DEPTH = 32  # of lists in lists; what is deeper is no tensor


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``sample`` names the request; ``value`` is the JSON of the body; ``problem`` says why there is no
    answer, or none that can be read."""

    sample: str
    status: int | None = None
    value: Any = None
    seconds: float = 0.0
    problem: str | None = None

    @property
    def outputs(self) -> Any:
        """What the model gave."""
        return self.value.get(ROWS, self.value.get(COLUMNS)) if isinstance(self.value, dict) else None

    @property
    def fault(self) -> str | None:
        """What is wrong with it by itself. Without a fault it is some outputs, of a depth that can be looked at."""
        if self.problem is not None:
            return self.problem
        if self.outputs is None:
            return f"the answer has neither {ROWS} nor {COLUMNS}"
        return not_finite(self.outputs)

    @property
    def rows(self) -> Sequence[Any]:
        """What it gave for each row; as one, where the answer is by columns."""
        if isinstance(self.value, dict) and isinstance(self.value.get(ROWS), list):
            found: list[Any] = self.value[ROWS]
            return found
        return [self.outputs]


def not_finite(value: Any, where: str = "", depth: int = 0) -> str | None:
    """The first number that is none."""
    if depth > DEPTH:
        return f"the answer is nested deeper than {DEPTH} lists"
    below: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        below = [(f"{where}.{key}".lstrip("."), item) for key, item in value.items()]
    elif isinstance(value, list):
        below = [(f"{where}[{index}]", item) for index, item in enumerate(value)]
    elif isinstance(value, float) and not math.isfinite(value):
        return f"{where or 'it'} is {value}, which is no finite number"
    return next((words for place, item in below if (words := not_finite(item, place, depth + 1)) is not None), None)


def difference(expected: Any, found: Any, tolerance: Tolerance, where: str = "") -> str | None:
    """The first place where two values are not the same, in words; None when they are."""
    match expected, found:
        case dict(), dict():
            if expected.keys() != found.keys():
                return f"{where or 'the answer'} has {_keys(found)}, not {_keys(expected)}"
            below = ((f"{where}.{key}".lstrip("."), expected[key], found[key]) for key in expected)
        case list(), list():
            if len(expected) != len(found):
                return f"{where or 'the answer'} has {len(found)} items, not {len(expected)}"
            below = ((f"{where}[{index}]", *pair) for index, pair in enumerate(zip(expected, found, strict=True)))
        case _:
            return (
                None
                if same(expected, found, tolerance)
                else f"{where or 'it'} is {_told(found)}, not {_told(expected)}"
            )
    return next((words for place, one, other in below if (words := difference(one, other, tolerance, place))), None)


def same(expected: Any, found: Any, tolerance: Tolerance) -> bool:
    """Of two values that hold no others."""
    if is_number(expected) and is_number(found):
        try:
            return bool(abs(expected - found) <= tolerance.atol + tolerance.rtol * abs(expected))
        except OverflowError:  # whole numbers of hundreds of digits
            return bool(expected == found)
    return type(expected) is type(found) and bool(expected == found)


def is_number(value: Any) -> bool:
    """True and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def ranking(scores: Sequence[float], length: int) -> list[int]:
    """The places of the highest scores, the highest first."""
    return sorted(range(len(scores)), key=lambda place: -scores[place])[:length]


def score_lists(value: Any, depth: int = 0) -> Iterator[list[float]]:
    """Every innermost list of numbers."""
    if depth > DEPTH:
        return
    if isinstance(value, list) and value and all(map(is_number, value)):
        yield value
    elif isinstance(value, list | dict):
        items = value if isinstance(value, list) else (value[key] for key in sorted(value))
        for item in items:
            yield from score_lists(item, depth + 1)


def _keys(value: dict[str, Any]) -> str:
    return ", ".join(sorted(value)[:5]) or "nothing"


def _told(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
