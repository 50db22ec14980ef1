"""``python -m bench.check out.json bench/goals.toml``: is every goal met by what was measured?

Prints a table of goal, measured value and limit, and exits 1 when one is missed or was not measured. A goal says which
end of the 95 % limits must keep to it: ``high`` for what must be shown, ``value`` for a median or a cost. The quick
form has too few runs to show anything of the kind; there a goal is missed when even the ``low`` end is beyond it, and
goals that it does not measure are left out.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench.stats.measures import Measure, from_json


@dataclass(frozen=True, slots=True)
class Goal:
    """``at`` is the path of a measure, suite, cell, rule and name; ``by`` the end of its limits that is compared."""

    number: int
    what: str
    at: tuple[str, ...]
    limit: float
    unit: str
    by: str


@dataclass(frozen=True, slots=True)
class Row:
    """A goal and what became of it. ``measured`` is None where nothing was measured."""

    goal: Goal
    measured: Measure | None
    met: bool


def read_goals(path: Path) -> list[Goal]:
    """The goals of a file, in its order."""
    with path.open("rb") as file:
        return [goal_of(entry) for entry in tomllib.load(file)["goals"]]


def goal_of(entry: Mapping[str, Any]) -> Goal:
    """One entry of the file. Raises click.ClickException for one that is not understood."""
    at = tuple(part.strip() for part in entry["at"].split("|"))
    if len(at) != 4 or entry["by"] not in ("low", "value", "high"):
        raise click.ClickException(f"goal {entry}: at is 'suite | cell | rule | measure', by is low, value or high")
    return Goal(entry["number"], entry["what"], at, float(entry["limit"]), entry["unit"], entry["by"])


def compare(results: Mapping[str, Any], goals: Sequence[Goal], *, quick: bool) -> list[Row]:
    """Each goal with its measure; in the quick form only those that were measured."""
    rows = [row_of(goal, measure_at(results, goal.at), quick) for goal in goals]
    return [row for row in rows if row.measured is not None or not quick]


def measure_at(results: Mapping[str, Any], path: Sequence[str]) -> Measure | None:
    """What was measured there."""
    found: Any = results
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return dict(found) if found is not None else None


def row_of(goal: Goal, measured: Measure | None, quick: bool) -> Row:
    """Whether the goal is met."""
    if measured is None:
        return Row(goal, None, False)
    return Row(goal, measured, from_json(measured["low" if quick else goal.by]) <= goal.limit)


def show(value: float | str, unit: str) -> str:
    """A number with its unit."""
    if isinstance(value, str):
        return value
    return f"{100 * value:.2g} %" if unit == "%" else f"{value:.3g} {unit}"


def cells_of(row: Row) -> tuple[str, ...]:
    """One line of the table: number, what, measured, its limits, the goal, and whether it is met."""
    goal, found = row.goal, row.measured
    if found is None:
        return f"{goal.number}", goal.what, "not measured", "", f"<= {show(goal.limit, goal.unit)}", "MISSED"
    limits = f"{show(found['low'], goal.unit)} to {show(found['high'], goal.unit)}"
    wanted = f"<= {show(goal.limit, goal.unit)}{COMPARED[goal.by]}"
    verdict = "met" if row.met else "MISSED"
    return f"{goal.number}", goal.what, show(found["value"], goal.unit), limits, wanted, verdict


COMPARED = {"value": "", "high": " (upper limit)", "low": " (lower limit)"}
"""Which of the measured numbers has to be at most the goal, where it is not the measured one itself."""

HEAD = ("#", "goal", "measured", "95 % limits", "limit", "")


@click.command()
@click.argument("measured", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("goals", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(measured: Path, goals: Path) -> None:
    """Compare what was MEASURED with the GOALS."""
    body = json.loads(measured.read_text(encoding="utf-8"))
    rows = compare(body["results"], read_goals(goals), quick=body["form"] == "quick")
    if not rows:
        raise click.ClickException(f"{measured} holds none of the measures that {goals} names")
    lines = [HEAD, *(cells_of(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    for cells in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    missed = sum(not row.met for row in rows)
    click.echo(f"{len(rows) - missed} of {len(rows)} goals met ({body['form']} form, seed {body['seed']})")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
