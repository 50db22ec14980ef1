"""What a suite is: tasks that can run in any process and in any order, and the measures that come of their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.stats.measures import Measure

Results = Mapping[str, Mapping[str, Mapping[str, Measure]]]  # cell -> rule -> what is measured -> measure
Names = tuple[str, ...]
CHUNK = 125  # runs of one task


@dataclass(frozen=True, slots=True)
class Form:
    """How much is run. ``runs`` overrides the cells' own numbers; ``quick`` leaves out what takes minutes."""

    seed: int = 1
    runs: int | None = None
    quick: bool = False

    def number(self, usual: int) -> int:
        """How many runs of a cell that usually has so many."""
        return self.runs or (min(400, usual) if self.quick else usual)


@dataclass(frozen=True, slots=True)
class Task:
    """Some runs of one cell. ``work`` is a function of a module, and is called with ``arguments``."""

    cell: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...]

    def run(self) -> Any:
        """The raw results of these runs."""
        return self.work(*self.arguments)


@dataclass(frozen=True, slots=True)
class Suite:
    """``tasks`` of a form, and ``measure`` of all their results in order, each with its task."""

    name: str
    tasks: Callable[[Form], list[Task]]
    measure: Callable[[Sequence[tuple[Task, Any]]], Results]


class Counted(Protocol):
    """A cell that says how many runs of it the full form has."""

    @property
    def runs(self) -> int: ...


def tasks_of(
    cells: Mapping[str, Counted], work: Callable[..., Any], form: Form, *, size: int, quick: int, begin: Names = ("",)
) -> list[Task]:
    """All chunks of all cells, ``size`` runs each; in the quick form ``quick`` runs of those whose names ``begin`` so.
    ``work`` is called with the cell's name, the chunk's number, its runs and the seed."""
    return [
        Task(name, work, (name, index, runs, form.seed))
        for name, cell in cells.items()
        if not form.quick or name.startswith(begin)
        for index, runs in chunks(form.runs or (quick if form.quick else cell.runs), size)
    ]


def ends_by_cell(results: Sequence[tuple[Task, Any]]) -> dict[str, list[Any]]:
    """The raw results of each cell, where each is a list: all of them in one."""
    return {name: [end for part in parts for end in part] for name, parts in by_cell(results).items()}


def chunks(runs: int, size: int = CHUNK) -> list[tuple[int, int]]:
    """Number and size of each part of so many runs."""
    return [(index, min(size, runs - start)) for index, start in enumerate(range(0, runs, size))]


def by_cell(results: Sequence[tuple[Task, Any]]) -> dict[str, list[Any]]:
    """The raw results of each cell."""
    cells: dict[str, list[Any]] = {}
    for task, raw in results:
        cells.setdefault(task.cell, []).append(raw)
    return cells
