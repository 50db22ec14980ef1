"""The suite context: what segments are worth when their winners differ, and what they cost when they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.stats.delay import quotient
from bench.stats.measures import Measure, mean
from bench.stats.segments import EQUAL, GLOBAL, HARDER, KINDS, POLICIES, Scenario, play
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import generator

CHUNK = 5  # runs of one task
RUNS = {100_000: 100, 400_000: 40}
QUICK = 4  # runs of the short forms of four segments
Runs = dict[str, list[float]]  # what each policy lost
SCENARIOS: dict[str, Scenario] = {
    f"{kind}, {requests // 100_000}e5 requests": make(
        requests, policies=POLICIES, runs=runs, quick=QUICK if requests == min(RUNS) and "Zipf" not in kind else 0
    )
    for kind, make in KINDS.items()
    for requests, runs in RUNS.items()
} | {
    f"{kind}, {min(RUNS) // 100_000}e5 requests": make(min(RUNS), policies=POLICIES, runs=RUNS[min(RUNS)])
    for kind, make in HARDER.items()
}


def tasks(form: Form) -> list[Task]:
    """All chunks of all scenarios; the quick form has those of four segments and 1e5 requests."""
    return [
        Task(cell, work, (cell, scenario, index, runs, form.seed))
        for cell, scenario in SCENARIOS.items()
        if not form.quick or scenario.quick
        for index, runs in chunks(form.runs or (scenario.quick if form.quick else scenario.runs), CHUNK)
    ]


def work(cell: str, scenario: Scenario, index: int, runs: int, seed: int) -> Runs:
    """Some runs of every policy, each with a stream of random numbers of its own."""
    return {
        policy: [play(scenario, rule, generator(seed, "context", cell, policy, index, run)) for run in range(runs)]
        for policy, rule in scenario.policies.items()
    }


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """What each policy loses, and how many times that of equal shares and of one bandit for everybody it is."""
    cells = {cell: joined(parts) for cell, parts in by_cell(results).items()}
    return {cell: {policy: losses(lost, runs) for policy, lost in runs.items()} for cell, runs in cells.items()}


def losses(lost: Sequence[float], runs: Mapping[str, Sequence[float]]) -> dict[str, Measure]:
    """The measures of one policy."""
    return {
        "regret": mean(lost),
        "timesEqual": quotient(lost, runs[EQUAL]),
        "timesGlobal": quotient(lost, runs[GLOBAL]),
    }


def joined(parts: Sequence[Runs]) -> Runs:
    """The runs of all chunks."""
    return {policy: [one for part in parts for one in part[policy]] for policy in parts[0]}


SUITE = Suite("context", tasks, measure)
