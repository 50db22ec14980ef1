"""What one rollback by lost answers gives, and whether all of them keep to the goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from bench.rollback.measures import Routes
from e2e.client import Answer

GOAL = 15  # seconds from the first lost answer to a route without the version that owes it


@dataclass(frozen=True, slots=True)
class Case:
    """One way to owe answers. ``patience``: seconds that a caller waits."""

    name: str
    hangs: bool
    grpc: bool
    patience: float


@dataclass(frozen=True, slots=True)
class Run:
    """One rollback. ``back``: seconds from the first lost answer to the route without that version in the API server;
    ``last``: to the last lost answer, as callers saw it. ``lost``: how many these were, ``under_way``: how many of them
    were given up after that route: they were under way to the version, or are stable's."""

    back: float
    last: float
    lost: int
    under_way: int

    def to_json(self) -> dict[str, float]:
        """As plain numbers."""
        return asdict(self)


def measure(answers: Sequence[Answer], routes: Routes, candidate: str, began: float) -> Run:
    """One run from what callers got since it ``began`` and what the API server told.

    Nobody says who owes an answer that never came: any counts that was lost once the candidate had requests, so that
    one that stable owes can only make the time longer. Raises ValueError when nothing was measured.
    """
    entered = next((at for at, weights in routes if weights.get(candidate)), None)
    if entered is None:
        raise ValueError(f"{candidate} never had any requests")
    lost = sorted(answer.done_at for answer in answers if answer.failed and answer.at >= max(began, entered))
    if not lost:
        raise ValueError("no answer was lost")
    back = next((at for at, weights in routes if at >= lost[0] and not weights.get(candidate)), None)
    if back is None:
        raise ValueError(f"{candidate} was taken out of traffic before the first lost answer: for another reason")
    return Run(back - lost[0], lost[-1] - lost[0], len(lost), sum(at > back for at in lost))


def met(found: Mapping[Case, Sequence[Run]]) -> bool:
    """Whether every run kept to the goal."""
    return all(run.back <= GOAL for runs in found.values() for run in runs)
