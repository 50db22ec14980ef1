"""A bench that was broken off goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.stats.__main__ import run_all
from bench.stats.parts import Parts
from bench.stats.suite import Task


def noted(folder: str, number: int) -> int:
    """Ten times the number; a file says that it was computed."""
    (Path(folder) / str(number)).touch()
    return 10 * number


def tasks(folder: Path) -> list[Task]:
    return [Task("cell", noted, (str(folder), number)) for number in range(4)]


def test_what_is_there_is_not_run_again(tmp_path: Path) -> None:
    work, parts = tmp_path / "work", Parts.beside(tmp_path / "out.json")
    work.mkdir()
    for task in tasks(work)[:2]:
        parts.add(task, task.run())
        (work / str(task.arguments[1])).unlink()
    assert run_all(tasks(work), 1, parts) == [0, 10, 20, 30]
    assert sorted(path.name for path in work.iterdir()) == ["2", "3"]
    assert parts.of(tasks(work)) == {0: 0, 1: 10, 2: 20, 3: 30}


def test_parts_of_other_code_do_not_count(tmp_path: Path) -> None:
    parts = Parts.beside(tmp_path / "out.json")
    parts.add(tasks(tmp_path)[0], 0)
    assert replace(parts, code="other").of(tasks(tmp_path)) == {}


def test_one_that_was_being_written_is_left_out(tmp_path: Path) -> None:
    parts = Parts.beside(tmp_path / "out.json")
    for task in tasks(tmp_path)[:2]:
        parts.add(task, 7)
    parts.path.write_bytes(parts.path.read_bytes()[:-3])
    assert parts.of(tasks(tmp_path)) == {0: 7}


def test_a_suite_that_is_written_leaves_nothing(tmp_path: Path) -> None:
    parts = Parts.beside(tmp_path / "out.json")
    parts.add(tasks(tmp_path)[0], 0)
    parts.forget()
    assert not parts.path.exists()
