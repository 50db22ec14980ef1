"""The suite shadow: its requests have the rates that their cells say, and its ends are those of the product."""

from __future__ import annotations

import numpy as np
import pytest

from bench.stats.shadow import AT_THE_EDGE, CELLS, Cell, drawn, ended, rows_of, work

# Of all requests: the parts that differ, still do once, and always
RATES: dict[str, tuple[Cell, tuple[float, float, float]]] = {
    "flips": (Cell(0.1), (0.1, 0.1, 0.1)),
    "a tenth by a coin": (Cell(0.0, unsure=0.1, toss=0.5, arm_toss=0.5), (0.05, 0.025, 0.00625)),
    "an arm alone by a coin": (Cell(0.0, unsure=0.1, arm_toss=0.5), (0.05, 0.05, 0.025)),
    "a control alone by a coin": (Cell(0.0, unsure=0.1, toss=0.5), (0.05, 0.025, 0.0125)),
}


@pytest.mark.parametrize(("cell", "rates"), RATES.values(), ids=RATES)
def test_requests_differ_as_often_as_the_cell_says(cell: Cell, rates: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(1)
    found = np.mean([[flags.mean() for flags in drawn(cell, rng)] for _ in range(40)], axis=0)
    assert found.tolist() == pytest.approx(rates, rel=0.1)


def test_the_edge_is_two_percent_beyond_the_noise() -> None:
    rng = np.random.default_rng(1)
    for name in ("2 % beyond noise of 5 %, some requests", "2 % beyond noise of 5 %, all requests"):
        assert CELLS[name].flipped == AT_THE_EDGE
        different, once, _ = np.mean([[flags.mean() for flags in drawn(CELLS[name], rng)] for _ in range(200)], axis=0)
        assert 2 * once - different == pytest.approx(0.02, rel=0.05)


def test_ends_are_those_of_the_product() -> None:
    rng = np.random.default_rng(1)
    assert ended(CELLS["equal"], rng) == ("Pass", 180)
    assert ended(CELLS["all differ"], rng) == ("Fail", 5)


def test_the_same_seed_gives_the_same_ends() -> None:
    assert work("10 % differ", 0, 3, 1) == work("10 % differ", 0, 3, 1) != work("10 % differ", 1, 3, 1)


def test_the_table_has_a_row_for_each_cell() -> None:
    share = {"value": 1.0, "low": 0.9, "high": 1.0, "runs": 9}
    nothing = share | {"value": 0.0}
    measured = {"failed": share, "answersToFail": share | {"value": 70.2}, "passed": nothing}
    assert rows_of({"10 % differ": {"ModelRollout": measured}})[1:] == [
        ["10 % differ", "100 %", "70", "", "0 %", "", ""]
    ]
