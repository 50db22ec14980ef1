"""Spans: what befell a release from outside, and when it waited, for the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from modelrollout.api.status import Phase, Status
from modelrollout.simulation.events import Blackout, Burst, CounterReset, Event, Outage, Restart, Silence
from modelrollout.simulation.population import Population
from modelrollout.simulation.release import Frame

WAITS = {Phase.AWAITING_APPROVAL: "waits for approval", Phase.PAUSED: "paused"}
LEAST_WAIT = 30.0
"""Seconds; every step waits for its first samples, and a picture full of such waits says nothing."""


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to ``end``, both in seconds since the start of the release; a moment where they are the same."""

    start: float
    end: float
    name: str


def happened(events: Sequence[Event], end: float) -> Iterator[Span]:
    """What the traffic file lets happen until ``end``. What is so all the time is no event in a picture."""
    for event in events:
        match event:
            case Outage(at, until, errors):
                name = f"{100 * errors:g} % of all answers fail"
            case Blackout(at, until):
                name = "Prometheus is away"
            case Silence(at, until):
                name = "no requests"
            case Burst(at, until, size) if at >= 0:
                name = f"errors in groups of {size}"
            case Restart(at):
                until, name = at, "operator killed"
            case CounterReset(at, role):
                until, name = at, f"counters of {role} reset"
            case _:
                continue
        if at < end:
            yield Span(at, min(until, end), name)


def failing(population: Population, stable: str, candidate: str, end: float) -> Iterator[Span]:
    """When a version fails more often than it did at first, until ``end``."""
    named = {stable: population.stable, candidate: population.candidate, **population.versions}
    for version, behaviour in named.items():
        profile = behaviour.errors
        times = [time for time in profile.changes if time < end]
        for start, until in pairwise([*times, end]):
            if profile.at(start) > profile.at(0.0):
                yield Span(start, until, f"{version} fails on {100 * profile.at(start):g} %")


def waits(frames: Sequence[Frame]) -> Iterator[Span]:
    """When nothing went on though the release was not over: until a person spoke, or for want of evidence."""
    began, name = 0.0, ""
    for frame in frames:
        present = waits_for(frame.status)
        if present != name:
            yield from _span(began, frame.time, name)
            began, name = frame.time, present
    yield from _span(began, frames[-1].time, name)


def waits_for(status: Status) -> str:
    """What a release waits for, in two or three words; nothing while it goes on."""
    if status.trial is None:
        return ""
    return WAITS.get(status.phase, "held" if status.trial.hold_since is not None else "")


def _span(start: float, end: float, name: str) -> Iterator[Span]:
    if name and end - start >= LEAST_WAIT:
        yield Span(start, end, name)
