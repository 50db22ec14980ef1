"""The suite unseen: a candidate begins to fail wholly at the very end of a step, or of the bake.

Either just so that one scrape sees it before the clock is over, or while Prometheus cannot be asked. A test needs
more than one tick for a verdict, and there is none without Prometheus. But nobody may be given more requests then. With
few requests stable has hardly one in that scrape, or none, so that there is next to nothing to compare with. A release
that is rolled back before, as one good one of a hundred may be, has no such end, and is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.stats.bake import BASE, behaving, scenario_of
from bench.stats.measures import Measure, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, by_cell, chunks
from bench.stats.traffic import generator
from modelrollout.api.status import Phase
from modelrollout.simulation.events import Blackout
from modelrollout.simulation.population import Behaviour
from modelrollout.simulation.profile import Profile
from modelrollout.simulation.release import Frame, Release, play
from modelrollout.simulation.scenario import Scenario
from modelrollout.simulation.source import EPOCH
from modelrollout.simulation.traffic import Traffic

CHUNK, RUNS, QUICK = 50, 2500, 25  # of each cell; ten thousand of all with many requests
FEWER_RUNS = 1000  # of each cell with few requests, whose releases are longer
AWAY_BEFORE, AWAY_AFTER = 10.0, 30.0  # seconds that Prometheus is away before and after the end of the clock
WATCHED = 60.0  # seconds from the end of the clock on; the release is over by then, one way or the other


@dataclass(frozen=True, slots=True)
class Cell:
    """Which clock is about to end, whether Prometheus is ``away`` over its end, and how many requests a second there
    are."""

    phase: Phase
    away: bool
    rps: float = 100.0

    @property
    def scenario(self) -> Scenario:
        """The release before anything fails; with few requests one of longer steps."""
        scenario = scenario_of("short" if self.rps >= 100.0 else "slow")
        assert isinstance(scenario.given, Traffic)
        return replace(scenario, given=replace(scenario.given, rps=Profile.constant(self.rps)))

    @property
    def runs(self) -> int:
        """Of the full form."""
        return RUNS if self.rps >= 100.0 else FEWER_RUNS


FEW = (5.0, 10.0, 20.0)  # requests a second
CELLS = {
    "a whole failure in the last tick of a step": Cell(Phase.PROGRESSING, away=False),
    "a whole failure in the last tick of the bake": Cell(Phase.BAKING, away=False),
    "Prometheus away over the end of a step, a whole failure": Cell(Phase.PROGRESSING, away=True),
    "Prometheus away over the end of the bake, a whole failure": Cell(Phase.BAKING, away=True),
    **{f"the last tick of a step, {rps:g} requests/s": Cell(Phase.PROGRESSING, away=False, rps=rps) for rps in FEW},
    **{f"the last tick of the bake, {rps:g} requests/s": Cell(Phase.BAKING, away=False, rps=rps) for rps in FEW},
}


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return [
        Task(name, work, (name, index, part, form.seed))
        for name, cell in CELLS.items()
        for index, part in chunks(form.runs or (QUICK if form.quick else cell.runs), CHUNK)
    ]


def work(name: str, index: int, runs: int, seed: int) -> list[bool | None]:
    """Whether each candidate was given more requests all the same; None where its release was over before."""
    first = 1_000_000 * seed + CHUNK * index
    before = generator(seed, "unseen", name, index).uniform(0.1, AWAY_BEFORE, runs)
    return [is_raised(CELLS[name], first + run, float(moment)) for run, moment in enumerate(before)]


def is_raised(cell: Cell, seed: int, before: float) -> bool | None:
    """Whether the share grew, or the release ended promoted, after the fault had begun; None: it was over before."""
    scenario = cell.scenario
    end = end_of_clock(scenario.release(seed), cell.phase)
    if end is None:
        return None
    scrapes = scenario.release(seed).source.scrapes
    last_two = [scrape for scrape in scrapes if scrape < end][-2:]
    at = round(end - before, 1) if cell.away else last_two[0]
    at_fault = 0.0
    for frame in until(failing(scenario, at, end, away=cell.away).release(seed), end + WATCHED):
        share_now = share_of(frame, scenario.candidate)
        if frame.time <= at:
            at_fault = share_now
        elif share_now > at_fault:
            return True
    return False


def end_of_clock(release: Release, phase: Phase) -> float | None:
    """When the clock of the step or of the bake ends if nothing happens, in seconds since the start; None if it never
    comes to that."""
    for frame in play(release):
        trial = frame.status.trial
        if trial is not None and frame.status.phase is phase and trial.next_step_at and trial.arms[0].weight:
            return trial.next_step_at - EPOCH
    return None


def failing(scenario: Scenario, at: float, end: float, *, away: bool) -> Scenario:
    """The same with a candidate that fails wholly from then on."""
    assert isinstance(scenario.given, Traffic)
    candidate = Behaviour(errors=Profile((0.0, at), (BASE, 1.0)))
    traffic = behaving(scenario.given, scenario.given.others.stable, candidate)
    if away:
        traffic = replace(traffic, events=(Blackout(end - AWAY_BEFORE, end + AWAY_AFTER),))
    return replace(scenario, given=traffic)


def until(release: Release, time: float) -> Iterator[Frame]:
    """The passes up to a time."""
    for frame in play(release):
        if frame.time > time:
            return
        yield frame


def share_of(frame: Frame, version: str) -> float:
    """Percent of the requests that a version has after a pass."""
    return frame.plan.route.largest_share(version) if frame.plan.route is not None else 0


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """How often a failing candidate was given more requests."""
    return {
        name: {NAME: measures([raised for part in parts for raised in part])}
        for name, parts in by_cell(results).items()
    }


def measures(raised: Sequence[bool | None]) -> dict[str, Measure]:
    """Of one cell: those that came to the end of their clock, and how many did not."""
    came = [each for each in raised if each is not None]
    return {"raised": share(sum(came), len(came)), "overBefore": share(len(raised) - len(came), len(raised))}


SUITE = Suite("unseen", tasks, measure)
