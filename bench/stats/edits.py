"""The suite edits: tests of versions that are alike, edited again and again, and how often one of them wins for it.

Each edit begins comparisons anew, and an owner who edits until something wins must not be given a new chance each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.stats.measures import share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, ends_by_cell, tasks_of
from bench.stats.traffic import generator
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.proofs import Proofs

LOOK, RPS, RATE, EVERY, DURATION = 20.0, 100.0, 0.2, 200.0, 3600.0
RULES = Rules(overdispersion=1.0)
CONTROL = "1.0.0"


def unedited(contest: Contest, number: int) -> Contest:
    """Nothing happens, beside the others."""
    return contest


def replaced(contest: Contest, number: int) -> Contest:
    """The arm is replaced by another one."""
    return contest.among((CONTROL, f"1.1.{number}"), RULES.overdispersion)


def back_again(contest: Contest, number: int) -> Contest:
    """The arm is taken out and put in again."""
    versions = contest.versions
    return contest.among((CONTROL,), RULES.overdispersion).among(versions, RULES.overdispersion)


def anew(contest: Contest, number: int) -> Contest:
    """The reward's query is edited."""
    return contest.anew(RULES.overdispersion).among(contest.versions, RULES.overdispersion)


@dataclass(frozen=True, slots=True)
class Cell:
    """What is done every 200 s of an hour."""

    edit: Callable[[Contest, int], Contest]
    runs: int = 1000


CELLS = {
    "no edit": Cell(unedited),
    "an arm is replaced": Cell(replaced),
    "an arm is taken out and put in again": Cell(back_again),
    "the reward's query is edited": Cell(anew),
}
QUICK = ("an arm is replaced", "the reward")


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return tasks_of(CELLS, work, form, size=20, quick=60, begin=QUICK)


def work(name: str, index: int, runs: int, seed: int) -> list[bool]:
    """Whether anybody won, of each run."""
    rng = generator(seed, "edits", name, index)
    return [has_winner(CELLS[name], rng) for _ in range(runs)]


def has_winner(cell: Cell, rng: np.random.Generator) -> bool:
    """One run."""
    contest, looks = Contest().among((CONTROL, "1.1.0"), RULES.overdispersion), round(EVERY / LOOK)
    for look in range(round(DURATION / LOOK)):
        if look and look % looks == 0:
            contest = cell.edit(contest, look // looks)
        asked = rng.poisson(RPS * LOOK / 2, 2)
        new = dict(
            zip(contest.versions, zip(asked.tolist(), rng.binomial(asked, RATE).tolist(), strict=True), strict=True)
        )
        contest = contest.after(LOOK * (look + 1), new, RULES)
        if Proofs(contest, RULES).winner is not None:
            return True
    return False


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """How often anybody won."""
    return {name: {NAME: {"wrong": share(sum(ends), len(ends))}} for name, ends in ends_by_cell(results).items()}


SUITE = Suite("edits", tasks, measure)
