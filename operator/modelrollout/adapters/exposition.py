"""The text in which Prometheus scrapes a process, version 0.0.4.

The format is a few lines of code, and the values are kept where they arise, so there is no client library: it takes
three times as long (``python -m bench.page``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4"

Labels = Mapping[str, str]
Row = tuple[str, Labels, float]
"""The name, where it is not the family's; labels; value."""
Family = tuple[str, str, str, Sequence[Row]]
"""Name, type, help, rows."""


@dataclass(slots=True)
class Histogram:
    """Counts of what was measured by the upper bound of it, in ascending order."""

    bounds: Sequence[float]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """One value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def rows(self, name: str, labels: Labels) -> Iterator[Row]:
        """As Prometheus wants it: cumulative."""
        below = 0
        for bound, count in zip((*self.bounds, "+Inf"), self.counts, strict=True):
            below += count
            yield f"{name}_bucket", {**labels, "le": str(bound)}, below
        yield f"{name}_sum", labels, self.total
        yield f"{name}_count", labels, below


def page(families: Iterable[Family]) -> str:
    """The whole text."""
    return "".join(_text(family) for family in families)


def _text(family: Family) -> str:
    name, kind, text, rows = family
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f"{own or name}{_labels(labels)} {_number(value)}" for own, labels, value in rows]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Counts without a fraction, everything else in full."""
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(str(value))}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
