"""``bench.check``: a goal is met, missed or not measured, and the exit code says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bench.check import main, read_goals
from bench.stats.__main__ import ALL
from bench.stats.suite import Form

GOALS = Path(__file__).parents[2] / "bench" / "goals.toml"
GOAL = """
[[goals]]
number = 1
what = "false rollbacks"
at = "canary | healthy | ModelRollout | rolledBack"
limit = 0.01
by = "{by}"
unit = "%"
"""


def measured(value: float | str, low: float | str, high: float | str) -> dict[str, Any]:
    """The results of a bench with one measure."""
    measure = {"value": value, "low": low, "high": high, "runs": 400}
    return {"canary": {"healthy": {"ModelRollout": {"rolledBack": measure}}}}


def check(folder: Path, results: dict[str, Any], *, by: str = "high", form: str = "full") -> Result:
    """The command on these results and one goal."""
    (folder / "out.json").write_text(json.dumps({"form": form, "seed": 1, "results": results}))
    (folder / "goals.toml").write_text(GOAL.format(by=by))
    return CliRunner().invoke(main, [str(folder / "out.json"), str(folder / "goals.toml")])


CASES = {
    "upper limit below": (measured(0.002, 0.0, 0.009), "high", "full", 0),
    "upper limit above": (measured(0.002, 0.0, 0.011), "high", "full", 1),
    "value below, whatever its limits": (measured(0.009, 0.0, 0.5), "value", "full", 0),
    "value above": (measured(0.011, 0.0, 0.5), "value", "full", 1),
    "never is above every limit": (measured("never", 0.0, "never"), "value", "full", 1),
    "not measured": ({"canary": {}}, "high", "full", 1),
    "quick: not disproven": (measured(0.02, 0.009, 0.05), "high", "quick", 0),
    "quick: disproven": (measured(0.03, 0.011, 0.05), "high", "quick", 1),
    "quick: nothing measured at all": ({"canary": {}}, "high", "quick", 1),
}


@pytest.mark.parametrize(("results", "by", "form", "code"), CASES.values(), ids=CASES.keys())
def test_exit_code(results: dict[str, Any], by: str, form: str, code: int, tmp_path: Path) -> None:
    assert check(tmp_path, results, by=by, form=form).exit_code == code


def test_the_table_shows_goal_measure_and_limit(tmp_path: Path) -> None:
    lines = check(tmp_path, measured(0.002, 0.0005, 0.011)).output.splitlines()
    assert lines[1].split("  ")[0] == "1"
    assert "0.2 %" in lines[1]
    assert "0.05 % to 1.1 %" in lines[1]
    assert lines[1].endswith("<= 1 % (upper limit)  MISSED")
    assert lines[-1] == "0 of 1 goals met (full form, seed 1)"


@pytest.mark.parametrize(("by", "said"), [("high", " (upper limit)"), ("low", " (lower limit)"), ("value", "")])
def test_it_says_which_number_is_compared(by: str, said: str, tmp_path: Path) -> None:
    assert f"<= 1 %{said}  " in check(tmp_path, measured(0.02, 0.005, 0.03), by=by).output.splitlines()[1]


def test_every_goal_is_measured_by_some_cell() -> None:
    cells = {(suite.name, task.cell) for suite in ALL for task in suite.tasks(Form())}
    assert [goal.at for goal in read_goals(GOALS) if goal.at[:2] not in cells] == []


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15])
def test_the_quick_form_looks_at_every_goal(number: int) -> None:
    cells = {(suite.name, task.cell) for suite in ALL for task in suite.tasks(Form(quick=True))}
    assert any(goal.at[:2] in cells for goal in read_goals(GOALS) if goal.number == number)
