"""The product's own classes on simulated counts: exactly what the operator does with a tick, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bench.stats.cells import TICK
from bench.stats.peers import NEVER
from bench.stats.traffic import Counts, Ints
from modelrollout.core.evidence import (
    Count,
    EvidenceSettings,
    MetricEvidence,
    Tick,
    combine,
    overdispersion,
    stake_on_floor,
)

NAME = "ModelRollout"


def start(counts: Counts, run: int) -> MetricEvidence:
    """The evidence at the start of one release: stable's noise, and what to stake on the floor, by its past; the
    margin as the cell says, all else by default."""
    past = list(pairs(counts.past_bad[run], counts.past[run]))
    usual, phi = EvidenceSettings(margin=counts.margin), overdispersion(past)
    stake = stake_on_floor(sum(past, Count(0, 0)), usual.floor, phi)
    return MetricEvidence.start("errors", 0.0, replace(usual, overdispersion=phi, floor_stake=stake))


def pairs(bad: Ints, answers: Ints) -> Iterator[Count]:
    """Counts of an array's row."""
    return (Count(x, n) for x, n in zip(bad.tolist(), answers.tolist(), strict=True))


def ticks(counts: Counts, run: int) -> Iterator[Tick]:
    """The ticks of one release."""
    candidate = pairs(counts.candidate_bad[run], counts.candidate[run])
    stable = pairs(counts.stable_bad[run], counts.stable[run])
    for index, (one, other) in enumerate(zip(candidate, stable, strict=True)):
        yield Tick(TICK * (index + 1), one, other)


def rollbacks(counts: Counts) -> Ints:
    """The tick of the rollback for each run, NEVER if there is none."""
    return np.array([_first(counts, run, proof=False) for run in range(len(counts.candidate))])


def proofs(counts: Counts) -> Ints:
    """The tick at which "not worse" is proven for each run, NEVER if it is not."""
    return np.array([_first(counts, run, proof=True) for run in range(len(counts.candidate))])


def _first(counts: Counts, run: int, *, proof: bool) -> int:
    evidence = start(counts, run)
    for index, tick in enumerate(ticks(counts, run)):
        evidence = evidence.after(tick)
        reached = evidence.proof >= evidence.settings.proof_needed if proof else fails([evidence])
        if reached:
            return index
    return NEVER


def fails(evidences: Sequence[MetricEvidence]) -> bool:
    """Whether the release is rolled back."""
    return combine(evidences).fails
