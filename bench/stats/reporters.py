"""What several reporters count of a release, when each Prometheus scrapes them, and what it answers when it is asked.

Each reporter has a lifetime of older answers behind it. Everything happens at the beginning of a slot.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from bench.stats.cells import BASE, TICK
from bench.stats.traffic import Floats, Ints, bad
from modelrollout.core.evidence import Moments, together
from modelrollout.core.observation import Sample

STABLE, CANDIDATE = "1.0.1", "1.1.2"
SLOT = 0.5  # seconds: between two questions to Prometheus; everything happens at the beginning of one
WINDOW = 15.5  # seconds of scrapes that an answer holds
BEFORE = 20.0  # seconds of scrapes before the release
OUTAGES, OUTAGE_SECONDS, OUTAGE_ERRORS = 10, 5.0, 0.5
LIFETIME = {STABLE: (40_000, 4_000_000), CANDIDATE: (500, 5_000)}  # what each reporter counted before
Known = Sequence[Mapping[str, Sequence[float]]]
"""Of each Prometheus, when it scrapes each reporter."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``reporters`` count both versions, or each one of them (``apart``: the first half the candidate). With ``turns``
    there are two Prometheus; the second has no history before second ``since``. Of the last reporter nothing is
    scraped in ``missing`` (from, until). ``late``: it is always scraped so many seconds after all others, which are
    scraped together: with nearly an interval, just before their next scrape; with half of one, as far from any as can
    be. ``away``: nothing of it for so many seconds, which begin before ``fault_at``, at any moment, and end after it.
    ``outages``: ten times, at any moment, half of all answers fail for 5 s. ``errors`` are the candidate's, from second
    ``fault_at`` on.
    """

    reporters: int = 1
    apart: bool = False
    turns: bool = False
    since: float = -inf
    missing: Sequence[tuple[float, float]] = ()
    away: float = 0.0
    late: float | None = None
    outages: bool = False
    errors: float = BASE
    fault_at: float = 0.0
    weight: float = 0.1
    rps: float = 100.0
    duration: float = 600.0
    runs: int = 2000

    @property
    def healthy(self) -> bool:
        """Whether both versions are alike."""
        return self.errors == BASE


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

    def bad_between(self, version: str, start: float, end: float) -> int:
        """Bad answers of a version that were given between two times, whoever counted them."""
        first, last = (round((time + BEFORE) / SLOT) for time in (start, end))
        return sum(
            int(of_bad[last] - of_bad[first]) for (who, _), (of_bad, _) in self.counted.items() if who == version
        )


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
    errors: Mapping[str, Floats | float] = {
        CANDIDATE: np.where(times < cell.fault_at, BASE, cell.errors),
        STABLE: BASE,
    }
    counted = {}
    for version, part in ((CANDIDATE, cell.weight), (STABLE, 1.0 - cell.weight)):
        reporters = counts_of(cell, version)
        rate = cell.rps * SLOT * (np.where(times < 0, 0.0, part) if version == CANDIDATE else part) / len(reporters)
        for reporter in reporters:
            answers = rng.poisson(np.broadcast_to(rate, times.shape))
            failed = bad(answers, np.asarray(1.0 - (1.0 - errors[version]) * (1.0 - hit)), 1, rng)
            sums = [np.concatenate([[0], part.cumsum()[:-1]]) for part in (failed, answers)]
            counted[version, reporter] = (sums[0], sums[1])
    return Truth(counted)


def scrapes(cell: Cell, rng: np.random.Generator) -> Known:
    """When each Prometheus scrapes each reporter."""
    found, missing = [], gaps(cell, rng)
    for prometheus in range(2 if cell.turns else 1):
        times = {}
        for name in names(cell):
            phase = SLOT * int(rng.integers(0, round(TICK / SLOT)))
            if cell.late is not None:
                phase = cell.late if name == names(cell)[-1] else 0.0
            every = np.arange(phase - BEFORE, cell.duration, TICK)
            every = every[every >= (cell.since if prometheus else -inf)]
            without = missing if name == names(cell)[-1] else ()
            times[name] = [time for time in every.tolist() if not any(a <= time < b for a, b in without)]
        found.append(times)
    return found


def gaps(cell: Cell, rng: np.random.Generator) -> Sequence[tuple[float, float]]:
    """When nothing is scraped of the last reporter."""
    if not cell.away:
        return cell.missing
    start = float(rng.uniform(cell.fault_at - cell.away, cell.fault_at))
    return ((start, start + cell.away), *cell.missing)


def samples(cell: Cell, truth: Truth, known: Known) -> Iterator[tuple[float, Sample]]:
    """What each question to Prometheus is answered, where it is not what the one before was, and when it was asked."""
    before: Sample | None = None
    held: Mapping[str, tuple[int, int]] = {}
    for index, now in enumerate(np.arange(0.0, cell.duration, SLOT).tolist()):
        every = known[index % len(known)]
        spans = {name: (bisect(times, now - WINDOW), bisect(times, now)) for name, times in every.items()}
        if len(known) == 1 and spans == held:
            continue  # nothing was scraped since
        held = spans
        recent = {name: times[slice(*spans[name])] for name, times in every.items()}
        by_version = {
            version: {name: moments for name in recent if (moments := shown(truth, version, name, recent[name]))}
            for version in (CANDIDATE, STABLE)
        }
        found = together(by_version, TICK)
        if found.at is not None and (before is None or found.times != before.times):
            before = Sample("errors", found.at, found.series, found.times)
            yield now, before


def shown(truth: Truth, version: str, reporter: str, times: Sequence[float]) -> Moments:
    """The scrapes of one reporter, as far as they show a version."""
    pairs = {time: truth.at(version, reporter, time) for time in times}
    return {time: pair for time, pair in pairs.items() if pair is not None}
