"""The suite abn: a winner among four versions by a reward, looked for every 10 s, by the product's own contest and by
the rules of other tools on the same counts.

Those have no rule that two versions do not differ, so the cells about that are the product's alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from bench.stats.measures import Measure, median, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import Ints, generator
from bench.stats.winners import RULES as OTHERS
from bench.stats.winners import Rule
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.proofs import BETA, Proofs

LOOK, RPS, DURATION = 10.0, 100.0, 3600.0
RULES = Rules(false_winner=0.05, indifference=0.05, overdispersion=1.0)  # a past in which rewards came one by one
FAR = Rules(false_winner=0.05, indifference=0.25, overdispersion=1.0)
Ends = dict[str, list[tuple[int, float]]]
"""By each rule the winner (-1: none, or "no difference" where that is asked for) and the time for each run."""

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


def work(name: str, index: int, runs: int, seed: int) -> Ends:
    """What each rule says in each run of the same counts."""
    rng, rates = generator(seed, "abn", name, index), np.array((CELLS | ALIKE)[name])
    others = OTHERS if name in CELLS else {}
    found: Ends = {rule: [] for rule in (NAME, *others)}
    for _ in range(runs):
        answers = rng.poisson(RPS * LOOK / len(rates), (round(DURATION / LOOK), len(rates)))
        rewards = rng.binomial(answers, rates)
        found[NAME].append(ended(answers, rewards, alike=name in ALIKE))
        for other, rule in others.items():
            found[other].append(named(answers, rewards, rule))
    return found


def ended(answers: Ints, rewards: Ints, *, alike: bool) -> tuple[int, float]:
    """The first version that wins, or that no difference is proven (0), and when; (-1, inf) if neither is."""
    versions = tuple(f"1.0.{number}" for number in range(answers.shape[1]))
    contest, rules = Contest().among(versions), FAR if alike else RULES
    for look, (trials, wins) in enumerate(zip(answers.tolist(), rewards.tolist(), strict=True)):
        at = LOOK * (look + 1)
        new = dict(zip(versions, zip(trials, wins, strict=True), strict=True))
        contest = contest.after(at, new, rules, LOOK)
        if alike and Proofs(contest, rules).alike >= 1.0 / BETA:
            return 0, at
        if not alike and (winner := Proofs(contest, rules).winner) is not None:
            return versions.index(winner), at
    return -1, inf


def named(answers: Ints, rewards: Ints, rule: Rule) -> tuple[int, float]:
    """The first winner that a rule names by all that was counted up to a look, and when; (-1, inf) if it names none."""
    so_far = zip(answers.cumsum(axis=0).tolist(), rewards.cumsum(axis=0).tolist(), strict=True)
    for look, (asked, won) in enumerate(so_far, 1):
        if (winner := rule(asked, won)) is not None:
            return winner, LOOK * look
    return -1, inf


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """Of each rule in each cell."""
    return {
        name: {rule: measured(name, [end for part in parts for end in part[rule]]) for rule in parts[0]}
        for name, parts in by_cell(results).items()
    }


def measured(name: str, found: Sequence[tuple[int, float]]) -> dict[str, Measure]:
    """Wrong winners (a tie has none that is right), and the time to the right one; false proofs of no difference."""
    rates = (CELLS | ALIKE)[name]
    best = [arm for arm, rate in enumerate(rates) if rate == max(rates)]
    right = best if len(best) == 1 and name in CELLS else [0] if name.startswith("alike") else []
    wrong = share(sum(arm >= 0 and arm not in right for arm, _ in found), len(found))
    if not right:
        return {"wrong": wrong}
    return {"wrong": wrong, "delay": median([time if arm in right else inf for arm, time in found])}


SUITE = Suite("abn", tasks, measure)
