"""The suite late: tests of versions that are alike, whose rewards come later than is told, and how often one wins.

The rewards are counted by the versions' own counters, so the control is still rewarded for all that it was asked before
the test; and ``rewardDelay`` is right, or too short by a half or by four fifths, or three times too long, or nothing is
said of it. Delays are exponential, or the same for all, or something between, or of two kinds. Where one version is
better it must be found all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import inf
from typing import Any

import numpy as np

from bench.stats.measures import median, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, ends_by_cell, tasks_of
from bench.stats.traffic import Floats, Ints, generator
from modelrollout.core.evidence.contest import Contest, Rules
from modelrollout.core.evidence.proofs import Proofs

LOOK, RPS, RATE, BETTER, LATE, DURATION = 60.0, 200.0, 0.05, 0.06, 600.0, 10_800.0
BEFORE = 10.0 * LATE  # in which the control was asked alone
OFTEN, SOME = 2000, 400  # runs
PLACES = 60  # moments of a look at which requests are thought to be made


@dataclass(frozen=True, slots=True)
class Kind:
    """A ``part`` of the rewards, that are so many seconds late on average: by Erlang's distribution of this order, or
    all the same."""

    part: float
    mean: float
    order: float = 1.0

    def came(self, after: Floats) -> Floats:
        """The part of all rewards that has come so many seconds after the request."""
        if not self.mean or self.order == inf:
            return np.where(after >= self.mean, self.part, 0.0)
        phases = self.order * np.maximum(after, 0.0) / self.mean
        chance, out = np.exp(-phases), np.zeros_like(phases)
        for done in range(int(self.order)):
            out, chance = out + chance, chance * phases / (done + 1)
        found: Floats = self.part * (1.0 - out)
        return found


SHAPES = {
    "exponential": (Kind(1.0, LATE),),
    "constant": (Kind(1.0, LATE, inf),),
    "a hump": (Kind(1.0, LATE, 4.0),),
    "a narrow hump": (Kind(1.0, LATE, 25.0),),
    "four of five at once": (Kind(0.8, 0.0), Kind(0.2, LATE, inf)),
    "half soon, half late": (Kind(0.5, 0.1 * LATE), Kind(0.5, 1.9 * LATE)),
}
USUAL = ("exponential", "constant")
TOLD = {
    "right": 1.0,
    "twice too short": 1.0 / 2.0,
    "five times too short": 1.0 / 5.0,
    "three times too long": 3.0,
    "to come at once": 0.0,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """How late rewards are (``shape``); ``told`` is the mean delay by the spec as a part of the true one; ``rates`` of
    the control and the arms."""

    shape: str
    told: float
    rates: tuple[float, ...] = (RATE, RATE)
    runs: int = OFTEN

    @property
    def mean_delay(self) -> float:
        """What the spec says, in seconds."""
        return self.told * sum(kind.part * kind.mean for kind in SHAPES[self.shape])

    @property
    def rules(self) -> Rules:
        """What decides."""
        return Rules(overdispersion=1.0, mean_delay=self.mean_delay)


CELLS = {
    **{
        f"{shape}, told {how}": Cell(shape, told, runs=OFTEN if shape in USUAL else SOME)
        for shape, (how, told) in product(SHAPES, TOLD.items())
    },
    "four versions, exponential, told five times too short": Cell("exponential", 1 / 5, (RATE,) * 4, SOME),
    "6 % beside 5 %, exponential, told right": Cell("exponential", 1.0, (RATE, BETTER), SOME),
    "6 % beside 5 %, exponential, told five times too short": Cell("exponential", 1 / 5, (RATE, BETTER), SOME),
    "6 % beside 5 %, half soon, half late, told right": Cell("half soon, half late", 1.0, (RATE, BETTER), SOME),
    "5 % beside 6 %, exponential, told right": Cell("exponential", 1.0, (BETTER, RATE), SOME),
}
QUICK = (
    "exponential, told right",
    "exponential, told five",
    "constant, told five",
    "a narrow hump, told five",
    "four of five at once, told to",
    "6 % beside 5 %, exponential",
)


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return tasks_of(CELLS, work, form, size=10, quick=20, begin=QUICK)


def work(name: str, index: int, runs: int, seed: int) -> list[tuple[int, float]]:
    """Who won (-1: nobody) and when, of each run."""
    rng = generator(seed, "late", name, index)
    return [ended(CELLS[name], rng) for _ in range(runs)]


@dataclass
class Rewarded:
    """The rewards of one version that are still to come, by look; ``parts`` of them come in a request's own look, the
    next, and so on, and what is left much later, or never."""

    parts: Floats
    out: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.out = np.zeros(len(self.parts), dtype=np.int64)

    def after(self, earned: int, rng: np.random.Generator) -> int:
        """How many come in a look in which so many requests were made that will be rewarded."""
        self.out += rng.multinomial(earned, self.parts)
        came = int(self.out[0])
        self.out[:-1] = self.out[1:]
        return came


def parts_of(shape: str) -> Floats:
    """For ``Rewarded``, where requests are made at even distances."""
    looks, made = np.arange(round((BEFORE + DURATION) / LOOK) + 1), (np.arange(PLACES) + 0.5) / PLACES
    until = LOOK * (looks[:, None] + 1.0 - made)
    came = np.sum([kind.came(until) for kind in SHAPES[shape]], axis=0).mean(axis=1)
    found: Floats = np.append(np.diff(came, prepend=0.0), 1.0 - came[-1])
    return found


def ended(cell: Cell, rng: np.random.Generator) -> tuple[int, float]:
    """One test."""
    versions = tuple(f"1.0.{number}" for number in range(len(cell.rates)))
    contest = begun(cell, versions)
    for look, new in enumerate(counted(cell, rng)):
        at = LOOK * (look + 1)
        contest = contest.after(at, dict(zip(versions, new, strict=True)), cell.rules, LOOK)
        if (winner := Proofs(contest, cell.rules).winner) is not None:
            return versions.index(winner), at
    return -1, inf


def begun(cell: Cell, versions: tuple[str, ...]) -> Contest:
    """As the product begins it: all were asked of the control before, and half an hour of that was seen."""
    contest, control = Contest().among(versions), versions[0]
    contest = contest.asked_before(
        {version: RPS * cell.mean_delay if version == control else 0.0 for version in versions}
    )
    past = {version: ((-1e6, 0.0, RPS),) if version == control else () for version in versions}
    return replace(contest, timeline=contest.timeline.with_past(past))


def counted(cell: Cell, rng: np.random.Generator) -> Iterator[list[tuple[int, int]]]:
    """Requests and rewards of each look, of each version."""
    shares: list[float] = [1.0 / len(cell.rates)] * len(cell.rates)
    rewarded = [Rewarded(parts_of(cell.shape)) for _ in shares]
    for look in range(-round(BEFORE / LOOK), round(DURATION / LOOK)):
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
