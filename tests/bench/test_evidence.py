"""Canaries that rise by evidence alone: that the cells are what they say, and what is measured of their ends."""

from __future__ import annotations

from math import inf

import pytest

from bench.stats import evidence, measures
from bench.stats.evidence import BAD, CELLS, EDGE, GOOD, End, measure, others, tasks, work
from bench.stats.product import NAME
from bench.stats.suite import Form, Task
from bench.stats.whole import scenario_of
from modelrollout.simulation.traffic import Traffic

QUIET = "100 requests/s, 0.00% errors"
FAILING = "100 requests/s, 20% of the candidate's"


def test_the_cells_are_apart_and_answered_as_they_say() -> None:
    assert len(CELLS) == len(GOOD) + len(EDGE) + len(BAD)
    cell = CELLS[FAILING]
    given = scenario_of(evidence.FOLDER).given
    assert isinstance(given, Traffic)
    people = evidence.answering(given.others, cell)
    assert (people.stable.errors.at(0.0), people.candidate.errors.at(0.0)) == (0.005, 0.2)


def test_a_service_without_errors_is_promoted_and_a_failing_version_rolled_back() -> None:
    good = evidence.end_of(evidence.release(CELLS[QUIET], 1))
    assert (good.outcome, good.bad) == ("Promoted", 0)
    assert 180.0 < good.after < 900.0
    bad = evidence.end_of(evidence.release(CELLS[FAILING], 1))
    assert bad.outcome == "RolledBack"
    assert bad.after < 120.0
    assert bad.bad > 1


@pytest.mark.parametrize(("name", "delay"), [(QUIET, 600.0), (FAILING, 60.0)])
def test_the_delay_is_that_of_the_right_end(name: str, delay: float) -> None:
    ends = [End("Promoted", 600.0, 0)] * 2 + [End("RolledBack", 60.0, 6)] * 2
    measured = evidence.measures(name, ends)
    assert measured["delay"]["value"] == delay
    assert measured["late"]["value"] == "never"
    assert (measured["promoted"]["value"], measured["rolledBack"]["value"]) == (0.5, 0.5)
    assert measured["badServed"]["value"] == 3.0


def test_a_quantile_has_order_statistics_for_limits() -> None:
    values = [float(value) for value in range(1, 101)]
    assert measures.quantile(values, 0.95) == {"value": 95.0, "low": 91.0, "high": 100.0, "runs": 100}
    assert measures.quantile([5.0, inf], 0.95)["value"] == "never"


def test_the_rules_of_other_tools_get_the_same_services() -> None:
    failing, quiet = (
        [Task(name, work, (name, 0, 1, 1)), Task(name, others, (name, 0, 4, 1))] for name in (FAILING, QUIET)
    )
    raw = [[End("RolledBack", 60.0, 6)], others(FAILING, 0, 4, 1), [End("Promoted", 600.0, 0)], others(QUIET, 0, 4, 1)]
    measured = measure(list(zip([*failing, *quiet], raw, strict=True)))
    rules = measured[FAILING].keys() - {NAME}
    assert len(rules) == 10
    assert {measured[FAILING][rule]["promoted"]["value"] for rule in rules} == {0.0}
    assert {measured[QUIET][rule]["rolledBack"]["value"] for rule in rules} == {0.0}
    assert measured[QUIET][NAME]["promoted"]["runs"] == 1


@pytest.mark.parametrize("form", [Form(), Form(quick=True)], ids=["full", "quick"])
def test_every_cell_is_judged_by_others_too(form: Form) -> None:
    cells = [{task.cell for task in tasks(form) if task.work is kind} for kind in (work, others)]
    assert cells[0] == cells[1]
