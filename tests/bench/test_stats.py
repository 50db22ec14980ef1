"""The bench itself: its traffic, its measures, and that its numbers depend on the seed alone."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import fisher_exact

from bench.stats import arms, measures, product, rollback
from bench.stats.__main__ import main
from bench.stats.cells import TICK, Cell, canary, healthy, low, quiet, stress
from bench.stats.peers import NEVER
from bench.stats.promote import TWICE
from bench.stats.traffic import Floats, covered, draw, generator

PLAIN = healthy("test", "plain", 0.25)


def rates(cell: Cell) -> tuple[float, float]:
    """The shares of bad answers that were drawn."""
    counts = draw(cell, 50, generator(1, "test"))
    return (
        float(counts.candidate_bad.sum() / counts.candidate.sum()),
        float(counts.stable_bad.sum() / counts.stable.sum()),
    )


def test_counts_have_the_rates_and_weights_of_the_cell() -> None:
    counts = draw(replace(PLAIN, candidate=((0.0, 0.02),)), 50, generator(1, "test"))
    assert counts.candidate.sum() / (counts.candidate.sum() + counts.stable.sum()) == pytest.approx(0.25, abs=0.001)
    assert counts.candidate_bad.sum() / counts.candidate.sum() == pytest.approx(0.02, rel=0.03)
    assert counts.stable_bad.sum() / counts.stable.sum() == pytest.approx(0.005, rel=0.03)


def test_bursts_keep_the_rate_and_multiply_the_noise() -> None:
    single, burst = (draw(replace(PLAIN, burst=size), 50, generator(1, "test")) for size in (1, 5))
    assert burst.stable_bad.sum() == pytest.approx(single.stable_bad.sum(), rel=0.05)
    assert burst.stable_bad.var() > 3 * single.stable_bad.var()


def test_a_shared_outage_hits_both_alike() -> None:
    ours, others = rates(replace(PLAIN, outage=(0.0, 1800.0, 0.1)))
    assert ours == pytest.approx(others, rel=0.02)
    assert ours == pytest.approx(1 - 0.995 * 0.9, rel=0.02)


def test_an_outage_lies_in_one_scrape_or_in_two() -> None:
    starts: Floats = TICK * np.arange(4, dtype=np.float64)
    assert covered(np.array([[5.0]]), starts).tolist() == [[0.0, 1.0, 0.0, 0.0]]
    assert covered(np.array([[7.0]]), starts).tolist() == [[0.0, 0.6, 0.4, 0.0]]


def test_bad_answers_count_from_the_fault_to_the_rollback() -> None:
    cell = replace(PLAIN, fault_at=10.0, candidate=((0.0, 0.005), (10.0, 0.5)))
    counts = draw(cell, 3, generator(1, "test"))
    ticks = np.array([3, NEVER, 1])
    bad = counts.candidate_bad
    assert rollback.served(cell, counts, ticks).tolist() == [bad[0, 2:4].sum(), bad[1, 2:].sum(), 0]


def test_the_product_is_fed_tick_by_tick() -> None:
    cell = replace(PLAIN, candidate=((0.0, 0.2),))
    counts = draw(cell, 20, generator(1, "test"))
    ticks = product.rollbacks(counts)
    assert set(ticks.tolist()) <= {1, 2, 3}, "ten to twenty seconds"
    healthy_ticks = product.rollbacks(draw(PLAIN, 5, generator(1, "test")))
    assert healthy_ticks.tolist() == [NEVER] * 5


def test_the_product_tolerates_the_margin_of_the_cell() -> None:
    cell = next(cell for cell in quiet() if cell.margin > 2 - 1e-9)
    assert rates(cell)[0] / rates(cell)[1] == pytest.approx(1.5, rel=0.05)
    tolerated, usual = (
        product.rollbacks(draw(replace(cell, margin=margin), 10, generator(1, "test"))) for margin in (2.0, 1.1)
    )
    assert (tolerated == NEVER).all()
    assert (usual != NEVER).mean() > 0.5


def test_twice_means_the_odds() -> None:
    odds = TWICE / (1 - TWICE)
    assert odds == pytest.approx(2 * 0.005 / 0.995)


def test_a_clear_winner_is_found_and_a_tie_is_not() -> None:
    answers = np.full((60, 3), 1000)
    wins = np.tile([50, 100, 50], (60, 1))
    assert arms.ended(answers, wins, alike=False)[0] == 1
    assert arms.ended(answers, np.tile([50, 100, 100], (60, 1)), alike=False) == (-1, inf)
    assert fisher_exact([[50, 950], [100, 900]]).pvalue < 0.001, "one look of ten seconds would nearly do"


def test_the_median_has_order_statistics_for_limits() -> None:
    assert measures.median([float(value) for value in range(1, 101)]) == {
        "value": 50.0, "low": 41.0, "high": 60.0, "runs": 100,
    }  # fmt: skip
    assert measures.median([5.0, inf, inf])["value"] == "never"


@pytest.mark.parametrize("cells", [canary(), stress(), low(), quiet()], ids=["canary", "stress", "low", "quiet"])
def test_names_of_cells_differ(cells: list[Cell]) -> None:
    assert len({cell.name for cell in cells}) == len(cells)


def test_the_same_seed_gives_the_same_numbers_on_any_number_of_processors(tmp_path: Path) -> None:
    found = []
    for processes in ("1", "2"):
        path = tmp_path / f"{processes}.json"
        options = ["--suite", "low", "--suite", "srm", "--quick", "--runs", "6", "--json", str(path)]
        result = CliRunner().invoke(main, [*options, "--processes", processes])
        assert result.exit_code == 0, result.output
        found.append(json.loads(path.read_text())["results"])
    assert found[0] == found[1]
