"""The suite evidence: canaries whose weights rise by evidence alone (``evidence: {}``), played through ``decide``.

Three questions. How soon is a version that is as good as stable promoted, on services with many errors, few, and none
at all, where there is nothing to compare? How often does one come through that is worse than the bound of that proof:
twice stable's odds of a bad answer, and above the floor? And what does a version that fails cost until it is rolled
back, with weights that may rise quickly? The rules of other tools, which raise by the clock, get the same services.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from bench.stats import cells
from bench.stats.measures import Measure, mean, median, quantile, share
from bench.stats.peers import NEVER, rules
from bench.stats.product import NAME
from bench.stats.promote import FLOOR, TWICE
from bench.stats.suite import CHUNK as MANY
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks, ends_by_cell, tasks_of
from bench.stats.traffic import Ints, draw, generator
from bench.stats.whole import HERE, scenario_of
from modelrollout.simulation.population import Behaviour, Population
from modelrollout.simulation.profile import Profile
from modelrollout.simulation.release import Frame, Release, play
from modelrollout.simulation.traffic import Traffic

FOLDER = HERE / "rising"
CHUNK, QUICK = 10, 5  # runs of one task; of a cell in the quick form: each takes up to three seconds
QUICK_CELLS = ("40 requests/s, 0.00%", "100 requests/s, 0.50%", "no errors, at the floor")
"""The cells of the quick form, by how their names begin."""

OTHERS_RUNS, OTHERS_QUICK = 250, 25  # of each cell, by the rules of other tools


@dataclass(frozen=True, slots=True)
class Cell:
    """``stable`` and ``candidate`` are shares of bad answers; ``runs`` of it in the full form."""

    rps: float
    stable: float
    candidate: float
    runs: int = 200
    seconds: float = 7200.0


def alike(rps: float, errors: float) -> Cell:
    """Both versions are equally good."""
    return Cell(rps, errors, errors)


def worse(stable: float, candidate: float, runs: int = 400) -> Cell:
    """A candidate at the very edge of what must not be proven good enough, looked at for an hour."""
    return Cell(100.0, stable, candidate, runs=runs, seconds=3600.0)


GOOD = {
    f"{rps:.0f} requests/s, {errors:.2%} errors": alike(rps, errors)
    for rps in (40.0, 100.0)
    for errors in (0.0, 0.0005, 0.005)
}
EDGE = {
    "0.5 % errors, exactly 2 x worse": worse(0.005, TWICE),
    "0.05 % errors, 2 x worse and at the floor": worse(FLOOR / 2, FLOOR, runs=2000),
    "no errors, at the floor": worse(0.0, FLOOR),
}
BAD = {f"100 requests/s, {errors:.0%} of the candidate's": Cell(100.0, 0.005, errors) for errors in (0.02, 0.05, 0.2)}
CELLS = GOOD | EDGE | BAD


@dataclass(frozen=True, slots=True)
class End:
    """How a release ended: ``after`` seconds with a share, with so many bad answers by the candidate."""

    outcome: str
    after: float
    bad: int


def release(cell: Cell, seed: int) -> Release:
    """A release of a cell."""
    scenario = scenario_of(FOLDER)
    assert isinstance(scenario.given, Traffic)
    people = answering(scenario.given.others, cell)
    rps = Profile.constant(cell.rps)
    traffic = replace(scenario.given, rps=rps, duration=cell.seconds, populations=(people,))
    return replace(scenario, given=traffic).release(seed)


def answering(people: Population, cell: Cell) -> Population:
    """Everybody's requests, answered as well as the cell says."""
    stable, candidate = (Behaviour(errors=Profile.constant(rate)) for rate in (cell.stable, cell.candidate))
    return replace(people, stable=stable, candidate=candidate)


def end_of(played: Release) -> End:
    """How a release ends."""
    since = None
    for frame in play(played):
        last = frame
        if since is None and has_share(frame):
            since = frame.time
    metrics = last.status.last_analysis if last.over else last.status.arms[0].metrics
    outcome = last.status.history[-1].outcome if last.over else "Running"
    return End(outcome, last.time - (since or 0.0), sum(item.candidate.bad for item in metrics))


def has_share(frame: Frame) -> bool:
    """Whether the candidate gets requests."""
    return any(arm.weight for arm in frame.status.arms)


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells, and of each of them what the rules of other tools make of it."""
    own = tasks_of(CELLS, work, form, size=CHUNK, quick=QUICK, begin=QUICK_CELLS)
    return [
        *own,
        *(
            Task(name, others, (name, index, runs, form.seed))
            for name in dict.fromkeys(task.cell for task in own)
            for index, runs in chunks(form.runs or (OTHERS_QUICK if form.quick else OTHERS_RUNS), MANY)
        ),
    ]


def work(name: str, index: int, runs: int, seed: int) -> list[End]:
    """The ends of some releases of a cell. Each seed is used once."""
    first = 1_000_000 * seed + CHUNK * index
    return [end_of(release(CELLS[name], first + run)) for run in range(runs)]


def others(name: str, index: int, runs: int, seed: int) -> dict[str, Ints]:
    """When the rules of other tools roll back, by tick; their weights rise by the clock."""
    cell = CELLS[name]
    clock = cells.Cell(
        "evidence", name, cells.STEPS, ((0.0, cell.candidate),), stable=cell.stable, rps=cell.rps, runs=runs
    )
    counts = draw(clock, runs, generator(seed, "evidence", name, index))
    return {rule: fired(counts) for rule, fired in rules(seed).items()}


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """What is asked of each kind of cell, and how often other rules come to its two ends."""
    own = ends_by_cell([(task, raw) for task, raw in results if task.work is work])
    beside = by_cell([(task, raw) for task, raw in results if task.work is others])
    return {name: {NAME: measures(name, ends)} | by_others(beside.get(name, ())) for name, ends in own.items()}


def by_others(parts: Sequence[dict[str, Ints]]) -> dict[str, dict[str, Measure]]:
    """How often each of the other rules rolls back; it promotes whom it does not."""
    hits = {
        rule: [bool(tick != NEVER) for part in parts for tick in part[rule]] for rule in (parts[0] if parts else ())
    }
    return {
        rule: {"promoted": share(found.count(False), len(found)), "rolledBack": share(found.count(True), len(found))}
        for rule, found in hits.items()
    }


def measures(name: str, ends: Sequence[End]) -> dict[str, Measure]:
    """Of one cell: how often it came to its two ends, and the time to the right one."""
    right = "RolledBack" if name in BAD else "Promoted"
    times = [end.after if end.outcome == right else inf for end in ends]
    return {
        "promoted": share(sum(end.outcome == "Promoted" for end in ends), len(ends)),
        "rolledBack": share(sum(end.outcome == "RolledBack" for end in ends), len(ends)),
        "delay": median(times),
        "late": quantile(times, 0.95),
        "badServed": mean([end.bad for end in ends]),
    }


SUITE = Suite("evidence", tasks, measure)
