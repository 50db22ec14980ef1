"""The suite late: tests of versions that are alike, whose rewards come later than is told, and how often one wins.

The rewards are counted by the versions' own counters, so the control is still rewarded for all that it was asked before
the test; and ``rewardDelay`` is right, or too short by a half or by four fifths, or nothing is said of it. Delays are
exponential, or the same for all. Where one version is better it must be found all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import exp, expm1, inf
from typing import Any

import numpy as np

from bench.stats.measures import median, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, ends_by_cell, tasks_of
from bench.stats.traffic import Ints, generator
from modelrollout.core.evidence.contest import Contest, Rules

LOOK, RPS, RATE, BETTER, LATE, DURATION = 60.0, 200.0, 0.05, 0.06, 600.0, 10_800.0


@dataclass(frozen=True, slots=True)
class Cell:
    """``told`` is the mean delay by the spec, seconds; ``punctual``: all rewards are equally late; ``rates`` of the
    control and the arms."""

    told: float
    punctual: bool = False
    rates: tuple[float, ...] = (RATE, RATE)
    runs: int = 2000

    @property
    def rules(self) -> Rules:
        """What decides."""
        return Rules(overdispersion=1.0, mean_delay=self.told)


CELLS = {
    "exponential, told right": Cell(LATE),
    "exponential, told twice too short": Cell(LATE / 2),
    "exponential, told five times too short": Cell(LATE / 5),
    "exponential, told to come at once": Cell(0.0),
    "constant, told right": Cell(LATE, punctual=True),
    "constant, told twice too short": Cell(LATE / 2, punctual=True),
    "constant, told five times too short": Cell(LATE / 5, punctual=True),
    "four versions, exponential, told five times too short": Cell(LATE / 5, rates=(RATE,) * 4, runs=400),
    "6 % beside 5 %, exponential, told right": Cell(LATE, rates=(RATE, BETTER), runs=400),
    "6 % beside 5 %, exponential, told five times too short": Cell(LATE / 5, rates=(RATE, BETTER), runs=400),
}
QUICK = ("exponential, told right", "exponential, told five", "constant, told five", "6 %")


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return tasks_of(CELLS, work, form, size=10, quick=20, begin=QUICK)


def work(name: str, index: int, runs: int, seed: int) -> list[tuple[int, float]]:
    """Who won (-1: nobody) and when, of each run."""
    rng = generator(seed, "late", name, index)
    return [ended(CELLS[name], rng) for _ in range(runs)]


@dataclass
class Rewarded:
    """The rewards of one version that are still to come: ``out`` of exponential delays, which have no memory; ``queue``
    of constant ones, by look."""

    punctual: bool
    out: int = 0
    queue: list[int] = field(default_factory=list)

    def after(self, earned: int, rng: np.random.Generator) -> int:
        """How many come in a look in which so many requests were made that will be rewarded."""
        if self.punctual:
            self.queue.append(earned)
            return self.queue.pop(0) if len(self.queue) > round(LATE / LOOK) else 0
        looks = LOOK / LATE
        came = int(rng.binomial(self.out, 1.0 - exp(-looks)) + rng.binomial(earned, 1.0 + expm1(-looks) / looks))
        self.out += earned - came
        return came


def ended(cell: Cell, rng: np.random.Generator) -> tuple[int, float]:
    """One test."""
    versions = tuple(f"1.0.{number}" for number in range(len(cell.rates)))
    contest = begun(cell, versions)
    for look, new in enumerate(counted(cell, rng)):
        at = LOOK * (look + 1)
        contest = contest.after(at, dict(zip(versions, new, strict=True)), cell.rules, LOOK)
        if (winner := contest.winner(cell.rules)) is not None:
            return versions.index(winner), at
    return -1, inf


def begun(cell: Cell, versions: tuple[str, ...]) -> Contest:
    """As the product begins it: all were asked of the control before, and half an hour of that was seen."""
    contest, control = Contest().among(versions), versions[0]
    contest = contest.asked_before({version: RPS * cell.told if version == control else 0.0 for version in versions})
    past = {version: ((-1e6, 0.0, RPS),) if version == control else () for version in versions}
    return replace(contest, timeline=contest.timeline.with_past(past))


def counted(cell: Cell, rng: np.random.Generator) -> Iterator[list[tuple[int, int]]]:
    """Requests and rewards of each look, of each version."""
    shares: list[float] = [1.0 / len(cell.rates)] * len(cell.rates)
    rewarded = [Rewarded(cell.punctual) for _ in shares]
    for look in range(-round(5 * LATE / LOOK), round(DURATION / LOOK)):
        parts = shares if look >= 0 else [1.0] + [0.0] * (len(shares) - 1)
        asked: Ints = rng.poisson(np.array(parts) * RPS * LOOK)
        earned = rng.binomial(asked, cell.rates)
        came = [one.after(int(number), rng) for one, number in zip(rewarded, earned, strict=True)]
        if look >= 0:
            yield list(zip(asked.tolist(), came, strict=True))


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """How often a wrong one won, and when the right one did, where there is one."""
    measured = {}
    for name, ends in ends_by_cell(results).items():
        rates = CELLS[name].rates
        best = rates.index(max(rates)) if len(set(rates)) > 1 else None
        measures = {"wrong": share(sum(who >= 0 and who != best for who, _ in ends), len(ends))}
        if best is not None:
            measures["delay"] = median([at if who == best else inf for who, at in ends])
        measured[name] = {NAME: measures}
    return measured


SUITE = Suite("late", tasks, measure)
