"""Bandits played against fixed rates: how many successes are lost to arms that are not the best.

Requests come at 100 a second, weights are set anew after each batch, rewards may come late. Regret is counted in
expectation, requests of an arm times what it falls short of the best one, so that luck with the successes is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, expm1, fsum, inf, log
from typing import Any

import numpy as np

from bench.stats.elimination import Race
from bench.stats.policies import Arm, Policy
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import Floats, Ints, generator

RPS = 100.0
RATES = (0.04, 0.05, 0.06, 0.03, 0.045, 0.02)
CHUNK = 5  # runs of one task
LAST = 200.0  # seconds at the end, over which the share of the best arm is taken


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is played. ``later`` are the rates from half time on; ``delay`` is the mean of the rewards' delay, in
    seconds, exponential. ``policies`` that play it, by their names in tables."""

    requests: int
    policies: Mapping[str, Policy] = field(repr=False)  # functions: their addresses would name no part (``Parts.name``)
    batch: int = 1000
    rates: tuple[float, ...] = RATES
    later: tuple[float, ...] | None = None
    delay: float = 0.0
    runs: int = 400
    quick: int = 20  # runs of the quick form; 0: it leaves the scenario out

    @property
    def seconds(self) -> float:
        """Time between two updates of the weights."""
        return self.batch / RPS

    @property
    def updates(self) -> int:
        """Batches of a whole run."""
        return self.requests // self.batch

    def rates_of(self, update: int) -> Floats:
        """The arms' rates in one batch."""
        switched = self.later is not None and update >= self.updates // 2
        return np.array(self.later if switched else self.rates)


@dataclass(frozen=True, slots=True)
class Played:
    """One run: its regret in successes, whether the best arm was dropped, its share of the last requests, and the time
    from half time until the arm that is the best from then on got more than half of the requests."""

    regret: float
    dropped: bool
    best_share: float
    followed: float


@dataclass(frozen=True, slots=True)
class Rewards:
    """Successes of each arm whose reward has not come yet. Delays are exponential, which has no memory."""

    out: Ints

    def after(self, successes: Ints, seconds: float, delay: float, rng: np.random.Generator) -> tuple[Rewards, Ints]:
        """After a batch with so many successes at even distances: what is out now, and what came."""
        if not delay:
            return self, successes
        means = seconds / delay
        came = rng.binomial(self.out, 1.0 - exp(-means)) + rng.binomial(successes, 1.0 + expm1(-means) / means)
        return Rewards(self.out + successes - came), came


Runs = dict[str, list[Played]]  # of each policy


@dataclass(frozen=True, slots=True)
class Batch:
    """What happened in one batch: the ``shares`` of the arms, the successes ``lost`` in it, which arm was the ``best``,
    and the arms still ``racing`` after it."""

    shares: Sequence[float]
    lost: float
    best: int
    racing: Sequence[int]


def play(scenario: Scenario, policy: Policy, rng: np.random.Generator) -> Played:
    """One run of one policy."""
    batches = list(batches_of(scenario, policy, rng))
    history = [batch.shares[batch.best] for batch in batches]
    last = batches[-1]
    return Played(sum(batch.lost for batch in batches), last.best not in last.racing, *ends_of(scenario, history))


def batches_of(scenario: Scenario, policy: Policy, rng: np.random.Generator) -> Iterator[Batch]:
    """The batches of one run in order."""
    arms = len(scenario.rates)
    known, race = [Arm()] * arms, Race.of(arms, policy.mean_delay)
    rewards = Rewards(np.zeros(arms, dtype=np.int64))
    for update in range(scenario.updates):
        rates = scenario.rates_of(update)
        shares = policy.rule([arm.belief for arm in known], race.racing)
        trials = rng.multinomial(scenario.batch, shares)
        rewards, came = rewards.after(rng.binomial(trials, rates), scenario.seconds, scenario.delay, rng)
        counts = list(zip(known, trials.tolist(), came.tolist(), strict=True))
        known = [policy.after(arm, number, wins, scenario.seconds) for arm, number, wins in counts]
        race = race.after(trials.tolist(), came.tolist(), scenario.seconds) if policy.drops else race
        yield Batch(shares, float(trials @ (rates.max() - rates)), int(rates.argmax()), race.racing)


def ends_of(scenario: Scenario, history: Sequence[float]) -> tuple[float, float]:
    """The best arm's share in the last requests, and how long after half time it had more than half for the first
    time, from its ``history`` of shares."""
    last, half = max(1, round(LAST / scenario.seconds)), scenario.updates // 2
    ahead = (update for update in range(half, scenario.updates) if history[update] > 0.5)
    return fsum(history[-last:]) / len(history[-last:]), scenario.seconds * (next(ahead, inf) - half)


def suite(name: str, scenarios: Mapping[str, Scenario], measure: Callable[[Mapping[str, Runs]], Results]) -> Suite:
    """The scenarios as a suite. ``measure`` gets all runs of each scenario."""

    def tasks(form: Form) -> list[Task]:
        return [
            Task(cell, work, (name, cell, scenario, index, runs, form.seed))
            for cell, scenario in scenarios.items()
            if not form.quick or scenario.quick
            for index, runs in chunks(form.runs or (scenario.quick if form.quick else scenario.runs), CHUNK)
        ]

    def measured(results: Sequence[tuple[Task, Any]]) -> Results:
        return measure({cell: joined(parts) for cell, parts in by_cell(results).items()})

    return Suite(name, tasks, measured)


def work(name: str, cell: str, scenario: Scenario, index: int, runs: int, seed: int) -> Runs:
    """Some runs of every policy. Each run of each policy has a stream of random numbers of its own."""
    return {
        policy: [play(scenario, how, generator(seed, name, cell, policy, index, run)) for run in range(runs)]
        for policy, how in scenario.policies.items()
    }


def joined(parts: Sequence[Runs]) -> Runs:
    """The runs of all chunks."""
    return {policy: [run for part in parts for run in part[policy]] for policy in parts[0]}


def regrets(runs: Sequence[Played], scale: float = 1.0) -> list[float]:
    """The regret of each run, as a multiple of ``scale``."""
    return [run.regret / scale for run in runs]


def lai_robbins(scenario: Scenario) -> float:
    """The scale of regret: no rule that works for all rates loses less than this for ever (T. L. Lai, H. Robbins,
    "Asymptotically efficient adaptive allocation rules", 1985). For ever: at 1e5 requests good ones are below it."""
    best = max(scenario.rates)
    worse = [rate for rate in scenario.rates if rate < best]
    return log(scenario.requests) * fsum((best - rate) / divergence(rate, best) for rate in worse)


def divergence(one: float, other: float) -> float:
    """Of Kullback and Leibler, between two coins, in nats."""
    return one * log(one / other) + (1.0 - one) * log((1.0 - one) / (1.0 - other))
