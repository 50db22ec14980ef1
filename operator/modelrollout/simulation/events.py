"""What happens during a made-up release besides the versions' own behaviour.

Each kind of event is a small value; ``read_events`` turns the list in the traffic file into them. Times are seconds
since the start of the release, ``until`` exclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from modelrollout.api.base import format_duration
from modelrollout.simulation.reading import Node


@dataclass(frozen=True, slots=True)
class Outage:
    """Something that both versions depend on fails: this share of all answers becomes errors, whoever gives them."""

    at: float
    until: float
    errors: float


@dataclass(frozen=True, slots=True)
class Blackout:
    """Prometheus cannot be asked."""

    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody sends a request."""

    at: float
    until: float


@dataclass(frozen=True, slots=True)
class Burst:
    """Bad answers come in groups of ``size``, as by a client that tries again at once. ``at`` -inf: always did."""

    at: float
    until: float
    size: int


@dataclass(frozen=True, slots=True)
class Restart:
    """The operator is killed in the first pass from ``at`` on: the route is written, the status is not."""

    at: float


@dataclass(frozen=True, slots=True)
class CounterReset:
    """The process that counts the answers of ``candidate`` or ``stable`` starts anew, from 0."""

    at: float
    role: str


@dataclass(frozen=True, slots=True)
class ScrapeSkew:
    """In every sample, stable's counters are this much older than the candidate's."""

    seconds: float


Event = Outage | Blackout | Silence | Burst | Restart | CounterReset | ScrapeSkew
Fields = Mapping[str, Node]


def read_events(node: Node, duration: float) -> tuple[Event, ...]:
    """The list of events. Raises InputError, also for events that contradict each other."""
    events = tuple(_read_event(item, duration) for item in node.items())
    skews = [event for event in events if isinstance(event, ScrapeSkew)]
    if len(skews) > 1:
        raise node.error("scrapeSkew is given twice; it holds for the whole release, so keep one")
    for kind in (Outage, Blackout, Silence, Burst):
        _refuse_overlap(node, [event for event in events if isinstance(event, kind)])
    return events


def _read_event(node: Node, duration: float) -> Event:
    fields = node.fields("at", "for", *_KINDS)
    kinds = [key for key in fields if key in _KINDS]
    if len(kinds) != 1:
        found = " and ".join(kinds) if kinds else "none"
        raise node.error(f"an event has exactly one of {', '.join(_KINDS)}; this one has {found}")
    read, takes = _KINDS[kinds[0]]
    for key in ("at", "for"):
        if key in fields and key not in takes:
            raise fields[key].error(f"{kinds[0]} takes no {key}; remove it")
    if "at" in fields and fields["at"].seconds() >= duration:
        raise fields["at"].error(f"the event never happens: the duration is {format_duration(duration)}")
    return read(node, fields)


def _start(node: Node, fields: Fields) -> float:
    if "at" not in fields:
        raise node.error("at is missing: when does it happen? write for example at: 300s")
    return fields["at"].seconds()


def _span(node: Node, fields: Fields) -> tuple[float, float]:
    start = _start(node, fields)
    if "for" not in fields:
        raise node.error("for is missing: how long does it last? write for example for: 60s")
    return start, start + fields["for"].seconds(positive=True)


def _outage(node: Node, fields: Fields) -> Event:
    return Outage(*_span(node, fields), fields["errors"].share())


def _blackout(node: Node, fields: Fields) -> Event:
    fields["prometheus"].word("down")
    return Blackout(*_span(node, fields))


def _silence(node: Node, fields: Fields) -> Event:
    fields["traffic"].word("none")
    return Silence(*_span(node, fields))


def _burst(node: Node, fields: Fields) -> Event:
    size = fields["burst"].number(1, 1000, "a number of errors from 1 to 1000")
    if size != int(size):
        raise fields["burst"].error(f"{size} is not a whole number")
    if "at" not in fields and "for" not in fields:
        return Burst(-inf, inf, int(size))
    return Burst(*_span(node, fields), int(size))


def _restart(node: Node, fields: Fields) -> Event:
    fields["restart"].word("operator")
    return Restart(_start(node, fields))


def _reset(node: Node, fields: Fields) -> Event:
    return CounterReset(_start(node, fields), fields["counterReset"].word("candidate", "stable"))


def _skew(node: Node, fields: Fields) -> Event:
    return ScrapeSkew(fields["scrapeSkew"].seconds(positive=True))


_BOTH = ("at", "for")
_KINDS: Mapping[str, tuple[Callable[[Node, Fields], Event], tuple[str, ...]]] = {
    "errors": (_outage, _BOTH),
    "prometheus": (_blackout, _BOTH),
    "traffic": (_silence, _BOTH),
    "restart": (_restart, ("at",)),
    "scrapeSkew": (_skew, ()),
    "burst": (_burst, _BOTH),
    "counterReset": (_reset, ("at",)),
}
"""Key in the file -> how it is read, and which of ``at`` and ``for`` it takes."""


def _refuse_overlap(node: Node, spans: Iterable[Outage | Blackout | Silence | Burst]) -> None:
    ordered = sorted(spans, key=lambda span: span.at)
    for before, after in pairwise(ordered):
        if after.at < before.until:
            what = type(after).__name__.lower()
            raise node.error(
                f"two events of the same kind ({what}) overlap, from {format_duration(max(after.at, 0))} on; "
                "which one holds?"
            )
