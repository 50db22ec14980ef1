"""When a version was asked before the trial under way: by the history of the status."""

from __future__ import annotations

from math import exp

import pytest

from modelrollout.api.status import HistoryEntry, Status
from modelrollout.core.judge.past import Span, spans, still_out

ARM, OTHER = "1.1.2", "1.0.1"


def entry(version: str, outcome: str, start: float, end: float, reason: str = "") -> HistoryEntry:
    """What became of a version from ``start`` until ``end``."""
    reason = reason or outcome
    return HistoryEntry(
        version=version, outcome=outcome, reason=reason, message="", started_at=float(start), ended_at=float(end)
    )


HISTORIES: dict[str, tuple[tuple[HistoryEntry, ...], tuple[Span, ...]]] = {
    "nothing is known of it": ((entry(OTHER, "Installed", 0, 10),), ()),
    "it took part": ((entry(ARM, "NotChosen", 10, 50),), (Span(10.0, 50.0),)),
    "twice": (
        (entry(ARM, "RolledBack", 10, 20, "EvidenceAgainstCandidate"), entry(ARM, "Aborted", 30, 50)),
        (Span(10.0, 20.0), Span(30.0, 50.0)),
    ),
    "it never came up": ((entry(ARM, "RolledBack", 10, 20, "LoadFailed"),), ()),
    "it served until another one did": (
        (entry(ARM, "Promoted", 10, 20), entry(OTHER, "Promoted", 40, 60)),
        (Span(10.0, 20.0), Span(20.0, 60.0, alone=True)),
    ),
    "it served until it was undone": (
        (entry(ARM, "Promoted", 10, 20), entry(ARM, "Undone", 70, 70)),
        (Span(10.0, 20.0), Span(20.0, 70.0, alone=True)),
    ),
    "what began later is no past": (
        (entry(ARM, "NotChosen", 90, 120), entry(ARM, "Aborted", 100, 130)),
        (Span(90, 100),),
    ),
}


@pytest.mark.parametrize(("history", "found"), HISTORIES.values(), ids=HISTORIES)
def test_when_it_was_asked(history: tuple[HistoryEntry, ...], found: tuple[Span, ...]) -> None:
    assert spans(Status(history=history), ARM, 100.0) == found


def test_what_is_still_to_come_of_it() -> None:
    """Ten a second for 100 s, of which the last was 20 s ago; and 40 a second by all just before."""
    asked = (Span(0.0, 100.0), Span(110.0, 120.0, alone=True))
    out = still_out(asked, 120.0, 50.0, as_now=10.0, by_all=40.0)
    assert out == pytest.approx(500 * (exp(-0.4) - exp(-2.4)) + 2000 * (1 - exp(-0.2)))
