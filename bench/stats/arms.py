"""The suite abn: a winner among four versions by a business metric, looked for every 10 s.

There is no A/B strategy in the product yet. What it would stand on is: the pairwise odds-ratio test with margin 1 and
finer alternatives, on the product's likelihoods and its capital. Version i wins when every pairwise evidence "i beats
j" has reached (K - 1) / alpha, which bounds the chance of any wrong winner by alpha.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import inf
from typing import Any

import numpy as np

from bench.stats.measures import median, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import Ints, generator
from modelrollout.core.evidence import Count, EvidenceSettings, Tick
from modelrollout.core.evidence.capital import Capital
from modelrollout.core.evidence.hypergeometric import log_likelihoods

ALPHA, LOOK, RPS, DURATION = 0.05, 10.0, 100.0, 3600.0
BETTER_BY = 1.0 + np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
CELLS = {
    "all at 5 %": (0.05, 0.05, 0.05, 0.05),
    "two best at 6 %": (0.05, 0.05, 0.06, 0.06),
    "one at 6 %, the others at 5 %": (0.05, 0.05, 0.05, 0.06),
}
GRID = np.concatenate([[0.0], np.log(BETTER_BY), -np.log(BETTER_BY)])
# One tick can never matter much here, so all of the capital is staked at once.
SETTINGS = EvidenceSettings(alpha=ALPHA, margin=1.0, floor=0.0, first_capital=0.999, late_capital=0.001)


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells; the quick form has only the cell with a winner."""
    runs = form.runs or (100 if form.quick else 400)
    names = list(CELLS)[-1:] if form.quick else list(CELLS)
    return [Task(name, work, (name, index, part, form.seed)) for name in names for index, part in chunks(runs, 25)]


def work(name: str, index: int, runs: int, seed: int) -> list[tuple[int, float]]:
    """The winner (-1: none) and the time for each run."""
    rng, rates = generator(seed, "abn", name, index), np.array(CELLS[name])
    found = []
    for _ in range(runs):
        answers = rng.poisson(RPS * LOOK / len(rates), (round(DURATION / LOOK), len(rates)))
        found.append(winner(answers, rng.binomial(answers, rates)))
    return found


def winner(answers: Ints, successes: Ints) -> tuple[int, float]:
    """The first version that beats all the others, and when; (-1, inf) if none does."""
    arms = answers.shape[1]
    beats = {pair: Capital.of(len(BETTER_BY)) for one in range(arms) for pair in pairs_of(one, arms)}
    bound = (arms - 1) / ALPHA
    for look, (trials, wins) in enumerate(zip(answers.tolist(), successes.tolist(), strict=True)):
        for one, other in combinations(range(arms), 2):
            tick = Tick(LOOK * (look + 1), Count(wins[one], trials[one]), Count(wins[other], trials[other]))
            ratios = log_likelihoods(tick, GRID)
            up, down = np.split(ratios[1:] - ratios[0], 2)
            beats[one, other] = beats[one, other].after(up.tolist(), SETTINGS)
            beats[other, one] = beats[other, one].after(down.tolist(), SETTINGS)
        for one in range(arms):
            if all(beats[pair].evidence(SETTINGS) >= bound for pair in pairs_of(one, arms)):
                return one, LOOK * (look + 1)
    return -1, inf


def pairs_of(one: int, arms: int) -> list[tuple[int, int]]:
    """One version against each of the others."""
    return [(one, other) for other in range(arms) if other != one]


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """Wrong winners (a tie has none that is right), and the time to the right one."""
    measured = {}
    for name, parts in by_cell(results).items():
        found = [end for part in parts for end in part]
        rates = CELLS[name]
        best = [arm for arm, rate in enumerate(rates) if rate == max(rates)]
        right = best if len(best) == 1 else []
        wrong = sum(arm >= 0 and arm not in right for arm, _ in found)
        measures = {"wrong": share(wrong, len(found))}
        if right:
            measures["delay"] = median([time if arm in right else inf for arm, time in found])
        measured[name] = {NAME: measures}
    return measured


SUITE = Suite("abn", tasks, measure)
