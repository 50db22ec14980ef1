"""The suite shadow: is a candidate that answers otherwise told from one that does not, and by how many answers?

Copies of requests are replayed as the comparer does it, and what it counts is judged as the operator does it: the
control has three answers to each request and an arm two, at most 2 % of the answers may differ. Some requests are not
answered the same way twice: with a chance ``toss`` the other of two answers comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.stats.measures import Measure, from_json, mean, quantile, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, ends_by_cell, tasks_of
from bench.stats.traffic import generator
from modelrollout.core.validate.disagreement import Flips, Outcome, judge_flips

ALLOWED, LEAST = 0.02, 1
HORIZON = 5000  # answers
CLOSE = 600  # up to so many it is looked at after every fifth answer, then after every fiftieth
LOOKS = (*range(5, CLOSE, 5), *range(CLOSE, HORIZON + 1, 50))

Flags = NDArray[np.bool_]
End = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """An arm that answers ``flipped`` of the requests otherwise, every time. ``unsure`` of them are not answered the
    same way twice: by the control with the chance ``toss``, by the arm with ``arm_toss``."""

    flipped: float
    unsure: float = 0.0
    toss: float = 0.0
    arm_toss: float = 0.0
    runs: int = 2000


SOME = Cell(0.0, unsure=0.1, toss=0.5, arm_toss=0.5)  # a tenth of the requests at random: noise 5 %
ALL = Cell(0.0, unsure=1.0, toss=0.0257, arm_toss=0.0257)  # every request now and then: noise 5 %
AT_THE_EDGE = (
    ALLOWED / 0.9
)  # with noise of 5 % as many flips are 2 % beyond it: on a tenth of the rest nobody sees them
EDGE = 6000  # runs where the chance is near its bound
CELLS = {
    "equal": Cell(0.0, runs=200),
    "0.5 % differ": Cell(0.005),
    "1 % differ": Cell(0.01),
    "2 % differ, as is allowed": Cell(0.02, runs=EDGE),
    "4 % differ": Cell(0.04, runs=500),
    "10 % differ": Cell(0.1),
    "all differ": Cell(1.0, runs=500),
    "equal, noise 5 %, some requests": SOME,
    "equal, noise 5 %, all requests": ALL,
    "equal, noise 20 %": Cell(0.0, unsure=0.4, toss=0.5, arm_toss=0.5),
    "2 % beyond noise of 5 %, some requests": replace(SOME, flipped=AT_THE_EDGE, runs=EDGE),
    "2 % beyond noise of 5 %, all requests": replace(ALL, flipped=AT_THE_EDGE, runs=EDGE),
    "2 % differ beside noise of the control alone": Cell(AT_THE_EDGE, unsure=0.1, toss=0.5, runs=EDGE),
    "10 % differ, noise 5 %": replace(SOME, flipped=0.1, runs=500),
    "noise of the arm alone, 10 %": Cell(0.0, unsure=1.0, arm_toss=0.1, runs=500),
}


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return tasks_of(CELLS, work, form, size=100, quick=200)


def work(name: str, index: int, runs: int, seed: int) -> list[End]:
    """How each run ended, and after how many answers."""
    rng = generator(seed, "shadow", name, index)
    return [ended(CELLS[name], rng) for _ in range(runs)]


def ended(cell: Cell, rng: np.random.Generator) -> End:
    """One run."""
    counts = [np.cumsum(flags) for flags in drawn(cell, rng)]
    for compared in LOOKS:
        different, once, always = (float(count[compared - 1]) for count in counts)
        found = judge_flips(Flips(compared, different, once, always), ALLOWED, LEAST)
        if found.outcome is not Outcome.OPEN:
            return found.outcome.value, compared
    return Outcome.OPEN.value, HORIZON


def drawn(cell: Cell, rng: np.random.Generator) -> tuple[Flags, Flags, Flags]:
    """Of each request whether the arm differs, still does once, and always."""
    unsure = rng.random(HORIZON) < cell.unsure
    control = rng.random((3, HORIZON)) < np.where(unsure, cell.toss, 0.0)
    arm = rng.random((2, HORIZON)) < np.where(unsure, cell.arm_toss, 0.0)
    arm ^= rng.random(HORIZON) < cell.flipped
    different = arm[0] != control[0]
    once = different & (control[1] == control[0])
    return different, once, once & (control[2] == control[0]) & (arm[1] != control[0])


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """How many fail and pass, and after how many answers."""
    return {name: {NAME: _measures(ends)} for name, ends in ends_by_cell(results).items()}


def _measures(ends: Sequence[End]) -> dict[str, Measure]:
    found: dict[str, Measure] = {}
    for outcome, rate, answers in (
        (Outcome.FAIL, "failed", "answersToFail"),
        (Outcome.PASS, "passed", "answersToPass"),
    ):
        compared = [count for known, count in ends if known == outcome.value]
        found[rate] = share(len(compared), len(ends))
        if len(compared) > len(ends) / 2:
            found[answers] = mean(compared)
            found[f"{answers}, 95 %"] = quantile(compared, 0.95)
    return found


def rows_of(cells: Mapping[str, Any]) -> list[list[str]]:
    """All cells as a table."""
    head = ["what is compared", "failed", "after, mean", "after, 95 %", "passed", "after, mean", "after, 95 %"]
    return [head, *([name, *_shown(rules[NAME])] for name, rules in cells.items())]


def _shown(found: Mapping[str, Measure]) -> Iterator[str]:
    for rate, answers in (("failed", "answersToFail"), ("passed", "answersToPass")):
        yield f"{100 * found[rate]['value']:.3g} %"
        for name in (answers, f"{answers}, 95 %"):
            yield f"{from_json(found[name]['value']):.0f}" if name in found else ""


SUITE = Suite("shadow", tasks, measure)
