"""The suite scrapes: what Prometheus shows of a release, by whom and when, and what the product makes of it.

The other suites begin with ticks. Here several reporters count, and are scraped at moments of their own, some by two
Prometheus that are asked in turn (``reporters.py``); the product's own ``together``, ``Counters`` and
``MetricEvidence`` (by ``take_in``) make ticks of that. In the healthy cells both versions are alike, with half a
percent of errors; in the others the goals of time, bad answers and late faults have to be met in every reading. The
rules of other tools are asked every five seconds, and see of each reporter what was scraped of it last.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from bench.stats.cells import TICK
from bench.stats.measures import Measure, share
from bench.stats.peers import rules
from bench.stats.product import NAME, fails
from bench.stats.reporters import (
    BEFORE,
    CANDIDATE,
    SLOT,
    STABLE,
    Cell,
    Known,
    Truth,
    counts_of,
    draw,
    samples,
    scrapes,
)
from bench.stats.rollback import SLOW_RULES, in_seconds, of_faulty
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import Counts, Ints, generator
from modelrollout.api.analysis import Metric
from modelrollout.core.evidence import Counters, EvidenceSettings, MetricEvidence
from modelrollout.core.judge.metric_state import MetricState, take_in

CHUNK, QUICK = 25, 25
SLOW_CHUNKS = 10  # of the rules that draw or sort a lot
FOUND_RUNS, LONG_RUNS = 500, 200  # of each cell with a fault; of those that are found late, or begin late
Raw = dict[str, list[tuple[float, int]]]  # rule -> when each release was rolled back, its bad answers until then

GAPS = ((-BEFORE, 12.0), (200.0, 215.0), (400.0, 440.0))
HEALTHY = {
    "pods scraped in turn, 5 s outages at any moment": Cell(
        2, apart=True, late=TICK - SLOT, outages=True, weight=0.25, duration=1800.0
    ),
    "pods scraped half an interval apart, 5 s outages at any moment": Cell(
        2, apart=True, late=TICK / 2, outages=True, weight=0.25, duration=1800.0
    ),
    "six pods scraped in turn, 5 s outages": Cell(6, apart=True, outages=True, weight=0.25),
    "ten gateways scraped at different moments": Cell(10),
    "ten gateways, 5 s outages": Cell(10, outages=True),
    "two Prometheus asked in turn": Cell(4, turns=True, outages=True),
    "two Prometheus asked in turn, one without history": Cell(4, turns=True, since=300.0),
    "a gateway missing at the start and for three scrapes": Cell(4, missing=GAPS, outages=True),
}


LONG = ", 1 % errors"
"""The end of the names of the cells that the quick form leaves out: they take longest."""


def readings(fault_at: float) -> dict[str, Cell]:
    """The ways to be read when a fault begins: a Prometheus comes back without history just then, and one gateway of
    four is missing for three scrapes, of which the fault begins in one, or which begin with it; and later again."""
    return {
        "ten gateways": Cell(10),
        "two Prometheus asked in turn": Cell(4, turns=True),
        "two Prometheus, one back without history": Cell(4, turns=True, since=fault_at),
        "a gateway missing for three scrapes": Cell(4, away=3 * TICK, missing=GAPS[1:]),
        "a gateway missing from the fault on": Cell(4, missing=((fault_at, fault_at + 3 * TICK), *GAPS[1:])),
    }


def found_in(reading: str, cell: Cell) -> dict[str, Cell]:
    """The faults of the goals 2 to 5 in one reading, all but the late one."""
    usual = replace(cell, duration=1800.0, runs=FOUND_RUNS)
    few = replace(usual, rps=10.0, weight=0.25)
    return {
        f"{reading}{LONG}": replace(usual, errors=0.01, runs=LONG_RUNS),
        **{f"{reading}, {100 * errors:g} % errors": replace(usual, errors=errors) for errors in (0.02, 0.05, 0.2)},
    } | {
        f"{reading}, 10 requests/s, {100 * errors:g} % errors": replace(few, errors=errors)
        for errors in (0.05, 0.2, 1.0)
    }


LATE = 900.0
FAULTY = {name: cell for reading, at in readings(0.0).items() for name, cell in found_in(reading, at).items()} | {
    f"{reading}, 5 % errors from 15 min on": replace(
        cell, errors=0.05, fault_at=LATE, weight=0.25, duration=LATE + 600.0, runs=LONG_RUNS
    )
    for reading, cell in readings(LATE).items()
}
CELLS = HEALTHY | FAULTY | {"pods scraped in turn, 5 % errors": Cell(2, apart=True, errors=0.05, runs=FOUND_RUNS)}


def rollback(cell: Cell, truth: Truth, known: Known) -> float:
    """When one release is rolled back, seconds after its start; infinity: never."""
    state = begun()
    for asked, sample in samples(cell, truth, known):
        state = take_in(state, sample, asked, counting=True)
        if fails([state.evidence]):
            return asked
    return inf


def begun() -> MetricState:
    """The state of a metric of which nothing is known."""
    evidence = MetricEvidence.start("errors", -BEFORE, EvidenceSettings(overdispersion=1.05))
    counters = Counters(CANDIDATE, STABLE)
    return MetricState(
        metric=Metric(name="errors"),
        split="everybody",
        source="",
        evidence=evidence,
        counters=counters,
        stored=(evidence, counters),
        uncompared=False,
        noise=None,
    )


def ticks(cell: Cell, truth: Truth, known: Known) -> tuple[Ints, ...]:
    """What a rule that asks one Prometheus every five seconds is given: bad answers and answers of the candidate, and
    of stable. It is asked for what was counted since the question before; a series that is missing has not grown."""
    asked = np.arange(0.0, cell.duration + TICK, TICK).tolist()
    return tuple(
        sum(grown(truth, version, name, known[0][name], asked)[part] for name in counts_of(cell, version))
        for version in (CANDIDATE, STABLE)
        for part in (0, 1)
    )


def grown(truth: Truth, version: str, name: str, times: Sequence[float], asked: Sequence[float]) -> Ints:
    """By how much a reporter's two counters of a version grew between the questions, shape (2, ticks)."""
    newest = [times[max(bisect(times, now) - 1, 0)] for now in asked]
    counted = [truth.at(version, name, time) or (0.0, 0.0) for time in newest]
    return np.diff(np.array(counted).T).astype(np.int64)


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return [
        Task(name, work, (name, index, runs, form.seed))
        for name, cell in CELLS.items()
        if not form.quick or not name.endswith(LONG)
        for index, runs in chunks(form.runs or (min(QUICK, cell.runs) if form.quick else cell.runs), CHUNK)
    ]


def work(name: str, index: int, runs: int, seed: int) -> Raw:
    """When each of some releases is rolled back, by each rule."""
    cell, rng = CELLS[name], generator(seed, "scrapes", name, index)
    drawn = [(draw(cell, rng), scrapes(cell, rng)) for _ in range(runs)]
    times = {NAME: [rollback(cell, truth, known) for truth, known in drawn]} | others(cell, drawn, index, seed)
    return {rule: [(end, served(cell, truth, end)) for end, (truth, _) in zip(ends, drawn, strict=True)]
            for rule, ends in times.items()}  # fmt: skip


def others(cell: Cell, drawn: Sequence[tuple[Truth, Known]], index: int, seed: int) -> dict[str, list[float]]:
    """When the rules of other tools roll the same releases back."""
    rows = [ticks(cell, truth, known) for truth, known in drawn]
    bad, answers, stable_bad, stable = (np.array(part) for part in zip(*rows, strict=True))
    counts = Counts(answers, bad, stable, stable_bad, past=stable, past_bad=stable_bad)
    return {
        rule: in_seconds(fired(counts)).tolist()
        for rule, fired in rules(seed).items()
        if index < SLOW_CHUNKS or not rule.startswith(SLOW_RULES)
    }


def served(cell: Cell, truth: Truth, end: float) -> int:
    """Bad answers of the candidate from the beginning of the fault to the rollback, or to the end."""
    return truth.bad_between(CANDIDATE, cell.fault_at, max(cell.fault_at, min(end, cell.duration)))


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """False rollbacks of the healthy cells; delay and bad answers of the others."""
    return {
        name: {rule: measures(CELLS[name], joined(parts, rule)) for rule in parts[0]}
        for name, parts in by_cell(results).items()
    }


def joined(parts: Sequence[Raw], rule: str) -> list[tuple[float, int]]:
    """The releases that a rule has judged."""
    return [end for part in parts for end in part.get(rule, ())]


def measures(cell: Cell, ends: Sequence[tuple[float, int]]) -> dict[str, Measure]:
    """Of one cell."""
    times = np.array([time for time, _ in ends])
    if cell.healthy:
        return {"rolledBack": share(int((times < inf).sum()), len(times))}
    return of_faulty(times, np.array([bad for _, bad in ends]), cell.fault_at)


SUITE = Suite("scrapes", tasks, measure)
