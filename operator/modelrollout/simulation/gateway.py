"""The made-up gateway: users' requests, drawn at random, counted as a real gateway counts them.

Requests come as a Poisson process and each is bad with its version's chance. Between two moments at which a chance, a
rate or a share changes, that is one Poisson and one binomial number for each population, version and metric; so a
release of half an hour takes milliseconds. Numbers are drawn at those moments and at scrapes alone: that the operator
looked once more must not change what users sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelrollout.api.analysis import Analysis
from modelrollout.api.route import EVERYBODY, Route, Split
from modelrollout.core.evidence import Count
from modelrollout.core.evidence.delay import Delays
from modelrollout.simulation.cast import Cast
from modelrollout.simulation.late import LateRewards, Place
from modelrollout.simulation.population import Behaviour, Population
from modelrollout.simulation.traffic import Traffic

HISTORY = 1800.0  # seconds of stable's past that the operator asks for

Snapshot = Mapping[Place, Mapping[str, Count]]
"""All counters at one moment, by metric."""

Chance = Mapping[str, float]
"""That an answer is bad, by metric."""


@dataclass(frozen=True, slots=True)
class Chances:
    """What holds between two changes: ``bad`` by population's split and version, and how many errors come together."""

    requests: float
    bad: Mapping[tuple[str, str], Chance]
    burst: int


def chances_at(traffic: Traffic, analysis: Analysis, cast: Cast, time: float) -> Chances:
    """The chances in force at ``time``."""
    outage = traffic.outage(time)
    bad = {
        (population.split, version): chance_of(population.behaviour(version, cast.stable), analysis, outage, time)
        for population in traffic.populations
        for version in cast.versions
    }
    return Chances(traffic.requests(time), bad, traffic.burst(time))


def chance_of(behaviour: Behaviour, analysis: Analysis, outage: float, time: float) -> Chance:
    """Of one version. A shared outage turns its share of the answers into errors, of all versions alike."""
    own = {metric.name: behaviour.bad(metric, analysis, time) for metric in analysis.metrics}
    return own | {"errors": 1.0 - (1.0 - behaviour.errors.at(time)) * (1.0 - outage)}


class Gateway:
    """Cumulative counters of all versions in all splits, in time order.

    Stable's begin with what it answered before the release (``past``, its counts by metric).
    """

    def __init__(
        self, traffic: Traffic, analysis: Analysis, cast: Cast, rng: np.random.Generator, past: Mapping[str, Count]
    ) -> None:
        self._traffic, self._analysis, self._cast, self._rng = traffic, analysis, cast, rng
        self._metrics = [metric.name for metric in analysis.metrics]
        self._chances = chances_at(traffic, analysis, cast, 0.0)
        self._changes = [*traffic.changes(), float("inf")]
        self._next = 0
        self._route = Route.to(cast.stable)
        self._late = LateRewards(traffic.reward_delay, rng.spawn(1)[0])
        self._rewards = [metric.name for metric in analysis.rewards]
        self._trials: Counter[Place] = Counter()
        self._bad: dict[Place, Counter[str]] = {}
        self._begin(cast.stable, EVERYBODY, past)
        for population in traffic.populations:
            place = (cast.stable, population.split_of(self._route).name)
            chance = self._chances.bad[population.split, cast.stable]
            for metric in self._rewards:
                self._late.add_before(place, metric, self._chances.requests * population.share * chance[metric])
        self.time = 0.0
        self.served: Counter[str] = Counter()
        self.served_bad: Counter[str] = Counter()

    def _begin(self, version: str, split: str, past: Mapping[str, Count]) -> None:
        self._trials[version, split] = max((count.trials for count in past.values()), default=0)
        self._bad[version, split] = Counter({metric: count.bad for metric, count in past.items()})

    def route(self, time: float, route: Route) -> None:
        """From ``time`` on requests go there. Routes that are the same for all users are one."""
        if users_splits(route) != users_splits(self._route):
            self.answer_until(time)
        self._route = route

    def answer_until(self, time: float) -> None:
        """The requests up to ``time``, by the present route."""
        while self._changes[self._next] <= time:
            self._draw(self._changes[self._next] - self.time)
            self.time = self._changes[self._next]
            self._next += 1
            self._chances = chances_at(self._traffic, self._analysis, self._cast, self.time)
        self._draw(time - self.time)
        self.time = time
        for place, came in self._late.come(time):
            self._bad[place].update(came)

    def delays(self) -> Delays:
        """How late the rewards came, of all that came lately."""
        return self._late.delays(self.time)

    def reset(self, version: str) -> None:
        """The process that counts one version's answers starts anew."""
        for place in [place for place in self._trials if place[0] == version]:
            self._begin(*place, {})

    def counts(self) -> Snapshot:
        """All counters as they stand."""
        return {
            place: {metric: Count(self._bad[place][metric], trials) for metric in self._metrics}
            for place, trials in self._trials.items()
        }

    def _draw(self, seconds: float) -> None:
        if seconds <= 0:
            return
        for population in self._traffic.populations:
            split = population.split_of(self._route)
            for version in self._cast.versions:
                share = population.share * split.share(version)
                expected = self._chances.requests * seconds * share / 100.0
                requests = int(self._rng.poisson(expected)) if expected > 0 else 0
                if requests:
                    self._count(population, (version, split.name), requests, seconds)

    def _count(self, population: Population, place: Place, requests: int, seconds: float) -> None:
        version, _ = place
        chance = self._chances.bad[population.split, version]
        bad = draw_bad(chance, self._chances.burst, self._metrics, requests, self._rng)
        self.served[version] += requests
        self.served_bad[version] += min(requests, bad_for_users(bad))
        for metric in self._rewards:
            self._late.add(place, metric, bad.pop(metric), self.time, seconds)
        self._trials[place] += requests
        self._bad.setdefault(place, Counter()).update(bad)


def users_splits(route: Route) -> tuple[Split, ...]:
    """The splits that users' requests fall into."""
    return tuple(split for split in route.splits if not split.is_preview)


def draw_bad(
    chance: Chance, burst: int, metrics: Sequence[str], requests: int, rng: np.random.Generator
) -> dict[str, int]:
    """How many of so many answers are bad, by metric. Slow ones are among those that are no errors."""
    errors = draw_bursts(requests, chance["errors"], burst, rng)
    bad = {}
    for metric in metrics:
        if metric == "errors":
            bad[metric] = errors
        else:
            among = requests - errors if metric == "latency" else requests
            bad[metric] = int(rng.binomial(among, chance[metric]))
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


def history(traffic: Traffic, analysis: Analysis, cast: Cast, rng: np.random.Generator) -> dict[str, tuple[Count, ...]]:
    """Stable's counts of each scrape in the half hour before the release, by metric."""
    chances = chances_at(traffic, analysis, cast, 0.0)
    metrics = [metric.name for metric in analysis.metrics]
    scrapes = int(HISTORY / traffic.scrape_interval)
    past = {metric: [Count(0, 0)] * scrapes for metric in metrics}
    for population in traffic.populations:
        chance = chances.bad[population.split, cast.stable]
        expected = traffic.rps.at(0.0) * traffic.scrape_interval * population.share
        for index, requests in enumerate(rng.poisson(expected, scrapes).tolist()):
            for metric, bad in draw_bad(chance, chances.burst, metrics, requests, rng).items():
                past[metric][index] += Count(bad, requests)
    return {metric: tuple(counts) for metric, counts in past.items()}
