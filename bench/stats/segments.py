"""Contextual bandits played against fixed rates: requests of several segments, in each of which another arm may win."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from bench.stats import policies
from bench.stats.policies import FLOOR, equal, greedy, growthbook, iter8, thompson
from bench.stats.product import NAME
from bench.stats.traffic import Floats
from modelrollout.core.evidence.allocation import Allocation, shares_of
from modelrollout.core.evidence.belief import Belief
from modelrollout.core.evidence.segments import SegmentAllocation

RPS = 100.0
Table = Sequence[Sequence[Belief]]  # by segment and arm
Rule = Callable[[Table], Sequence[Sequence[float]]]  # the shares, by segment and arm


@dataclass(frozen=True, slots=True)
class Scenario:
    """``rates`` by segment and arm; ``sizes`` are the segments' parts of the requests."""

    requests: int
    rates: tuple[tuple[float, ...], ...]
    sizes: tuple[float, ...]
    policies: Mapping[str, Rule] = field(repr=False)
    batch: int = 1000
    runs: int = 100
    quick: int = 0  # runs of the quick form; 0: it leaves the scenario out


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened in one batch: the successes ``lost``, in expectation, to arms that are not the best of their
    segment, and the part of all requests that was to go to the ``best`` ones."""

    lost: float
    best: float


def play(scenario: Scenario, rule: Rule, rng: np.random.Generator) -> float:
    """One run: successes lost, in expectation."""
    return sum(batch.lost for batch in batches_of(scenario, rule, rng))


def batches_of(scenario: Scenario, rule: Rule, rng: np.random.Generator) -> Iterator[Batch]:
    """The batches of one run in order."""
    rates: Floats = np.array(scenario.rates)
    short = rates.max(axis=1, keepdims=True) - rates
    part = np.array(scenario.sizes)[:, None] * (short == 0.0)
    trials, wins = np.zeros(rates.shape), np.zeros(rates.shape)
    for _ in range(scenario.requests // scenario.batch):
        shares = np.array(rule(table(trials, wins)))
        asked = rng.multinomial(rng.multinomial(scenario.batch, scenario.sizes), shares)
        trials, wins = trials + asked, wins + rng.binomial(asked, rates)
        yield Batch(float((asked * short).sum()), float((shares * part).sum()))


def table(trials: Floats, wins: Floats) -> Table:
    """The counts as beliefs."""
    rows = zip(wins.tolist(), trials.tolist(), strict=True)
    return [[Belief(*pair) for pair in zip(*row, strict=True)] for row in rows]


def shrunken(beliefs: Table) -> Sequence[Sequence[float]]:
    """The product's shares: each segment learns from the others."""
    known = SegmentAllocation(
        {
            str(segment): Allocation({str(arm): one for arm, one in enumerate(row)})
            for segment, row in enumerate(beliefs)
        }
    )
    chances = known.chances(more_is_better=True, overdispersion=1.0)
    return [[share / 100.0 for share in shares_of(found, FLOOR).values()] for found in chances.values()]


def alone(beliefs: Table, *, rule: policies.Rule = thompson) -> Sequence[Sequence[float]]:
    """A rule in each segment by itself; the product's weights where none is named."""
    return [rule(row, range(len(row))) for row in beliefs]


def together(beliefs: Table) -> Sequence[Sequence[float]]:
    """The product's weights without segments: the same for everybody."""
    sums = [
        Belief(sum(one.successes for one in arm), sum(one.trials for one in arm)) for arm in zip(*beliefs, strict=True)
    ]
    return [thompson(sums, range(len(sums)))] * len(beliefs)


GLOBAL, EQUAL = "ModelRollout, one for everybody", "equal split"
POLICIES: dict[str, Rule] = {
    NAME: shrunken,
    "ModelRollout, segments alone": alone,
    GLOBAL: together,
    "Iter8-like in each segment": partial(alone, rule=iter8),
    "GrowthBook-like in each segment": partial(alone, rule=growthbook),
    "epsilon-greedy 10 % in each segment": partial(alone, rule=partial(greedy, explored=0.1)),
    EQUAL: partial(alone, rule=equal),
}
DIFFER = ((0.06, 0.05, 0.05, 0.04), (0.05, 0.06, 0.04, 0.05), (0.05, 0.04, 0.06, 0.05), (0.04, 0.06, 0.05, 0.05))
SAME = ((0.05, 0.06, 0.055, 0.045),) * 4
EVEN = (0.25,) * 4
ZIPF: tuple[float, ...] = tuple((1.0 / np.arange(1, 17) / (1.0 / np.arange(1, 17)).sum()).tolist())
MOSTLY = ((0.05, 0.06, 0.055, 0.051),) * 13 + ((0.06, 0.05, 0.055, 0.051),) * 3
LOWER = 0.0275  # so much rarer, and as far apart: the usual click


def lowered(rates: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """The same differences between rarer successes, which are seen sooner."""
    return tuple(tuple(round(rate - LOWER, 6) for rate in row) for row in rates)


KINDS = {
    "4 segments, winners differ": partial(Scenario, rates=lowered(DIFFER), sizes=EVEN),
    "4 segments, same winner": partial(Scenario, rates=lowered(SAME), sizes=EVEN),
    "16 segments by Zipf, mostly the same winner": partial(Scenario, rates=lowered(MOSTLY), sizes=ZIPF),
}
HARDER = {
    "4 to 6 %, winners differ": partial(Scenario, rates=DIFFER, sizes=EVEN),
    "4.5 to 6 %, same winner": partial(Scenario, rates=SAME, sizes=EVEN),
}
