"""Profile: a number that changes at given times and stays the same in between."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from modelrollout.simulation.reading import Node


@dataclass(frozen=True, slots=True)
class Profile:
    """``values[i]`` holds from ``starts[i]`` seconds after the start of the release; ``starts[0]`` is 0."""

    starts: tuple[float, ...]
    values: tuple[float, ...]

    @classmethod
    def constant(cls, value: float) -> Profile:
        """The same number at all times."""
        return cls((0.0,), (value,))

    def at(self, time: float) -> float:
        """The number in force at ``time``; before the start, the first one."""
        return self.values[max(bisect_right(self.starts, time) - 1, 0)]

    @property
    def changes(self) -> tuple[float, ...]:
        """The times at which the number changes."""
        return self.starts[1:]


def read_profile(node: Node, read: Callable[[Node], float]) -> Profile:
    """A number, or a list of ``{from: 900s, value: 0.05}`` in order of time, the first one from 0s."""
    if not isinstance(node.value, list):
        return Profile.constant(read(node))
    parts = list(_parts(node, read))
    starts = tuple(start for start, _ in parts)
    if starts[0] != 0:
        raise node.error("the first part must be from: 0s, or nothing is said of the time before it")
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise node.error("each part must be from a later time than the one before it")
    return Profile(starts, tuple(value for _, value in parts))


def _parts(node: Node, read: Callable[[Node], float]) -> Iterator[tuple[float, float]]:
    for item in node.items():
        fields = item.fields("from", "value")
        for key in ("from", "value"):
            if key not in fields:
                raise item.error(f"{key} is missing; write for example {{from: 900s, value: 0.05}}")
        yield fields["from"].seconds(), read(fields["value"])
