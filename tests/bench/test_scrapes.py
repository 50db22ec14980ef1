"""The suite scrapes: what it makes up is what it says, and no cell is decided by what was counted before."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import numpy as np
import pytest

from bench.stats.cells import TICK
from bench.stats.product import NAME
from bench.stats.reporters import CANDIDATE, STABLE, WINDOW, Cell, Known, Truth, draw, gaps, names, samples, scrapes
from bench.stats.scrapes import CELLS, FAULTY, HEALTHY, LATE, LONG, measures, rollback, tasks, ticks, work
from bench.stats.suite import Form
from bench.stats.traffic import generator
from modelrollout.core.observation import Sample


def rng(name: str) -> np.random.Generator:
    return generator(7, "test", name)


def drawn(name: str) -> tuple[Cell, Truth, Known]:
    """A cell, and one release of it."""
    cell = CELLS[name]
    return cell, draw(cell, rng(name)), scrapes(cell, rng(name))


def seen_of(name: str) -> list[Sample]:
    """The samples of one release of a cell."""
    return [sample for _, sample in samples(*drawn(name))]


@pytest.mark.parametrize("name", [name for name, cell in HEALTHY.items() if not cell.turns])
def test_every_reporter_shows_counters_that_never_fall(name: str) -> None:
    seen = seen_of(name)
    for before, after in pairwise(seen):
        for version, series in after.series.items():
            for reporter, count in series.items():
                earlier = before.series[version].get(reporter)
                assert earlier is None or earlier.trials <= count.trials
    assert max(at - before for before, at in pairwise(sample.at for sample in seen)) <= TICK
    assert {version for sample in seen for version in sample.series} == {STABLE, CANDIDATE}


def test_asked_in_turn_they_go_back_in_time() -> None:
    seen = seen_of("two Prometheus asked in turn")
    assert any(after.at < before.at for before, after in pairwise(seen))
    assert all(max(sample.times.values()) - min(sample.times.values()) <= WINDOW for sample in seen)


@pytest.mark.parametrize("name", [name for name, cell in HEALTHY.items() if cell.reporters < 10])
def test_a_healthy_release_is_not_rolled_back_by_a_lifetime_of_older_answers(name: str) -> None:
    assert rollback(*drawn(name)) == inf


@pytest.mark.parametrize("name", [name for name, cell in FAULTY.items() if cell.errors == 0.2])
def test_a_fault_is_found_in_a_few_rounds(name: str) -> None:
    assert 5.0 <= rollback(*drawn(name)) <= 40.0


def test_a_late_fault_is_not_found_before_it_is_there() -> None:
    assert LATE < rollback(*drawn("two Prometheus asked in turn, 5 % errors from 15 min on")) < LATE + 120.0


def test_every_reading_has_the_faults_of_all_goals() -> None:
    assert len(CELLS) == len(HEALTHY) + len(FAULTY) + 1
    assert len(FAULTY) == 5 * (4 + 3 + 1)
    quick = {task.cell for task in tasks(Form(quick=True))}
    assert quick == {name for name in CELLS if not name.endswith(LONG)}


def test_a_gateway_is_away_when_the_fault_begins() -> None:
    cell = CELLS["a gateway missing for three scrapes, 5 % errors from 15 min on"]
    starts = [gaps(cell, rng(str(number)))[0] for number in range(20)]
    assert all(start <= LATE <= end == start + 15.0 for start, end in starts)
    assert len({start for start, _ in starts}) == 20


def test_other_rules_see_what_was_scraped_last() -> None:
    """A gateway that is missing has not grown, and what it counted meanwhile comes with its next scrape."""
    cell, truth, known = drawn("a gateway missing from the fault on, 20 % errors")
    bad, answers, _, _ = ticks(cell, truth, known)
    gone, other = (
        [int(count) for count in ticks(cell, only(truth, name), known)[1][:5]]
        for name in (names(cell)[-1], names(cell)[0])
    )
    assert gone[:2] == [0, 0]
    assert 30 < max(gone) < 75, "three scrapes and more of a quarter of 50 answers each"
    assert all(5 <= count <= 25 for count in other[1:])
    assert answers.sum() == pytest.approx(0.1 * 100 * cell.duration, rel=0.05)
    assert bad.sum() / answers.sum() == pytest.approx(0.2, rel=0.05)


def only(truth: Truth, reporter: str) -> Truth:
    """As if nobody else had counted anything."""
    return Truth(
        {key: sums if key[1] == reporter else (0 * sums[0], 0 * sums[1]) for key, sums in truth.counted.items()}
    )


def test_all_rules_judge_the_same_releases() -> None:
    found = work("two Prometheus asked in turn, 20 % errors", 0, 2, 1)
    assert {len(ends) for ends in found.values()} == {2}
    assert all(0 < bad < 200 for _, bad in found[NAME])
    slow = work("two Prometheus asked in turn, 20 % errors", 10, 1, 1)
    assert found.keys() - slow.keys() == {name for name in found if name.startswith(("Iter8", "Kayenta"))}


def test_what_is_measured() -> None:
    healthy, faulty = CELLS["two Prometheus asked in turn"], CELLS["ten gateways, 20 % errors"]
    late = CELLS["ten gateways, 5 % errors from 15 min on"]
    assert measures(healthy, [(inf, 3), (20.0, 2)])["rolledBack"]["value"] == 0.5
    found = measures(faulty, [(10.0, 20), (20.0, 30), (inf, 1000)])
    assert (found["delay"]["value"], found["badServed"]["value"]) == (20.0, 350.0)
    found = measures(late, [(450.0, 0), (LATE + 20.0, 30)])
    assert (found["early"]["value"], found["delay"]["value"], found["badServed"]["value"]) == (0.5, 20.0, 30.0)
