"""The suite restart: the operator is killed in 20 passes of a release, after the route and before the status.

Every decision, and every number of the evidence, must be what it is without. Played through by ``simulation``, so
it is the whole of ``decide`` and the status as JSON, and not the tests alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.stats.measures import share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import generator
from modelrollout.simulation.decisions import decisions
from modelrollout.simulation.events import Restart
from modelrollout.simulation.scenario import Scenario, from_traffic
from modelrollout.simulation.traffic import Traffic

EXAMPLES = Path(__file__).parents[2] / "examples" / "simulate"
CELLS = ("healthy", "late-fault", "shared-outage")
KILLS = 20


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    runs = form.runs or (10 if form.quick else 40)
    return [Task(name, work, (name, index, part, form.seed)) for name in CELLS for index, part in chunks(runs, 10)]


def work(name: str, index: int, runs: int, seed: int) -> list[bool]:
    """Whether the release of each run was the same with and without the kills."""
    scenario = from_traffic(EXAMPLES / name / "rollout.yaml", EXAMPLES / name / "traffic.yaml")
    rng = generator(seed, "restart", name, index)
    same = []
    for run in range(runs):
        kills = sorted(rng.uniform(0.0, scenario.duration, KILLS).round(1).tolist())
        one = 1000 * index + run
        same.append(told(scenario, one) == told(killed(scenario, kills), one))
    return same


def killed(scenario: Scenario, times: Sequence[float]) -> Scenario:
    """The same with the operator killed at these times."""
    assert isinstance(scenario.given, Traffic)
    events = (*scenario.given.events, *(Restart(time) for time in times))
    return replace(scenario, given=replace(scenario.given, events=events))


def told(scenario: Scenario, seed: int) -> list[Any]:
    """All that is decided and known in a release: each decision, and the whole evidence at each pass."""
    return [
        (frame.time, decision and decision.to_json(), frame.status.trial, frame.status.last_analysis)
        for frame, decision in decisions(scenario.release(seed))
    ]


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """The share of releases that came out otherwise."""
    cells = {name: [same for part in parts for same in part] for name, parts in by_cell(results).items()}
    return {name: {NAME: {"different": share(same.count(False), len(same))}} for name, same in cells.items()}


SUITE = Suite("restart", tasks, measure)
