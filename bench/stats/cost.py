"""The suite cost: what one tick of one metric and one set of shares take, and whether the same input gives the same
bits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from bench.stats.cells import BASE, Cell
from bench.stats.measures import median, share
from bench.stats.product import NAME, start, ticks
from bench.stats.suite import Form, Results, Suite, Task
from bench.stats.traffic import draw, generator
from modelrollout.core.evidence import MetricEvidence, judge
from modelrollout.core.evidence.thompson import Posterior, chances_of_best

SIZES = {"100 requests/s": 1e2, "10 000 requests/s": 1e4, "200 million requests/s": 2e8}  # the last: 1e9 a tick
SHARES = "shares of six versions"
SIX = tuple(Posterior(1.0 + rewards, 1001.0 - rewards) for rewards in (40, 50, 60, 30, 45, 20))
BITS = "the same bits in another process"
REPEAT = 3


def tasks(form: Form) -> list[Task]:
    """Times only in the full form: what else runs on the machine must not fail a test."""
    bits = [Task(BITS, same_bits, (form.seed,))]
    if form.quick:
        return bits
    return [
        *(Task(name, cost, (rps, form.seed)) for name, rps in SIZES.items()),
        Task(SHARES, cost_of_shares, ()),
        *bits,
    ]


def a_release(rps: float, seed: int) -> Cell:
    """Half an hour, the candidate at a quarter."""
    return Cell("cost", f"{rps:g}", ((0.0, 0.25),), ((0.0, BASE),), rps=rps)


def cost(rps: float, seed: int) -> list[float]:
    """Milliseconds of each tick: the evidence after it and the verdict, the least of a few measurements."""
    counts = draw(a_release(rps, seed), 1, generator(seed, "cost", rps))
    evidence, times = start(counts, 0), []
    for tick in ticks(counts, 0):
        taken = []
        for _ in range(REPEAT):
            began = perf_counter()
            after = evidence.after(tick)
            judge(after, tick.at)
            taken.append(1000.0 * (perf_counter() - began))
        evidence = after
        times.append(min(taken))
    return times


def cost_of_shares() -> list[float]:
    """Milliseconds of each time that the shares of a bandit's versions are worked out."""
    times = []
    for _ in range(300):
        began = perf_counter()
        chances_of_best(SIX)
        times.append(1000.0 * (perf_counter() - began))
    return times


def bits(seed: int) -> str:
    """The evidence after half an hour, every digit."""
    counts = draw(a_release(100.0, seed), 1, generator(seed, "bits"))
    evidence: MetricEvidence = start(counts, 0)
    for tick in ticks(counts, 0):
        evidence = evidence.after(tick)
    return json.dumps(evidence.to_status())


def same_bits(seed: int) -> list[bool]:
    """Whether a new interpreter comes to the same digits."""
    program = f"from bench.stats.cost import bits; print(bits({seed}))"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return [other.stdout.strip() == bits(seed)]


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """The median of the times and their 99th percentile, in milliseconds."""
    measured = {}
    for task, raw in results:
        if task.cell == BITS:
            measured[task.cell] = {NAME: {"different": share(raw.count(False), len(raw))}}
        else:
            late = float(np.quantile(raw, 0.99))
            p99 = {"value": late, "low": late, "high": late, "runs": len(raw)}
            measured[task.cell] = {NAME: {"milliseconds": median(raw), "millisecondsP99": p99}}
    return measured


SUITE = Suite("cost", tasks, measure)
