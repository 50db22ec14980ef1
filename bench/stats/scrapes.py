"""The suite scrapes: what Prometheus shows of a release, by whom and when, and what the product makes of it.

The other suites begin with ticks. Here several reporters count, each with a lifetime of older answers behind it, and
are scraped at moments of their own, some by two Prometheus that are asked in turn; the product's own ``together``,
``Counters`` and ``MetricEvidence`` (by ``take_in``) make ticks of that. Both versions are alike, with half a percent
of errors, where nothing else is said.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from bench.stats.cells import BASE, TICK
from bench.stats.measures import Measure, median, share
from bench.stats.product import NAME, fails
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import Floats, Ints, bad, generator
from modelrollout.api.analysis import Metric
from modelrollout.core.evidence import Counters, EvidenceSettings, MetricEvidence, Moments, together
from modelrollout.core.judge.metric_state import MetricState, take_in
from modelrollout.core.observation import Sample

STABLE, CANDIDATE = "1.0.1", "1.1.2"
SLOT = 0.5  # seconds: between two questions to Prometheus; everything happens at the beginning of one
WINDOW = 15.5  # seconds of scrapes that an answer holds
BEFORE = 20.0  # seconds of scrapes before the release
OUTAGES, OUTAGE_SECONDS, OUTAGE_ERRORS = 10, 5.0, 0.5
LIFETIME = {STABLE: (40_000, 4_000_000), CANDIDATE: (500, 5_000)}  # what each reporter counted before
CHUNK, QUICK = 25, 25


@dataclass(frozen=True, slots=True)
class Cell:
    """``reporters`` count both versions, or each one of them (``apart``: the first half the candidate). With ``turns``
    there are two Prometheus; the second has no history before second ``since``. Of the last reporter nothing is
    scraped in ``missing`` (from, until). ``late``: it is always scraped so many seconds after all others, which are
    scraped together: with nearly an interval, just before their next scrape; with half of one, as far from any as can
    be. ``outages``: ten times, at any moment, half of all answers fail for 5 s.
    """

    reporters: int = 1
    apart: bool = False
    turns: bool = False
    since: float = -inf
    missing: Sequence[tuple[float, float]] = ()
    late: float | None = None
    outages: bool = False
    errors: float = BASE  # of the candidate
    weight: float = 0.1
    rps: float = 100.0
    duration: float = 600.0
    runs: int = 1000

    @property
    def healthy(self) -> bool:
        """Whether both versions are alike."""
        return self.errors == BASE


GAPS = ((-BEFORE, 12.0), (200.0, 215.0), (400.0, 440.0))
CELLS = {
    "pods scraped in turn, 5 s outages at any moment": Cell(
        2, apart=True, late=TICK - SLOT, outages=True, weight=0.25, duration=1800.0, runs=2000
    ),
    "pods scraped half an interval apart, 5 s outages at any moment": Cell(
        2, apart=True, late=TICK / 2, outages=True, weight=0.25, duration=1800.0, runs=2000
    ),
    "six pods scraped in turn, 5 s outages": Cell(6, apart=True, outages=True, weight=0.25),
    "ten gateways scraped at different moments": Cell(10),
    "ten gateways, 5 s outages": Cell(10, outages=True),
    "two Prometheus asked in turn": Cell(4, turns=True, outages=True),
    "two Prometheus asked in turn, one without history": Cell(4, turns=True, since=300.0),
    "a gateway missing at the start and for three scrapes": Cell(4, missing=GAPS, outages=True),
    "ten gateways, 20 % errors": Cell(10, errors=0.2, runs=500),
    "ten gateways, 5 % errors": Cell(10, errors=0.05, runs=500),
    "pods scraped in turn, 5 % errors": Cell(2, apart=True, errors=0.05, runs=500),
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What each reporter has counted of each version at the beginning of each slot: bad answers, all answers."""

    counted: Mapping[tuple[str, str], tuple[Ints, Ints]]

    def at(self, version: str, reporter: str, time: float) -> tuple[float, float] | None:
        """As a scrape shows it; None where this reporter does not count this version."""
        if (version, reporter) not in self.counted:
            return None
        slot = round((time + BEFORE) / SLOT)
        of_bad, of_all = self.counted[version, reporter]
        old_bad, old = LIFETIME[version]
        return old_bad + float(of_bad[slot]), old + float(of_all[slot])


def names(cell: Cell) -> list[str]:
    """Of the reporters."""
    return [f"reporter-{index}" for index in range(cell.reporters)]


def counts_of(cell: Cell, version: str) -> list[str]:
    """Who counts a version."""
    half = cell.reporters // 2
    own = names(cell)[:half] if version == CANDIDATE else names(cell)[half:]
    return own if cell.apart else names(cell)


def draw(cell: Cell, rng: np.random.Generator) -> Truth:
    """All answers of one release."""
    times: Floats = np.arange(-BEFORE, cell.duration + SLOT, SLOT)
    begins = rng.uniform(0.0, cell.duration, OUTAGES) if cell.outages else np.array([])
    during = ((times[:, None] >= begins) & (times[:, None] < begins + OUTAGE_SECONDS)).any(axis=1)
    hit: Floats = np.where(during, OUTAGE_ERRORS, 0.0)
    counted = {}
    for version, errors, part in ((CANDIDATE, cell.errors, cell.weight), (STABLE, BASE, 1.0 - cell.weight)):
        reporters = counts_of(cell, version)
        rate = cell.rps * SLOT * (np.where(times < 0, 0.0, part) if version == CANDIDATE else part) / len(reporters)
        for reporter in reporters:
            answers = rng.poisson(np.broadcast_to(rate, times.shape))
            failed = bad(answers, np.asarray(1.0 - (1.0 - errors) * (1.0 - hit)), 1, rng)
            # Counted at the beginning of a slot is what came before it.
            sums = [np.concatenate([[0], part.cumsum()[:-1]]) for part in (failed, answers)]
            counted[version, reporter] = (sums[0], sums[1])
    return Truth(counted)


def scrapes(cell: Cell, rng: np.random.Generator) -> list[dict[str, list[float]]]:
    """Of each Prometheus, when it scrapes each reporter."""
    found = []
    for prometheus in range(2 if cell.turns else 1):
        times = {}
        for name in names(cell):
            phase = SLOT * int(rng.integers(0, round(TICK / SLOT)))
            if cell.late is not None:
                phase = cell.late if name == names(cell)[-1] else 0.0
            every = np.arange(phase - BEFORE, cell.duration, TICK)
            every = every[every >= (cell.since if prometheus else -inf)]
            gaps = cell.missing if name == names(cell)[-1] else ()
            times[name] = [time for time in every.tolist() if not any(a <= time < b for a, b in gaps)]
        found.append(times)
    return found


def samples(cell: Cell, truth: Truth, known: Sequence[Mapping[str, Sequence[float]]]) -> Iterator[Sample]:
    """What each question to Prometheus is answered, where it is not what the one before was."""
    before: Sample | None = None
    for index, now in enumerate(np.arange(0.0, cell.duration, SLOT).tolist()):
        every = known[index % len(known)]
        recent = {name: times[bisect(times, now - WINDOW) : bisect(times, now)] for name, times in every.items()}
        by_version = {
            version: {name: moments for name in recent if (moments := shown(truth, version, name, recent[name]))}
            for version in (CANDIDATE, STABLE)
        }
        found = together(by_version, TICK)
        if found.at is not None and (before is None or found.times != before.times):
            before = Sample("errors", found.at, found.series, found.times)
            yield before


def shown(truth: Truth, version: str, reporter: str, times: Sequence[float]) -> Moments:
    """The scrapes of one reporter, as far as they show a version."""
    pairs = {time: truth.at(version, reporter, time) for time in times}
    return {time: pair for time, pair in pairs.items() if pair is not None}


def rollback(cell: Cell, rng: np.random.Generator) -> float:
    """When one release is rolled back, seconds after its start; infinity: never."""
    state = begun()
    for sample in samples(cell, draw(cell, rng), scrapes(cell, rng)):
        state = take_in(state, sample, sample.at, counting=True)
        if fails([state.evidence]):
            return sample.at
    return inf


def begun() -> MetricState:
    """The state of a metric of which nothing is known."""
    evidence = MetricEvidence.start("errors", -BEFORE, EvidenceSettings(overdispersion=1.05))
    counters = Counters(CANDIDATE, STABLE)
    return MetricState(
        metric=Metric(name="errors"),
        split="everybody",
        source="",
        evidence=evidence,
        counters=counters,
        stored=(evidence, counters),
        uncompared=False,
        noise=None,
    )


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return [
        Task(name, work, (name, index, runs, form.seed))
        for name, cell in CELLS.items()
        for index, runs in chunks(form.runs or (min(QUICK, cell.runs) if form.quick else cell.runs), CHUNK)
    ]


def work(name: str, index: int, runs: int, seed: int) -> list[float]:
    """When each of some releases is rolled back."""
    rng = generator(seed, "scrapes", name, index)
    return [rollback(CELLS[name], rng) for _ in range(runs)]


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """False rollbacks of the healthy cells, and the delay of the others."""
    return {
        name: {NAME: measures(CELLS[name], [time for part in parts for time in part])}
        for name, parts in by_cell(results).items()
    }


def measures(cell: Cell, times: Sequence[float]) -> dict[str, Measure]:
    """Of one cell."""
    if cell.healthy:
        return {"rolledBack": share(sum(time < inf for time in times), len(times))}
    return {"delay": median(times)}


SUITE = Suite("scrapes", tasks, measure)
