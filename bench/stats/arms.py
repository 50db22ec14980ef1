"""The suite abn: a winner among four versions by a reward, looked for every 10 s, by the product's own contest."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from bench.stats.measures import median, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import Ints, generator
from modelrollout.core.evidence.contest import BETA, Contest, Rules

LOOK, RPS, DURATION = 10.0, 100.0, 3600.0
RULES = Rules(false_winner=0.05, indifference=0.05, overdispersion=1.0)  # a past in which rewards came one by one
FAR = Rules(false_winner=0.05, indifference=0.25, overdispersion=1.0)
CELLS = {
    "all at 5 %": (0.05, 0.05, 0.05, 0.05),
    "two best at 6 %": (0.05, 0.05, 0.06, 0.06),
    "one at 6 %, the others at 5 %": (0.05, 0.05, 0.05, 0.06),
}
ALIKE = {
    "alike: two at 20 %, 25 % is no difference": (0.2, 0.2),
    "not alike: 20 and 23.8 %, odds apart by 25 %": (0.2, 0.23810),
}


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells; the quick form has only the cell with a winner, and those about no difference."""
    runs = form.runs or (100 if form.quick else 400)
    names = [*list(CELLS)[-1 if form.quick else 0 :], *ALIKE]
    return [Task(name, work, (name, index, part, form.seed)) for name in names for index, part in chunks(runs, 25)]


def work(name: str, index: int, runs: int, seed: int) -> list[tuple[int, float]]:
    """The winner (-1: none, or "no difference" where that is asked for) and the time for each run."""
    rng, rates = generator(seed, "abn", name, index), np.array((CELLS | ALIKE)[name])
    found = []
    for _ in range(runs):
        answers = rng.poisson(RPS * LOOK / len(rates), (round(DURATION / LOOK), len(rates)))
        found.append(ended(answers, rng.binomial(answers, rates), alike=name in ALIKE))
    return found


def ended(answers: Ints, rewards: Ints, *, alike: bool) -> tuple[int, float]:
    """The first version that wins, or that no difference is proven (0), and when; (-1, inf) if neither is."""
    versions = tuple(f"1.0.{number}" for number in range(answers.shape[1]))
    contest, rules = Contest().among(versions), FAR if alike else RULES
    for look, (trials, wins) in enumerate(zip(answers.tolist(), rewards.tolist(), strict=True)):
        at = LOOK * (look + 1)
        new = dict(zip(versions, zip(trials, wins, strict=True), strict=True))
        contest = contest.after(at, new, rules, LOOK)
        if alike and contest.alike(rules) >= 1.0 / BETA:
            return 0, at
        if not alike and (winner := contest.winner(rules)) is not None:
            return versions.index(winner), at
    return -1, inf


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """Wrong winners (a tie has none that is right), and the time to the right one; false proofs of no difference."""
    measured = {}
    for name, parts in by_cell(results).items():
        found = [end for part in parts for end in part]
        rates = (CELLS | ALIKE)[name]
        best = [arm for arm, rate in enumerate(rates) if rate == max(rates)]
        right = best if len(best) == 1 and name in CELLS else [0] if name.startswith("alike") else []
        wrong = sum(arm >= 0 and arm not in right for arm, _ in found)
        measures = {"wrong": share(wrong, len(found))}
        if right:
            measures["delay"] = median([time if arm in right else inf for arm, time in found])
        measured[name] = {NAME: measures}
    return measured


SUITE = Suite("abn", tasks, measure)
