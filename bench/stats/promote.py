"""The suite promote: how soon is an equal candidate proven "not 2 x worse", and how often is a worse one?"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from bench.stats import product
from bench.stats.cells import BASE, TICK, Cell
from bench.stats.measures import median, share
from bench.stats.peers import NEVER
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import Ints, draw, generator

FLOOR = 0.001  # the default: nobody minds fewer bad answers
TWICE = 2 * BASE / (1 - BASE) / (1 + 2 * BASE / (1 - BASE))  # the rate whose odds are twice stable's

CELLS = (
    Cell("promote", "100 requests/s, 10 %, equal", ((0.0, 0.1),), ((0.0, BASE),)),
    Cell("promote", "1000 requests/s, 10 %, equal", ((0.0, 0.1),), ((0.0, BASE),), rps=1000.0),
    Cell("promote", "100 requests/s, 10 %, exactly 2 x worse", ((0.0, 0.1),), ((0.0, TWICE),), fault_at=0.0),
    Cell(
        "promote",
        "100 requests/s, 50 %, 2 x worse and at the floor",
        ((0.0, 0.5),),
        ((0.0, FLOOR),),
        stable=FLOOR / 2,
        fault_at=0.0,
        duration=3600.0,
        runs=2000,
    ),
)
"""The last one is at the edge of both ways to be bad, for an hour with all the answers that a canary can have."""


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return [
        Task(cell.name, work, (cell, index, runs, form.seed))
        for cell in CELLS
        for index, runs in chunks(form.number(cell.runs))
    ]


def work(cell: Cell, index: int, runs: int, seed: int) -> Ints:
    """The tick of the proof for each run."""
    return product.proofs(draw(cell, runs, generator(seed, "promote", cell.name, index)))


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """Time to the proof, and the share proven by the end."""
    measured = {}
    for name, parts in by_cell(results).items():
        ticks = np.concatenate(parts)
        proven = ticks != NEVER
        times = np.where(proven, TICK * (ticks + 1), inf)
        measured[name] = {
            product.NAME: {"delay": median(times.tolist()), "proven": share(int(proven.sum()), len(ticks))}
        }
    return measured


SUITE = Suite("promote", tasks, measure)
