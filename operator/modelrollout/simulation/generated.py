"""Made-up Prometheus over a made-up gateway: it scrapes at its interval, can be away, and can be out of step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from math import floor

import numpy as np

from modelrollout.api.analysis import Analysis
from modelrollout.api.route import Route
from modelrollout.core.evidence import PARTS, Count
from modelrollout.core.evidence.delay import Delays
from modelrollout.core.observation import Sample, Unavailable
from modelrollout.simulation.cast import Cast
from modelrollout.simulation.events import CounterReset
from modelrollout.simulation.gateway import Gateway, Snapshot, history
from modelrollout.simulation.source import Baseline, Samples, sample
from modelrollout.simulation.traffic import Traffic

AWAY = "Prometheus does not answer (the traffic file says so)"


@dataclass(frozen=True, slots=True, order=True)
class Stop:
    """A moment at which counters are read or set back: ``scrape`` of all versions but, when skewed, of stable."""

    time: float
    kind: str  # reset, scrape, stable
    detail: str = ""


class GeneratedSource:
    """Samples of requests that are drawn at random from a seed."""

    def __init__(self, traffic: Traffic, analysis: Analysis, cast: Cast, seed: int) -> None:
        self._traffic, self._analysis, self._cast = traffic, analysis, cast
        self._past = history(traffic, analysis, cast, np.random.default_rng([seed, 1]))
        totals = {metric: sum(counts, Count(0, 0)) for metric, counts in self._past.items()}
        self._gateway = Gateway(traffic, analysis, cast, np.random.default_rng([seed, 0]), totals)
        self._bounds = bounds(traffic, analysis)
        self._sums = {metric.name for metric in analysis.metrics if metric.max is not None}
        self._stops = list(stops(traffic))
        self._next = 0
        self._stable: list[Snapshot] = []  # stable's counters of the scrapes that are not complete yet
        self._latest: tuple[float, Snapshot, Delays] | None = None  # the last scrape
        self._rewards = {metric.name for metric in analysis.rewards}

    @property
    def scrape_interval(self) -> float:
        """Seconds between two samples."""
        return self._traffic.scrape_interval

    @property
    def scrapes(self) -> list[float]:
        """The times of all samples, ascending; while Prometheus is away the operator asks all the same."""
        return [stop.time for stop in self._stops if stop.kind == "scrape"]

    def route(self, time: float, route: Route) -> None:
        """From ``time`` on requests go there."""
        self._run(time)
        self._gateway.route(time, route)

    def read(self, time: float, splits: Sequence[str]) -> Samples:
        """The newest samples of these splits at ``time``."""
        self._run(time)
        names = [(metric.name, split) for metric in self._analysis.metrics for split in splits]
        if self._traffic.blind(time):
            return {(metric, split): Unavailable(metric, AWAY) for metric, split in names}
        return {(metric, split): self._sample(metric, split) for metric, split in names if self._latest is not None}

    def baseline(self) -> Baseline:
        """Stable's increments in the half hour before the release, by metric."""
        return {metric: tuple(self._counted(metric, one) for one in past) for metric, past in self._past.items()}

    def served(self, time: float) -> Count:
        """What the versions under trial answered until ``time``, all of them together."""
        self._run(time)
        self._gateway.answer_until(time)
        answers, bad = self._gateway.served, self._gateway.served_bad
        return Count(sum(bad[arm] for arm in self._cast.arms), sum(answers[arm] for arm in self._cast.arms))

    def _sample(self, metric: str, split: str) -> Sample:
        assert self._latest is not None
        time, counts, delays = self._latest
        own = {place[0]: self._counted(metric, found[metric]) for place, found in counts.items() if place[1] == split}
        told = delays if metric in self._rewards else None
        return sample(metric, time, own, self._bounds.get(metric), told)

    def _counted(self, metric: str, count: Count) -> Count:
        """As the operator reads it: rewards of any size, here the largest or none, are counted in parts of it."""
        return Count(count.bad * PARTS, count.trials * PARTS) if metric in self._sums else count

    def _run(self, time: float) -> None:
        """All the scrapes and resets up to ``time``."""
        while self._next < len(self._stops) and self._stops[self._next].time <= time:
            stop = self._stops[self._next]
            self._next += 1
            self._gateway.answer_until(stop.time)
            match stop.kind:
                case "reset":
                    self._gateway.reset(self._cast.named(stop.detail))
                case "stable":
                    self._stable.append(self._gateway.counts())
                case _:
                    self._scrape(stop.time)

    def _scrape(self, time: float) -> None:
        counts = self._gateway.counts()
        if self._traffic.skew:
            earlier, stable = self._stable.pop(0), self._cast.stable
            counts = {place: found for place, found in counts.items() if place[0] != stable} | {
                place: found for place, found in earlier.items() if place[0] == stable
            }
        if not self._traffic.blind(time):
            self._latest = (time, counts, self._gateway.delays())


def bounds(traffic: Traffic, analysis: Analysis) -> dict[str, float]:
    """The histogram's bound by which each metric of latency is judged, in seconds."""
    latency = traffic.others.stable.latency
    judged = [metric for metric in analysis.metrics if metric.over is not None]
    return {
        metric.name: latency.bound(metric.over or 0.0, analysis.provider) for metric in judged if latency is not None
    }


def stops(traffic: Traffic) -> Iterator[Stop]:
    """All scrapes and resets in order of time; with skewed scrapes also the moments at which stable is read."""
    count = floor(traffic.duration / traffic.scrape_interval + 1e-9)
    times = [round(index * traffic.scrape_interval, 3) for index in range(count + 1)]
    resets = [Stop(event.at, "reset", event.role) for event in traffic.events if isinstance(event, CounterReset)]
    scrapes = [Stop(time, "scrape") for time in times]
    early = [Stop(max(0.0, time - traffic.skew), "stable") for time in times] if traffic.skew else []
    return merge(
        sorted(resets), scrapes, early, key=lambda stop: (stop.time, stop.kind != "reset", stop.kind != "stable")
    )
