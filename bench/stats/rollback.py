"""The suites canary, stress, low, latency and quiet: when does each rule roll back?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf
from typing import Any

import numpy as np

from bench.stats import peers, product
from bench.stats.cells import SUITES, TICK, Cell
from bench.stats.measures import Measure, mean, median, share
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import Counts, Floats, Ints, draw, generator

Raw = dict[str, tuple[Ints, Ints]]  # rule -> tick of the rollback, bad answers served since the fault began
SLOW_RULES = ("Iter8", "Kayenta")  # they draw or sort a lot; a part of the runs is enough to see what they do
SLOW_CHUNKS = 2
QUICK = {
    "canary": ("10 %, 1% errors", "10 %, 2% errors", "10 %, 5% errors", "10 %, 20% errors", "25 %, healthy"),
    "stress": ("C:", "C2:", "D:", "F:"),
    "low": ("25 %",),
    "latency": ("as fast as stable", "1.5 times as slow"),
    "quiet": ("margin",),
}
"""The cells of the quick form, by how their names begin."""


def tasks(suite: str, form: Form) -> list[Task]:
    """All chunks of all cells."""
    cells = [cell for cell in SUITES[suite]() if not form.quick or cell.name.startswith(QUICK[suite])]
    return [
        Task(cell.name, work, (cell, index, runs, form.seed, form.quick))
        for cell in cells
        for index, runs in chunks(form.number(cell.runs))
    ]


def work(cell: Cell, index: int, runs: int, seed: int, quick: bool) -> Raw:
    """Some runs of a cell, judged by every rule."""
    counts = draw(cell, runs, generator(seed, cell.suite, cell.name, index))
    fired = {product.NAME: product.rollbacks(counts)}
    for name, rule in peers.rules(seed).items():
        if not name.startswith(SLOW_RULES) or (not quick and index < SLOW_CHUNKS):
            fired[name] = rule(counts)
    return {name: (ticks, served(cell, counts, ticks)) for name, ticks in fired.items()}


def served(cell: Cell, counts: Counts, ticks: Ints) -> Ints:
    """The candidate's bad answers from the beginning of the fault to the rollback, or to the end."""
    total = counts.candidate_bad.cumsum(axis=1)
    last = np.where(ticks == peers.NEVER, total.shape[1] - 1, ticks)
    before = round((cell.fault_at or 0.0) / TICK)
    missed = total[:, before - 1] if before else np.zeros(len(total), dtype=np.int64)
    return np.asarray(np.maximum(total[np.arange(len(total)), last] - missed, 0))


def measure(suite: str, results: Sequence[tuple[Task, Any]]) -> Results:
    """Every rule in every cell."""
    cells = {cell.name: cell for cell in SUITES[suite]()}
    measured = {}
    for name, parts in by_cell(results).items():
        measured[name] = {rule: measures(cells[name], *joined(parts, rule)) for rule in parts[0]}
    return measured


def joined(parts: Sequence[Raw], rule: str) -> tuple[Ints, Ints]:
    """The runs of one rule."""
    chosen = [part[rule] for part in parts if rule in part]
    return np.concatenate([ticks for ticks, _ in chosen]), np.concatenate([bad for _, bad in chosen])


def measures(cell: Cell, ticks: Ints, bad: Ints) -> dict[str, Measure]:
    """False rollbacks of a healthy cell; delay, early rollbacks and bad answers of a faulty one."""
    times = in_seconds(ticks)
    if cell.fault_at is None:
        return {"rolledBack": share(int((times < inf).sum()), len(times))}
    return of_faulty(times, bad, cell.fault_at)


def in_seconds(ticks: Ints) -> Floats:
    """When each release was rolled back; infinity: never."""
    return np.where(ticks == peers.NEVER, inf, TICK * (ticks + 1))


def of_faulty(times: Floats, bad: Ints, fault_at: float) -> dict[str, Measure]:
    """Delay, early rollbacks and bad answers of a cell whose fault begins at ``fault_at``."""
    early = times <= fault_at
    delays = (times - fault_at)[~early]
    if not len(delays):
        return {"early": share(int(early.sum()), len(times))}
    return {
        "delay": median(delays.tolist()),
        "found": share(int((delays < inf).sum()), len(times)),
        "early": share(int(early.sum()), len(times)),
        "badServed": mean(bad[~early].tolist()),
    }


def suites() -> list[Suite]:
    """One for each group of cells."""
    return [Suite(name, partial(tasks, name), partial(measure, name)) for name in SUITES]
