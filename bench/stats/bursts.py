"""The suite bursts: versions that are alike, whose rewards come six at a time, and how often one of them wins for it.

People who come six times are not six people. Nothing was counted before the test, as with the reward gateway, or what
was counted came one by one. Found wrong is a winner, and in a bandit a version that leaves, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.stats.measures import share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, ends_by_cell, tasks_of
from bench.stats.traffic import generator
from modelrollout.core.evidence.allocation import Allocation, shares_of
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.counts import PARTS
from modelrollout.core.evidence.proofs import Proofs

LOOK, RPS, BURST, UPDATE, FLOOR = 10.0, 100.0, 6, 3, 0.01


@dataclass(frozen=True, slots=True)
class Cell:
    """``rates`` of the versions; ``past`` as the operator measured it; ``follows``: shares follow the rewards;
    ``parts`` of a reward, which is then anything from 0 to 1."""

    rates: tuple[float, ...] = (0.2, 0.2)
    past: float | None = None
    follows: bool = False
    parts: int = 1
    seconds: float = 3600.0
    runs: int = 400

    @property
    def rules(self) -> Rules:
        """What decides."""
        return Rules(overdispersion=self.past, parts=self.parts)


CELLS = {
    "test, no past": Cell(),
    "test, a past without bursts": Cell(past=1.0),
    "test of four, no past": Cell((0.05,) * 4),
    "test, rewards of any size, no past": Cell(parts=PARTS),
    "bandit, no past": Cell(follows=True, seconds=1800.0),
    "bandit, a past without bursts": Cell(past=1.0, follows=True, seconds=1800.0),
    "bandit of four, no past": Cell((0.05,) * 4, follows=True, seconds=1800.0),
}
QUICK = ("test, no past", "bandit, no past")


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells; the quick form has a test and a bandit."""
    return tasks_of(CELLS, work, form, size=10, quick=100, begin=QUICK)


def work(name: str, index: int, runs: int, seed: int) -> list[bool]:
    """Whether anything wrong was found, of each run."""
    cell, rng = CELLS[name], generator(seed, "bursts", name, index)
    return [is_wrong(cell, rng) for _ in range(runs)]


def is_wrong(cell: Cell, rng: np.random.Generator) -> bool:
    """One run: a winner, or of a bandit a version that is said to be worse."""
    versions = tuple(f"1.0.{number}" for number in range(len(cell.rates)))
    contest, beliefs = Contest().among(versions), Allocation()
    shares: Mapping[str, float] = dict.fromkeys(versions, 1.0 / len(versions))
    for look in range(round(cell.seconds / LOOK)):
        new = answered(cell, shares, rng)
        contest = contest.after(LOOK * (look + 1), new, cell.rules)
        proofs = Proofs(contest, cell.rules)
        if proofs.winner or (cell.follows and len(proofs.contenders) < len(versions)):
            return True
        if cell.follows:
            beliefs = beliefs.after(new, LOOK, half_life=None)
            shares = followed(contest, beliefs, cell) if look % UPDATE == UPDATE - 1 else shares
    return False


def answered(cell: Cell, shares: Mapping[str, float], rng: np.random.Generator) -> dict[str, tuple[int, int]]:
    """Requests and rewards (in parts) of one look by version: who comes six times is rewarded each time, or never."""
    new = {}
    for (version, part), rate in zip(shares.items(), cell.rates, strict=True):
        people = int(rng.poisson(RPS * LOOK * part / BURST))
        one_or_none = int(rng.binomial(people, rate))
        earned = one_or_none if cell.parts == 1 else int(rng.uniform(0.5, 1.0, one_or_none).sum() * cell.parts)
        new[version] = (BURST * people, BURST * earned)
    return new


def followed(contest: Contest, beliefs: Allocation, cell: Cell) -> dict[str, float]:
    """The shares by what is believed, as parts of 1."""
    phi = contest.spread.factor(cell.past)
    chances = beliefs.chances(more_is_better=True, overdispersion=phi)
    return {version: percent / 100.0 for version, percent in shares_of(chances, FLOOR).items()}


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """How often anything wrong was found."""
    return {name: {NAME: {"wrong": share(sum(ends), len(ends))}} for name, ends in ends_by_cell(results).items()}


SUITE = Suite("bursts", tasks, measure)
