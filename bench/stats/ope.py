"""The suite ope: what other shares would have earned, by a contextual bandit's own counts, looked at after every tick.

The hard case for such intervals: shares follow the rewards, and whoever looks bad is hardly asked any more. Two
segments of four arms are played by the product, 1000 requests in a tick, 300 ticks. An interval is missed in a run if
the truth is ever outside of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from bench.stats.measures import Measure, mean, share
from bench.stats.product import NAME
from bench.stats.segments import DIFFER
from bench.stats.suite import Form, Results, Suite, Task, chunks, ends_by_cell
from bench.stats.traffic import Floats, Ints, generator
from modelrollout.core.evidence.allocation import shares_of
from modelrollout.core.evidence.off_policy import EQUAL, Estimate, Logged, OffPolicy
from modelrollout.core.evidence.segments import SegmentAllocation

ALPHA, TICKS, REQUESTS, SECONDS = 0.05, 300, 1000, 10.0
RATES: Floats = np.array([DIFFER[0], DIFFER[1]])
ARMS, SEGMENTS = [f"1.0.{arm}" for arm in range(4)], ["de", "everybody"]
VALUES: Floats = RATES.mean(axis=0)  # of each arm for everybody
WINNER, STARVED = ARMS[int(VALUES.argmax())], ARMS[int(VALUES.argmin())]
CELLS = {"shares of at least 1 %": 0.01, "shares of at least 5 %": 0.05}
CHUNK, RUNS, QUICK = 5, 200, 4
ASKED = ("ran", "best arm", "worst arm", "gain over the best arm", "gain over equal shares")
End = dict[str, tuple[bool, float, float]]  # by what is asked: ever missed; at the end the error, and the width


def tasks(form: Form) -> list[Task]:
    """All chunks of both cells."""
    runs = form.runs or (QUICK if form.quick else RUNS)
    return [Task(cell, work, (cell, index, part, form.seed)) for cell in CELLS for index, part in chunks(runs, CHUNK)]


def work(cell: str, index: int, runs: int, seed: int) -> list[End]:
    """Some runs."""
    return [play(CELLS[cell], generator(seed, "ope", cell, index, run)) for run in range(runs)]


def play(floor: float, rng: np.random.Generator) -> End:
    """One run."""
    known, evaluation, ran, ends = SegmentAllocation(), OffPolicy(), 0.0, dict[str, tuple[bool, float, float]]()
    shares: Floats = np.full(RATES.shape, 1.0 / len(ARMS))
    for tick in range(1, TICKS + 1):
        sizes = rng.multinomial(REQUESTS, [0.5, 0.5])
        asked = rng.multinomial(sizes, shares)
        wins = rng.binomial(asked, RATES)
        evaluation = evaluation.after(logged(known, shares, asked, wins))
        ran += float((sizes[:, None] * shares * RATES).sum())
        ends = looked(ends, evaluation, ran / evaluation.requests)
        for place, segment in enumerate(SEGMENTS):
            new = dict(zip(ARMS, zip(asked[place].tolist(), wins[place].tolist(), strict=True), strict=True))
            known = known.after(segment, new, SECONDS, half_life=None)
        if tick < TICKS:
            chances = known.chances(more_is_better=True, overdispersion=1.0)
            shares = np.array([[one / 100.0 for one in shares_of(found, floor).values()] for found in chances.values()])
    return ends


def logged(known: SegmentAllocation, shares: Floats, asked: Ints, wins: Ints) -> dict[str, Logged]:
    """The tick as the product would log it; what is expected comes from the ticks before."""
    posteriors = known.posteriors(more_is_better=True, overdispersion=1.0)
    expected = {segment: {arm: one.mean for arm, one in found.items()} for segment, found in posteriors.items()}
    return {
        segment: Logged(named(asked[place]), named(wins[place]), named(shares[place]), expected.get(segment, {}))
        for place, segment in enumerate(SEGMENTS)
    }


def named(values: Any) -> dict[str, float]:
    """By arm."""
    return dict(zip(ARMS, values.tolist(), strict=True))


def looked(ends: Mapping[str, tuple[bool, float, float]], evaluation: OffPolicy, ran: float) -> End:
    """What one look says, and whether any so far was wrong."""
    found: dict[str, tuple[Estimate | None, float]] = {
        "ran": (evaluation.value(None, ALPHA), ran),
        "best arm": (evaluation.value(WINNER, ALPHA), float(VALUES.max())),
        "worst arm": (evaluation.value(STARVED, ALPHA), float(VALUES.min())),
        "gain over the best arm": (evaluation.gain_over_best(ALPHA), ran - float(VALUES.max())),
        "gain over equal shares": (evaluation.gain(EQUAL, ALPHA), ran - float(VALUES.mean())),
    }
    return {
        name: (ends.get(name, (False,))[0] or not one.low <= truth <= one.high, one.value - truth, one.high - one.low)
        for name, (one, truth) in found.items()
        if one is not None
    }


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """How often each interval was ever wrong, how wide it was at the end, and how far off the estimate."""
    return {cell: {NAME: measures(ends)} for cell, ends in ends_by_cell(results).items()}


def measures(ends: Sequence[End]) -> dict[str, Measure]:
    """Of one cell, each measure with what was asked behind it."""
    found: dict[str, Measure] = {}
    for name in ASKED:
        found[f"missed: {name}"] = share(sum(end[name][0] for end in ends), len(ends))
        found[f"width: {name}"] = mean([end[name][2] for end in ends])
        found[f"error: {name}"] = root(mean([end[name][1] ** 2 for end in ends]))
    return found


def root(squares: Measure) -> Measure:
    """Of a mean of squares, and its limits."""
    return squares | {end: sqrt(max(0.0, squares[end])) for end in ("value", "low", "high")}


SUITE = Suite("ope", tasks, measure)
