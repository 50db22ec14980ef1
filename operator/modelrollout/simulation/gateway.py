"""The made-up gateway: users' requests, drawn at random, counted as a real gateway counts them.

Requests come as a Poisson process and each is bad with its version's chance. Between two moments at which a chance, a
rate or a weight changes, that is one Poisson and one binomial number for each version and metric; so a release of
half an hour takes milliseconds. Numbers are drawn at those moments and at scrapes alone: that the operator looked
once more must not change what users sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelrollout.api.analysis import Analysis
from modelrollout.core.evidence import Count
from modelrollout.simulation.traffic import Traffic

ROLES = ("candidate", "stable")
HISTORY = 1800.0  # seconds of stable's past that the operator asks for


@dataclass(frozen=True, slots=True)
class Chances:
    """What holds between two changes: ``bad[role][metric]`` for one answer, and how many errors come together."""

    requests: float
    bad: Mapping[str, Mapping[str, float]]
    burst: int


def chances_at(traffic: Traffic, analysis: Analysis, time: float) -> Chances:
    """The chances in force at ``time``. A shared outage turns its share of the answers into errors, of both alike."""
    outage = traffic.outage(time)
    bad = {}
    for role in ROLES:
        behaviour = traffic.behaviour(role)
        own = {metric.name: behaviour.bad(metric, analysis, time) for metric in analysis.metrics}
        own["errors"] = 1.0 - (1.0 - behaviour.errors.at(time)) * (1.0 - outage)
        bad[role] = own
    return Chances(traffic.requests(time), bad, traffic.burst(time))


class Gateway:
    """Cumulative counters of both versions, in time order. ``weight`` is the candidate's, in percent.

    Stable's begin with what it answered before the release (``past``, its counts by metric).
    """

    def __init__(
        self, traffic: Traffic, analysis: Analysis, rng: np.random.Generator, past: Mapping[str, Count]
    ) -> None:
        self._traffic, self._analysis, self._rng = traffic, analysis, rng
        self._metrics = [metric.name for metric in analysis.metrics]
        self._chances = chances_at(traffic, analysis, 0.0)
        self._changes = [*traffic.changes(), float("inf")]
        self._next = 0
        self.time = 0.0
        self.weight = 0
        self.trials = {"candidate": 0, "stable": max((count.trials for count in past.values()), default=0)}
        self.bad = {
            "candidate": dict.fromkeys(self._metrics, 0),
            "stable": {metric: past[metric].bad for metric in self._metrics},
        }
        self.served = dict.fromkeys(ROLES, 0)
        self.served_bad = dict.fromkeys(ROLES, 0)

    def answer_until(self, time: float) -> None:
        """The requests up to ``time``, at the present weight."""
        while self._changes[self._next] <= time:
            self._draw(self._changes[self._next] - self.time)
            self.time = self._changes[self._next]
            self._next += 1
            self._chances = chances_at(self._traffic, self._analysis, self.time)
        self._draw(time - self.time)
        self.time = time

    def reset(self, role: str) -> None:
        """The process that counts one version's answers starts anew."""
        self.trials[role] = 0
        self.bad[role] = dict.fromkeys(self._metrics, 0)

    def counts(self, role: str) -> dict[str, Count]:
        """The counters of one version by metric, as they stand."""
        return {metric: Count(self.bad[role][metric], self.trials[role]) for metric in self._metrics}

    def _draw(self, seconds: float) -> None:
        if seconds <= 0:
            return
        for role, percent in (("candidate", self.weight), ("stable", 100 - self.weight)):
            expected = self._chances.requests * seconds * percent / 100.0
            requests = int(self._rng.poisson(expected)) if expected > 0 else 0
            if requests:
                self._count(role, requests)

    def _count(self, role: str, requests: int) -> None:
        bad = draw_bad(self._chances, role, self._metrics, requests, self._rng)
        self.trials[role] += requests
        self.served[role] += requests
        self.served_bad[role] += min(requests, bad_for_users(bad))
        for metric, number in bad.items():
            self.bad[role][metric] += number


def draw_bad(
    chances: Chances, role: str, metrics: Sequence[str], requests: int, rng: np.random.Generator
) -> dict[str, int]:
    """How many of so many answers are bad, by metric. Slow ones are among those that are no errors."""
    own = chances.bad[role]
    errors = draw_bursts(requests, own["errors"], chances.burst, rng)
    bad = {}
    for metric in metrics:
        if metric == "errors":
            bad[metric] = errors
        else:
            among = requests - errors if metric == "latency" else requests
            bad[metric] = int(rng.binomial(among, own[metric]))
    return bad


def draw_bursts(requests: int, chance: float, size: int, rng: np.random.Generator) -> int:
    """Errors among so many answers, in groups of ``size`` that fail or succeed together."""
    if size == 1:
        return int(rng.binomial(requests, chance))
    groups, rest = divmod(requests, size)
    together = size * int(rng.binomial(groups, chance))
    return together + (rest if rest and rng.random() < chance else 0)


def bad_for_users(bad: Mapping[str, int]) -> int:
    """Answers that were errors or too slow; where neither is judged, those that were bad by the other metrics."""
    built_in = [number for metric, number in bad.items() if metric in ("errors", "latency")]
    return sum(built_in) if built_in else max(bad.values(), default=0)


def history(traffic: Traffic, analysis: Analysis, rng: np.random.Generator) -> dict[str, tuple[Count, ...]]:
    """Stable's counts of each scrape in the half hour before the release, by metric."""
    chances = chances_at(traffic, analysis, 0.0)
    metrics = [metric.name for metric in analysis.metrics]
    past: dict[str, list[Count]] = {metric: [] for metric in metrics}
    expected = traffic.rps.at(0.0) * traffic.scrape_interval
    for requests in rng.poisson(expected, int(HISTORY / traffic.scrape_interval)).tolist():
        bad = draw_bad(chances, "stable", metrics, requests, rng)
        for metric in metrics:
            past[metric].append(Count(bad[metric], requests))
    return {metric: tuple(counts) for metric, counts in past.items()}
