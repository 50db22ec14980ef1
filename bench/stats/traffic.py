"""Simulated counts of many releases at once, as arrays of whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from bench.stats.cells import TICK, Cell, Steps

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
HISTORY_TICKS = 360  # half an hour of stable before the release
OUTAGES, OUTAGE_SECONDS, OUTAGE_ERRORS = 10, 5.0, 0.5


@dataclass(frozen=True, slots=True)
class Counts:
    """Answers and bad answers of each tick, shape (runs, ticks); ``past`` are stable's before the release. ``margin``
    is what the product tolerates."""

    candidate: Ints
    candidate_bad: Ints
    stable: Ints
    stable_bad: Ints
    past: Ints
    past_bad: Ints
    margin: float = 1.1


def generator(seed: int, *names: object) -> np.random.Generator:
    """A stream of its own for each part of the bench, the same whatever else runs."""
    return np.random.default_rng([seed, *(crc32(str(name).encode()) for name in names)])


def draw(cell: Cell, runs: int, rng: np.random.Generator) -> Counts:
    """So many releases of a cell."""
    starts: Floats = TICK * np.arange(cell.ticks, dtype=np.float64)
    weight, rate = steps(cell.weights, starts), steps(cell.candidate, starts)
    hit, hit_stable = outages(cell, runs, starts, rng)
    candidate = rng.poisson(cell.rps * TICK * weight, (runs, cell.ticks))
    stable = rng.poisson(cell.rps * TICK * (1.0 - weight), (runs, cell.ticks))
    past = rng.poisson(cell.rps * TICK, (runs, HISTORY_TICKS))
    alone = 0 if cell.burst_from is None else round(cell.burst_from / TICK)  # ticks before the bursts
    return Counts(
        candidate=candidate,
        candidate_bad=bad(candidate, 1.0 - (1.0 - rate) * (1.0 - hit), cell.burst, rng, alone),
        stable=stable,
        stable_bad=bad(stable, 1.0 - (1.0 - cell.stable) * (1.0 - hit_stable), cell.burst, rng, alone),
        past=past,
        past_bad=bad(past, np.full(past.shape, cell.stable), cell.burst if cell.burst_from is None else 1, rng),
        margin=cell.margin,
    )


def steps(values: Steps, times: Floats) -> Floats:
    """Piecewise constant values at these times."""
    index = np.searchsorted([start for start, _ in values], times, side="right") - 1
    return np.array([value for _, value in values])[index]


def bad(answers: Ints, rate: Floats, burst: int, rng: np.random.Generator, alone: int = 0) -> Ints:
    """Bad ones among the answers, in groups of ``burst`` that fail or succeed together; before tick ``alone`` one by
    one."""
    if burst == 1:
        return rng.binomial(answers, rate)
    if alone:
        rate = np.broadcast_to(rate, answers.shape)
        first = rng.binomial(answers[:, :alone], rate[:, :alone])
        return np.concatenate([first, bad(answers[:, alone:], rate[:, alone:], burst, rng)], axis=1)
    groups, rest = np.divmod(answers, burst)
    return np.asarray(burst * rng.binomial(groups, rate) + rest * (rng.random(answers.shape) < rate))


def outages(cell: Cell, runs: int, starts: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Share of the answers in each tick that a shared cause turns into errors, as each version's counters show it."""
    if cell.skewed:
        begins = rng.uniform(0.0, cell.duration, (runs, OUTAGES))
        begins = TICK * np.floor(begins / TICK) if cell.aligned else begins
        seen = [OUTAGE_ERRORS * covered(begins, starts - late) for late in (0.0, OUTAGE_SECONDS)]
        return seen[0], seen[1]
    hit = np.zeros((1, len(starts)))
    if cell.outage is not None:
        start, end, share = cell.outage
        hit[0, (starts >= start) & (starts < end)] = share
    return hit, hit


def covered(begins: Floats, starts: Floats) -> Floats:
    """Part of each tick that lies in an outage, shape (runs, ticks)."""
    first = np.maximum(begins[:, :, None], starts)
    last = np.minimum(begins[:, :, None] + OUTAGE_SECONDS, starts + TICK)
    return np.asarray(np.minimum(np.maximum(last - first, 0.0).sum(axis=1) / TICK, 1.0))
