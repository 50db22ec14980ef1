"""The pictures of drift, delay and context: what each policy loses over time, and how much the best arm gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.stats import bandits, delay, drift, segments
from bench.stats.bandit_pictures import RUNS, draw_lines
from bench.stats.policies import PEERS, Policy
from bench.stats.product import NAME
from bench.stats.traffic import Floats, generator

CHANGE = next(iter(drift.SCENARIOS))
LATE = "after 300 s"
SHOWN = ("4 segments, winners differ", "4 segments, same winner")


@dataclass(frozen=True, slots=True)
class Course:
    """What came of a policy in the batches of a run, the mean of some: successes ``lost`` so far, and the part of the
    requests that was to go to the ``best`` arm. Shape (batches,)."""

    lost: Floats
    best: Floats


Courses = Mapping[str, Course]  # by policy, the product's first


def course_of(runs: Iterable[list[tuple[float, float]]]) -> Course:
    """Of some runs: what was lost in each batch, and the best arm's part."""
    mean = np.mean(list(runs), axis=0)
    return Course(np.cumsum(mean[:, 0]), mean[:, 1])


def played(scenario: bandits.Scenario, policies: Mapping[str, Policy], runs: int) -> Courses:
    """The courses of bandits."""

    def run_of(name: str, run: int) -> list[tuple[float, float]]:
        batches = bandits.batches_of(scenario, policies[name], generator(1, "course", name, run))
        return [(batch.lost, batch.shares[batch.best]) for batch in batches]

    return {name: course_of(run_of(name, run) for run in range(runs)) for name in policies}


def played_apart(scenario: segments.Scenario, runs: int) -> Courses:
    """The courses of contextual bandits."""

    def run_of(name: str, run: int) -> list[tuple[float, float]]:
        batches = segments.batches_of(scenario, scenario.policies[name], generator(1, "course", name, run))
        return [(batch.lost, batch.best) for batch in batches]

    return {name: course_of(run_of(name, run) for run in range(runs)) for name in scenario.policies}


def draw_drift(path: Path, *, runs: int = RUNS, requests: int = 400_000) -> None:
    """Two arms change places at half time."""
    shown = (NAME, *PEERS, "ModelRollout, nothing forgotten")
    scenario = replace(drift.SCENARIOS[CHANGE], requests=requests)
    courses = played(scenario, {name: drift.POLICIES[name] for name in shown}, runs)
    draw(path, {f"six versions, {CHANGE} at half time": courses}, scenario.seconds)


def draw_delay(path: Path, *, runs: int = RUNS, requests: int = 200_000) -> None:
    """Rewards come five minutes late."""
    scenario = replace(delay.SCENARIOS[LATE], requests=requests)
    shown = {name: scenario.policies[name] for name in (delay.KEPT, *PEERS, delay.NAIVE)}
    draw(path, {f"six versions of 2 to 6 %, rewards {LATE}": played(scenario, shown, runs)}, scenario.seconds)


def draw_context(path: Path, *, runs: int = RUNS, requests: int = 100_000) -> None:
    """Four segments whose winners differ, above, and four with the same one."""
    scenarios = {kind: segments.KINDS[kind](requests, policies=segments.POLICIES) for kind in SHOWN}
    courses = {kind: played_apart(scenario, runs) for kind, scenario in scenarios.items()}
    draw(path, courses, scenarios[SHOWN[0]].batch / segments.RPS)


def by_minute(line: Floats, seconds: float) -> Floats:
    """Its mean in each whole minute: shares that jump to and fro at each update are no line."""
    each = round(60.0 / seconds)
    return np.asarray(line[: len(line) // each * each].reshape(-1, each).mean(axis=1))


def draw(path: Path, rows: Mapping[str, Courses], seconds: float) -> None:
    """A row for each title, batches so many ``seconds`` apart: left what is lost, right the best arm's share."""
    figure = Figure(figsize=(12, 4.8 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    for (title, courses), (losses, shares) in zip(
        rows.items(), figure.subplots(len(rows), 2, squeeze=False), strict=True
    ):
        draw_lines(losses, {name: course.lost for name, course in courses.items()}, seconds, title)
        losses.set(ylabel="successes lost so far, mean")
        best = {name: 100.0 * by_minute(course.best, seconds) for name, course in courses.items()}
        draw_lines(shares, best, 60.0, title)
        shares.set(ylabel="share of the best version in each minute, %, mean", ylim=(0, 100))
        losses.legend(fontsize=8)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})
