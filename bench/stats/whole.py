"""The suite whole: releases played through the product's own ``decide``, as ``modelrollout simulate`` does it.

Two things that no test alone can show. A canary that is released to the requests of ``traffic.match`` first (focused):
these fail twenty times as often as all others, whichever version answers, so that whoever compares unlike requests
finds a fault that is none; and a version that is worse for the others alone must be found once they follow. And an
owner who edits, every twenty seconds, what a running release is judged by: each edit begins tests anew, and all of
them together must not cost more than the alpha that was allowed when the release began, so none may raise what is left
of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

from bench.stats.measures import Measure, median, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, ends_by_cell, tasks_of
from modelrollout.api.analysis import Analysis
from modelrollout.api.route import EVERYBODY
from modelrollout.simulation.population import Behaviour
from modelrollout.simulation.profile import Profile
from modelrollout.simulation.release import Edit, Frame, Release, play
from modelrollout.simulation.scenario import Scenario, from_traffic
from modelrollout.simulation.traffic import Traffic

HERE = Path(__file__).parent
MATCHED = HERE.parents[1] / "examples" / "simulate" / "matched"
EDITED = HERE / "edited"
EDITS, EVERY, AFTER_SCRAPE = 20, 20.0, 1.0  # how often, and seconds: so that a pass sees an edit and no new sample
ROUNDING = 1e-9
CHUNK = 25  # runs of one task
QUICK = 40  # runs of a cell in the quick form: each takes a quarter of a second


@dataclass(frozen=True, slots=True)
class End:
    """How one release ended, ``at`` seconds after its start; ``others_at`` is when the others' round began. ``raised``:
    after some edit more was left of alpha than before it."""

    promoted: bool
    rolled_back: bool
    at: float
    others_at: float | None
    raised: bool


def focused(seed: int) -> Release:
    """Both versions alike: 4 % errors among the matched requests, 0.2 % among all others."""
    return scenario_of(MATCHED).release(seed)


def focused_worse(seed: int) -> Release:
    """The same, and the new version gives 2 % errors to the others."""
    scenario = scenario_of(MATCHED)
    assert isinstance(scenario.given, Traffic)
    *matched, others = scenario.given.populations
    others = replace(others, candidate=Behaviour(errors=Profile.constant(0.02)))
    return replace(scenario, given=replace(scenario.given, populations=(*matched, others))).release(seed)


def edited_bound(seed: int) -> Release:
    """The bound of latency goes to and fro between two values in one bucket: the counts are the same, and yet the owner
    asks something else each time."""
    return edited(seed, lambda analysis, odd: with_over(analysis, 0.08 if odd else 0.07))


def edited_margin(seed: int) -> Release:
    """The margin goes to and fro: all tests begin anew."""
    return edited(seed, lambda analysis, odd: analysis.model_copy(update={"margin": 1.02 if odd else 1.0}))


def edited(seed: int, change: Callable[[Analysis, bool], Analysis]) -> Release:
    """A release of two equal versions with its edits."""
    scenario = scenario_of(EDITED)
    edits = []
    for number in range(1, EDITS + 1):
        analysis = change(scenario.spec.analysis, number % 2 == 1)
        edits.append(Edit(EVERY * number + AFTER_SCRAPE, scenario.spec.model_copy(update={"analysis": analysis})))
    return replace(scenario.release(seed), edits=tuple(edits))


def with_over(analysis: Analysis, over: float) -> Analysis:
    """The same with another bound of latency."""
    metrics = tuple(
        item.model_copy(update={"over": over} if item.name == "latency" else {}) for item in analysis.metrics
    )
    return analysis.model_copy(update={"metrics": metrics})


def scenario_of(folder: Path) -> Scenario:
    """The manifest and the traffic of a folder."""
    return from_traffic(folder / "rollout.yaml", folder / "traffic.yaml")


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of release; ``runs`` of it in the full form."""

    release: Callable[[int], Release]
    healthy: bool = True
    runs: int = 2000


CELLS = {
    "focused, both alike: 4 % errors matched, 0.2 % all others": Cell(focused),
    "focused, 2 % errors for the others alone": Cell(focused_worse, healthy=False, runs=1000),
    "latency's bound edited every 20 s, 20 times": Cell(edited_bound),
    "the margin edited every 20 s, 20 times": Cell(edited_margin),
}


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return tasks_of(CELLS, work, form, size=CHUNK, quick=QUICK)


def work(name: str, index: int, runs: int, seed: int) -> list[End]:
    """The ends of some releases of a cell. Each seed is used once."""
    first = 1_000_000 * seed + CHUNK * index
    return [end_of(CELLS[name].release(first + run)) for run in range(runs)]


def end_of(release: Release) -> End:
    """How a release ends."""
    edits, others_at, raised, left = {edit.at for edit in release.edits}, None, False, inf
    for frame in play(release):
        last = frame
        if others_at is None and is_for_others(frame):
            others_at = frame.time
        raised = raised or (frame.time in edits and left_of_alpha(frame) > left + ROUNDING)
        left = left_of_alpha(frame)
    outcome = last.status.history[-1].outcome if last.over else "Running"
    return End(outcome == "Promoted", outcome == "RolledBack", last.time, others_at, raised)


def left_of_alpha(frame: Frame) -> float:
    """What may still be spent on a false rollback; nothing after the end."""
    return frame.status.trial.alpha.left if frame.status.trial is not None else 0.0


def is_for_others(frame: Frame) -> bool:
    """Whether the release is for everybody's requests in this pass."""
    return frame.status.trial is not None and frame.status.trial.audience == EVERYBODY


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """False rollbacks of the healthy cells; what was not found, and how soon the rest was, of the other one."""
    return {name: {NAME: measures(CELLS[name].healthy, ends)} for name, ends in ends_by_cell(results).items()}


def measures(healthy: bool, ends: Sequence[End]) -> dict[str, Measure]:
    """Of one cell."""
    if healthy:
        return {
            "rolledBack": share(sum(end.rolled_back for end in ends), len(ends)),
            "promoted": share(sum(end.promoted for end in ends), len(ends)),
            "raised": share(sum(end.raised for end in ends), len(ends)),
        }
    delays = [delay_of(end) for end in ends]
    return {"missed": share(delays.count(inf), len(ends)), "delay": median(delays)}


def delay_of(end: End) -> float:
    """Seconds from the beginning of the others' round to the rollback; infinity without one there."""
    return end.at - end.others_at if end.rolled_back and end.others_at is not None else inf


SUITE = Suite("whole", tasks, measure)
