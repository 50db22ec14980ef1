"""The suite scrapes: what it makes up is what it says, and no cell is decided by what was counted before."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import numpy as np
import pytest

from bench.stats.cells import TICK
from bench.stats.scrapes import CANDIDATE, CELLS, STABLE, WINDOW, draw, measures, rollback, samples, scrapes
from bench.stats.traffic import generator


def rng(name: str) -> np.random.Generator:
    return generator(7, "test", name)


@pytest.mark.parametrize("name", [name for name, cell in CELLS.items() if not cell.turns])
def test_every_reporter_shows_counters_that_never_fall(name: str) -> None:
    cell = CELLS[name]
    seen = list(samples(cell, draw(cell, rng(name)), scrapes(cell, rng(name))))
    for before, after in pairwise(seen):
        for version, series in after.series.items():
            for reporter, count in series.items():
                earlier = before.series[version].get(reporter)
                assert earlier is None or earlier.trials <= count.trials
    assert max(at - before for before, at in pairwise(sample.at for sample in seen)) <= TICK
    assert {version for sample in seen for version in sample.series} == {STABLE, CANDIDATE}


def test_asked_in_turn_they_go_back_in_time() -> None:
    cell = CELLS["two Prometheus asked in turn"]
    seen = list(samples(cell, draw(cell, rng("turns")), scrapes(cell, rng("turns"))))
    assert any(after.at < before.at for before, after in pairwise(seen))
    assert all(max(sample.times.values()) - min(sample.times.values()) <= WINDOW for sample in seen)


@pytest.mark.parametrize("name", [name for name, cell in CELLS.items() if cell.healthy and cell.reporters < 10])
def test_a_healthy_release_is_not_rolled_back_by_a_lifetime_of_older_answers(name: str) -> None:
    assert rollback(CELLS[name], rng(name)) == inf


def test_a_fault_is_found_in_a_few_rounds() -> None:
    assert 10.0 <= rollback(CELLS["ten gateways, 20 % errors"], rng("fault")) <= 25.0


def test_what_is_measured() -> None:
    healthy, faulty = CELLS["two Prometheus asked in turn"], CELLS["ten gateways, 20 % errors"]
    assert measures(healthy, [inf, 20.0])["rolledBack"]["value"] == 0.5
    assert measures(faulty, [10.0, 20.0, inf])["delay"]["value"] == 20.0
