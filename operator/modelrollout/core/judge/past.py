"""Which requests were made before a trial, of versions that take part in it: rewards that come late may be for them.

Of the control Prometheus tells (``known.past_known``). An arm may have been asked as well: in an attempt before, that
failed or ended and was begun again by a person, or when it served. When that was stands in the history of the status,
and how often it was asked then is guessed: as often as now, and as often as all versions together while it served.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, fsum

from modelrollout.api.status import HistoryEntry, Status
from modelrollout.core.evidence.timeline import Past
from modelrollout.core.plan import Reason

SERVES = ("Installed", "Promoted")  # outcomes with which a version begins to serve
UNASKED = (  # reasons to leave of a version that had no request of anybody
    Reason.FETCH_FAILED,
    Reason.LOAD_FAILED,
    Reason.LOAD_TIMEOUT,
    Reason.OBJECT_REFUSED,
    Reason.SMOKE_FAILED,
    Reason.VALIDATED,
    Reason.VALIDATION_FAILED,
    Reason.VALIDATION_TIMEOUT,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a version was asked, in seconds since the epoch; ``alone``: by everybody."""

    start: float
    end: float
    alone: bool = False


def spans(status: Status, version: str, until: float) -> tuple[Span, ...]:
    """When a version, that does not serve now, was asked before ``until``."""
    history = sorted(status.history, key=lambda item: item.ended_at)
    every = (*_under_trial(history, version), *_served(history, version, until))
    return tuple(Span(item.start, min(item.end, until), item.alone) for item in every if item.start < until)


def still_out(asked: tuple[Span, ...], until: float, delay: float, *, as_now: float, by_all: float) -> float:
    """Of how many requests of these times the reward is still to come at ``until``, where rewards are ``delay`` seconds
    late on average, exponentially; ``as_now`` and ``by_all`` are requests a second, of the version and of all."""
    return fsum(
        (by_all if span.alone else as_now)
        * delay
        * (exp(-(until - span.end) / delay) - exp(-(until - span.start) / delay))
        for span in asked
    )


def as_past(asked: tuple[Span, ...], *, as_now: float, by_all: float) -> tuple[Past, ...]:
    """The same for the ``timeline``, with so many requests a second."""
    return tuple((span.start, span.end, by_all if span.alone else as_now) for span in asked)


def _under_trial(history: list[HistoryEntry], version: str) -> Iterator[Span]:
    """Its attempts before."""
    for item in history:
        if item.version == version and item.reason not in UNASKED and item.outcome != "Undone":
            yield Span(item.started_at, item.ended_at)


def _served(history: list[HistoryEntry], version: str, until: float) -> Iterator[Span]:
    """When all were answered by it: from its promotion to that of another one, or until it was undone."""
    since: float | None = None
    for item in history:
        begins = item.outcome in SERVES
        if since is not None and (begins or (item.outcome == "Undone" and item.version == version)):
            yield Span(since, item.ended_at, alone=True)
            since = None
        if begins and item.version == version:
            since = item.ended_at
    if since is not None:
        yield Span(since, until, alone=True)
