"""Made-up Prometheus over a made-up gateway: it scrapes at its interval, can be away, and can be out of step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from math import floor

import numpy as np

from modelrollout.api.analysis import Analysis
from modelrollout.core.evidence import Count
from modelrollout.core.observation import Unavailable
from modelrollout.simulation.events import CounterReset
from modelrollout.simulation.gateway import Gateway, history
from modelrollout.simulation.source import Baseline, Samples, sample
from modelrollout.simulation.traffic import Traffic

AWAY = "Prometheus does not answer (the traffic file says so)"


@dataclass(frozen=True, slots=True, order=True)
class Stop:
    """A moment at which counters are read or set back: ``scrape`` of the candidate and, unless skewed, of stable."""

    time: float
    kind: str  # reset, scrape, stable
    detail: str = ""


class GeneratedSource:
    """Samples of requests that are drawn at random from a seed."""

    def __init__(self, traffic: Traffic, analysis: Analysis, candidate: str, stable: str, seed: int) -> None:
        self._traffic, self._analysis = traffic, analysis
        self._versions = {"candidate": candidate, "stable": stable}
        self._past = history(traffic, analysis, np.random.default_rng([seed, 1]))
        totals = {metric: sum(counts, Count(0, 0)) for metric, counts in self._past.items()}
        self._gateway = Gateway(traffic, analysis, np.random.default_rng([seed, 0]), totals)
        self._stops = list(stops(traffic))
        self._next = 0
        self._stable: list[dict[str, Count]] = []  # stable's counters of the scrapes that are not complete yet
        self._latest: Samples = {}

    @property
    def scrape_interval(self) -> float:
        """Seconds between two samples."""
        return self._traffic.scrape_interval

    @property
    def scrapes(self) -> list[float]:
        """The times of all samples, ascending; while Prometheus is away the operator asks all the same."""
        return [stop.time for stop in self._stops if stop.kind == "scrape"]

    def route(self, time: float, weight: int) -> None:
        """From ``time`` on the candidate gets this percentage."""
        if weight != self._gateway.weight:
            self._run(time)
            self._gateway.answer_until(time)
            self._gateway.weight = weight

    def read(self, time: float) -> Samples:
        """The newest samples at ``time``, by metric."""
        self._run(time)
        if self._traffic.blind(time):
            return {metric.name: Unavailable(metric.name, AWAY) for metric in self._analysis.metrics}
        return self._latest

    def baseline(self) -> Baseline:
        """Stable's increments in the half hour before the release, by metric."""
        return self._past

    def served(self, time: float) -> tuple[int, int]:
        """Answers of the candidate until ``time``, and how many of them were bad."""
        self._run(time)
        self._gateway.answer_until(time)
        return self._gateway.served["candidate"], self._gateway.served_bad["candidate"]

    def _run(self, time: float) -> None:
        """All the scrapes and resets up to ``time``."""
        while self._next < len(self._stops) and self._stops[self._next].time <= time:
            stop = self._stops[self._next]
            self._next += 1
            self._gateway.answer_until(stop.time)
            match stop.kind:
                case "reset":
                    self._gateway.reset(stop.detail)
                case "stable":
                    self._stable.append(self._gateway.counts("stable"))
                case _:
                    self._scrape(stop.time)

    def _scrape(self, time: float) -> None:
        stable = self._stable.pop(0) if self._traffic.skew else self._gateway.counts("stable")
        if self._traffic.blind(time):
            return
        candidate = self._gateway.counts("candidate")
        self._latest = {
            metric: sample(
                metric, time, {self._versions["candidate"]: candidate[metric], self._versions["stable"]: stable[metric]}
            )
            for metric in candidate
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
