"""The cells: one kind of traffic each, in which a rule may roll back, or must.

A healthy cell (``fault_at`` None) counts false rollbacks. A faulty one counts how long the fault lasted before it was
found, and how many bad answers users got until then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelrollout.api.analysis import Provider
from modelrollout.simulation.latency import Lognormal
from modelrollout.simulation.profile import Profile

TICK = 5.0  # seconds between scrapes
BASE = 0.005  # stable's share of errors
Steps = tuple[tuple[float, float], ...]  # (from second, value)


@dataclass(frozen=True, slots=True)
class Cell:
    """``weights`` are the candidate's share of the requests, ``stable`` and ``candidate`` shares of bad answers.

    ``outage`` (from, until, share) hits both versions. ``skewed``: ten times in the release, at random, half of all
    answers fail for 5 s, while stable's counters are 5 s older than the candidate's. ``aligned``: each of these
    outages lies between two scrapes; otherwise it begins at any moment, and two ticks show a part of it. Errors come
    in groups of ``burst``, of each version by itself, before the release too, or from second ``burst_from`` on alone.
    """

    suite: str
    name: str
    weights: Steps
    candidate: Steps
    stable: float = BASE
    rps: float = 100.0
    fault_at: float | None = None
    outage: tuple[float, float, float] | None = None
    burst: int = 1
    burst_from: float | None = None
    skewed: bool = False
    aligned: bool = True
    margin: float = 1.1
    duration: float = 1800.0
    runs: int = 1000

    @property
    def ticks(self) -> int:
        """Scrapes in the release."""
        return round(self.duration / TICK)


def healthy(suite: str, name: str, weight: float, rate: float = BASE) -> Cell:
    """A candidate that is exactly as good as stable."""
    return Cell(suite, name, ((0.0, weight),), ((0.0, rate),), stable=rate, runs=2000)


def faulty(suite: str, name: str, weight: float, rate: float, rps: float = 100.0) -> Cell:
    """A candidate with this share of bad answers from the start."""
    return Cell(suite, name, ((0.0, weight),), ((0.0, rate),), rps=rps, fault_at=0.0)


def canary() -> list[Cell]:
    """100 requests/s, the candidate at a fixed weight."""
    cells = []
    for percent in (10, 25, 50):
        weight = percent / 100
        cells.append(healthy("canary", f"{percent} %, healthy", weight))
        cells += [faulty("canary", f"{percent} %, {rate:.0%} errors", weight, rate) for rate in (0.01, 0.02, 0.05, 0.2)]
    return cells


STEPS = ((0.0, 0.05), (450.0, 0.1), (900.0, 0.25), (1350.0, 0.5))


def stress() -> list[Cell]:
    """What breaks rules that look all right on quiet traffic. The candidate has 25 %, in C2 and C3 10 %."""
    null = healthy("stress", "", 0.25)
    quiet = healthy("stress", "", 0.1)
    bad = faulty("stress", "", 0.25, 0.05)
    return [
        replace(null, name="A: both at 1.5 % errors", stable=0.015, candidate=((0.0, 0.015),)),
        replace(null, name="B: shared outage, 10 % errors for 3 min", outage=(600.0, 780.0, 0.1)),
        replace(null, name="B2: shared outage, 10 % errors for 6 min", outage=(600.0, 960.0, 0.1)),
        replace(null, name="C: errors in bursts of 5", burst=5),
        replace(quiet, name="C2: errors in bursts of 5 from 60 s on", burst=5, burst_from=60.0),
        replace(quiet, name="C3: errors in bursts of 40", burst=40),
        replace(null, name="D: 5 s outages, each in one scrape, skewed scrapes", skewed=True),
        replace(null, name="D2: 5 s outages at any moment, skewed scrapes", skewed=True, aligned=False, runs=500),
        replace(null, name="H: steps 5/10/25/50 %, healthy", weights=STEPS),
        replace(bad, name="E: 5 % errors in bursts of 5", burst=5),
        replace(bad, name="F: 5 % errors from 15 min on", candidate=((0.0, BASE), (900.0, 0.05)), fault_at=900.0),
        replace(bad, name="G: steps 5/10/25/50 %, 2 % errors", weights=STEPS, candidate=((0.0, 0.02),)),
    ]


def low() -> list[Cell]:
    """10 requests/s."""
    cells = [replace(healthy("low", f"{p} %, healthy", p / 100), rps=10.0) for p in (10, 25, 50)]
    return cells + [faulty("low", f"25 %, {rate:.0%} errors", 0.25, rate, 10.0) for rate in (0.02, 0.05, 0.2, 1.0)]


def quiet() -> list[Cell]:
    """Services that hardly fail, where one bad answer is much, and one that may be half as bad again."""
    null = [
        replace(healthy("quiet", f"{rate:.2%} errors, {rps:g} requests/s", 0.1, rate), rps=rps)
        for rps in (40.0, 100.0)
        for rate in (0.0, 0.0005)
    ]
    tolerated = healthy("quiet", "margin 2, 1.5 % errors against 1 %", 0.25)
    return [*null, replace(tolerated, stable=0.01, candidate=((0.0, 0.015),), margin=2.0)]


LATENCY = (0.05, 0.257, 0.25)  # seconds: median and p99 of stable, and the bound that is judged


def slower_than_bound(factor: float) -> float:
    """Share of the answers over the bound when each takes ``factor`` times as long as stable's."""
    median, p99, over = LATENCY
    latencies = Lognormal(Profile.constant(factor * median), Profile.constant(factor * p99))
    return latencies.slower(over, Provider.ISTIO, 0.0)


def latency() -> list[Cell]:
    """Share of the answers over 250 ms, which is near stable's p99. The candidate has 25 %."""
    base = slower_than_bound(1.0)
    slow = [
        replace(faulty("latency", f"{factor:g} times as slow", 0.25, slower_than_bound(factor)), stable=base)
        for factor in (1.2, 1.5, 2.0)
    ]
    return [replace(healthy("latency", "as fast as stable", 0.25, base), runs=500), *slow]


SUITES = {"canary": canary, "stress": stress, "low": low, "latency": latency, "quiet": quiet}
