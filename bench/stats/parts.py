"""Parts: what a run that was broken off in the middle of a suite had come to, beside its file of results.

A suite takes up to an hour, and a machine is not always one's own for so long. Each part (the runs of one task) is
kept as soon as it is there. It counts again only for the same bench of the same code: a part is known by a digest of
all that could change it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from bench.stats.suite import Task

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "api", "strategies", "resource", "simulation")
CODE = ("bench/stats", *(f"operator/modelrollout/{package}" for package in PACKAGES))


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts in a file, of code with this digest."""

    path: Path
    code: str

    @classmethod
    def beside(cls, results: Path) -> Parts:
        """Those that belong to a file of results, by the code as it is now."""
        return cls(results.with_name(f"{results.name}.parts"), digest_of_code())

    def of(self, tasks: Sequence[Task]) -> dict[int, Any]:
        """The results that are there, by the tasks' numbers."""
        known = dict(self._read()) if self.path.exists() else {}
        names = {index: self.name(task) for index, task in enumerate(tasks)}
        return {index: known[name] for index, name in names.items() if name in known}

    def add(self, task: Task, result: Any) -> None:
        """One more is there."""
        with self.path.open("ab") as file:
            pickle.dump((self.name(task), result), file)

    def forget(self) -> None:
        """The suite is written: its parts are of no use any more."""
        self.path.unlink(missing_ok=True)

    def name(self, task: Task) -> str:
        """What a task's result is known by."""
        return f"{self.code} {task.work.__module__} {task.cell} {task.arguments!r}"

    def _read(self) -> Iterator[tuple[str, Any]]:
        with self.path.open("rb") as file:
            while True:
                try:
                    yield pickle.load(file)
                except (EOFError, pickle.UnpicklingError):  # its end, or one that was being written
                    return


def digest_of_code() -> str:
    """Of every source that decides about results."""
    digest = blake2b(digest_size=8)
    for folder in CODE:
        for source in sorted((ROOT / folder).rglob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()
