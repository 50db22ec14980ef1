"""The suite bake: what happens after the last step, through the product's own ``decide``.

Where stable keeps a share of the requests (a canary), the bake is judged as every step before it. Where it keeps none
(blue/green), a fault takes the requests back at once, and stable shows then whose fault it was: what must be rare is
not that, but a good version in quarantine, or one that does not end promoted by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from bench.stats.measures import Measure, median, share
from bench.stats.product import NAME
from bench.stats.suite import Form, Results, Suite, Task, ends_by_cell, tasks_of
from bench.stats.traffic import generator
from modelrollout.simulation.events import Outage
from modelrollout.simulation.population import Behaviour
from modelrollout.simulation.profile import Profile
from modelrollout.simulation.release import Frame, play
from modelrollout.simulation.scenario import Scenario, from_traffic
from modelrollout.simulation.traffic import Traffic

FOLDER = Path(__file__).parent / "baked"
BASE = 0.005
EARLIEST, LATEST = 120.0, 480.0  # seconds; the bake begins before that, and is not over for a minute and more after
CHUNK = 25  # runs of one task
QUICK = 40  # runs of a cell in the quick form
QUICK_CELLS = (
    "canary, shared outage, 10 %",
    "canary, limit 2 %, 3 %",
    "blue/green, shared outage, 3 %",
    "canary, 20 %",
    "blue/green, 5 %",
)
"""The cells of the quick form, by how their names begin."""

Change = Callable[[Traffic, float], Traffic]
"""What happens in a bake, at so many seconds."""


@dataclass(frozen=True, slots=True)
class End:
    """How a release ended. ``back`` is how many seconds after the fault the new version had no requests any more."""

    promoted: bool
    quarantined: bool
    back: float


def outage(errors: float, seconds: float, traffic: Traffic, at: float) -> Traffic:
    """Something that both versions need fails."""
    return replace(traffic, events=(Outage(at, at + seconds, errors),))


def drift(errors: float, traffic: Traffic, at: float) -> Traffic:
    """Both versions fail more often from then on."""
    profile = Profile((0.0, at), (BASE, errors))
    return behaving(traffic, Behaviour(errors=profile), Behaviour(errors=profile))


def worse(stable: float, candidate: float, traffic: Traffic, at: float) -> Traffic:
    """These rates from the start."""
    rates = [Behaviour(errors=Profile.constant(rate)) for rate in (stable, candidate)]
    return behaving(traffic, *rates)


def fault(errors: float, traffic: Traffic, at: float) -> Traffic:
    """The new version alone begins to fail."""
    return behaving(traffic, traffic.others.stable, Behaviour(errors=Profile((0.0, at), (BASE, errors))))


def beyond(stable: float, candidate: float, traffic: Traffic, at: float) -> Traffic:
    """Both at stable's rate, and the new version at the other one from then on."""
    rates = [Behaviour(errors=Profile.constant(stable)), Behaviour(errors=Profile((0.0, at), (stable, candidate)))]
    return behaving(traffic, *rates)


def behaving(traffic: Traffic, stable: Behaviour, candidate: Behaviour) -> Traffic:
    """The same with versions that behave so."""
    return replace(traffic, populations=(replace(traffic.others, stable=stable, candidate=candidate),))


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of bake; ``runs`` of it in the full form."""

    manifest: str
    change: Change
    healthy: bool = True
    runs: int = 2000


CELLS = {
    "canary, shared outage, 3 % errors for 30 s": Cell("canary", partial(outage, 0.03, 30.0)),
    "canary, shared outage, 10 % errors for 60 s": Cell("canary", partial(outage, 0.1, 60.0)),
    "canary, both drift from 0.5 to 1 %": Cell("canary", partial(drift, 0.01)),
    "canary, margin 2, 1.5 % errors against 1 %": Cell("margin", partial(worse, 0.01, 0.015)),
    "canary, limit 2 %, shared outage, 10 % errors for 60 s": Cell("limit", partial(outage, 0.1, 60.0), runs=1000),
    "canary, limit 2 %, both at 2 % errors": Cell("limit", partial(worse, 0.02, 0.02), runs=1000),
    "canary, limit 2 %, 3 % errors against 0.5 %": Cell("limit", partial(beyond, BASE, 0.03), healthy=False, runs=500),
    "blue/green, shared outage, 3 % errors for 30 s": Cell("blue_green", partial(outage, 0.03, 30.0)),
    "blue/green, shared outage, 10 % errors for 60 s": Cell("blue_green", partial(outage, 0.1, 60.0)),
    "blue/green, both drift from 0.5 to 1 %": Cell("blue_green", partial(drift, 0.01)),
    "canary, 20 % errors": Cell("canary", partial(fault, 0.2), healthy=False, runs=500),
    "canary, 5 % errors": Cell("canary", partial(fault, 0.05), healthy=False, runs=500),
    "blue/green, 20 % errors": Cell("blue_green", partial(fault, 0.2), healthy=False, runs=500),
    "blue/green, 5 % errors": Cell("blue_green", partial(fault, 0.05), healthy=False, runs=500),
}


def tasks(form: Form) -> list[Task]:
    """All chunks of all cells."""
    return tasks_of(CELLS, work, form, size=CHUNK, quick=QUICK, begin=QUICK_CELLS)


def work(name: str, index: int, runs: int, seed: int) -> list[End]:
    """The ends of some releases of a cell."""
    moments = generator(seed, "bake", name, index).uniform(EARLIEST, LATEST, runs)
    first = 1_000_000 * seed + CHUNK * index
    return [end_of(CELLS[name], first + run, round(float(at), 1)) for run, at in enumerate(moments)]


def end_of(cell: Cell, seed: int, at: float) -> End:
    """How a release ends to which something happens at so many seconds."""
    scenario = scenario_of(cell.manifest)
    assert isinstance(scenario.given, Traffic)
    back = None
    for frame in play(replace(scenario, given=cell.change(scenario.given, at)).release(seed)):
        last = frame
        if back is None and frame.time >= at and not has_requests(frame, scenario.candidate):
            back = frame.time - at
    promoted = bool(last.status.history) and last.status.history[-1].outcome == "Promoted"
    return End(promoted, bool(last.status.quarantined), inf if back is None else back)


def has_requests(frame: Frame, version: str) -> bool:
    """Whether a version has any share after this pass."""
    return frame.plan.route is not None and version in frame.plan.route.versions


def scenario_of(manifest: str) -> Scenario:
    """A manifest under the traffic of all cells."""
    return from_traffic(FOLDER / f"{manifest}.yaml", FOLDER / "traffic.yaml")


def measure(results: Sequence[tuple[Task, Any]]) -> Results:
    """False verdicts on good versions, and how soon bad ones had no requests."""
    return {name: {NAME: measures(CELLS[name].healthy, ends)} for name, ends in ends_by_cell(results).items()}


def measures(healthy: bool, ends: Sequence[End]) -> dict[str, Measure]:
    """Of one cell."""
    if healthy:
        return {
            "quarantined": share(sum(end.quarantined for end in ends), len(ends)),
            "notPromoted": share(sum(not end.promoted for end in ends), len(ends)),
            "recalled": share(sum(end.back < inf for end in ends), len(ends)),
        }
    return {
        "missed": share(sum(not end.quarantined for end in ends), len(ends)),
        "delay": median([end.back for end in ends]),
    }


SUITE = Suite("bake", tasks, measure)
