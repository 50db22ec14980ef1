"""The suite srm: do the requests go where the weights say? An hour at 100 requests/s, the candidate at 10 %."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from bench.stats.cells import TICK
from bench.stats.measures import median, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import generator
from modelrollout.core.evidence import SampleRatio

WEIGHT, RPS, DURATION = 0.1, 100.0, 3600.0
CELLS = {"10 % get 10 %": 0.10, "10 % get 11 %": 0.11, "10 % get 12 %": 0.12, "10 % get 15 %": 0.15}
TOLERATED = 0.11  # a tenth of the weight, or a point
RUNS = 2000


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return [
        Task(name, work, (name, index, runs, form.seed))
        for name in CELLS
        for index, runs in chunks(form.number(RUNS if CELLS[name] <= WEIGHT else 500))
    ]


def work(name: str, index: int, runs: int, seed: int) -> list[float]:
    """When the split is said to be broken, for each run; infinity: never."""
    rng, size = generator(seed, "srm", name, index), (runs, round(DURATION / TICK))
    candidate = rng.poisson(RPS * TICK * CELLS[name], size).tolist()
    stable = rng.poisson(RPS * TICK * (1.0 - CELLS[name]), size).tolist()
    return [broken(one, other) for one, other in zip(candidate, stable, strict=True)]


def broken(candidate: Sequence[int], stable: Sequence[int]) -> float:
    """The time at which one release's split is said to be broken."""
    ratio = SampleRatio()
    for index, (one, other) in enumerate(zip(candidate, stable, strict=True)):
        ratio = ratio.after(one, other, WEIGHT)
        if ratio.is_broken:
            return TICK * (index + 1)
    return inf


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """False alarms within the tolerance, the time to the alarm beyond it."""
    measured = {}
    for name, parts in by_cell(results).items():
        times = [time for part in parts for time in part]
        alarms = share(sum(time < inf for time in times), len(times))
        within = CELLS[name] <= TOLERATED
        measured[name] = {NAME: {"alarm": alarms} if within else {"found": alarms, "delay": median(times)}}
    return measured


SUITE = Suite("srm", tasks, measure)
