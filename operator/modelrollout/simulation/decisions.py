"""Decisions: what a release came to, as the lines that people and programs read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.base import to_json
from modelrollout.api.status import MetricStatus, Phase, Status
from modelrollout.core.evidence import Outcome
from modelrollout.simulation.release import Frame, Release, play

SILENT = (Outcome.NO_TRAFFIC, Outcome.BLIND, Outcome.INVALID)
ENDS = {"Promoted": "Promote", "RolledBack": "Rollback", "Aborted": "Rollback"}


@dataclass(frozen=True, slots=True)
class Decision:
    """A pass that changed something. ``at`` in seconds since the start, ``weights`` in percent by version."""

    at: float
    phase: Phase
    weights: Mapping[str, int]
    move: str  # Start, Shift, Switch, Promote, Rollback, Hold
    reason: str
    verdicts: tuple[MetricStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """One line of ``--output jsonl``."""
        return {
            "at": self.at,
            "phase": self.phase.value,
            "weights": dict(self.weights),
            "move": self.move,
            "reason": self.reason,
            "verdicts": [verdict_of(item) for item in self.verdicts],
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a release ended, ``at`` seconds after its start.

    ``requests`` the candidate answered, ``bad_served`` of them were errors, or too slow where latency is judged.
    """

    outcome: str  # RolledBack, Promoted, Paused, Running
    at: float
    bad_served: int
    requests: int

    def to_json(self) -> dict[str, Any]:
        """The last line of ``--output jsonl``."""
        return {"outcome": self.outcome, "at": self.at, "badServed": self.bad_served, "requests": self.requests}


def decisions(release: Release) -> Iterator[tuple[Frame, Decision | None]]:
    """Every pass of a release, with the decision where it changed something."""
    before = release.rollout.status
    for frame in play(release):
        yield frame, decision(release, before, frame)
        before = frame.status


def decision(release: Release, before: Status, frame: Frame) -> Decision | None:
    """What a pass changed: the phase, the weights, whether a metric can speak, or what an Event was made of."""
    status, events = frame.status, frame.plan.events
    weights, old = weights_of(release, status), weights_of(release, before)
    changed = [item.message for item in heard(status, before)]
    if not events and not changed and weights == old and status.phase == before.phase:
        return None
    reason = "; ".join(event.message for event in events) or "; ".join(changed) or status.message
    return Decision(frame.time, status.phase, weights, move(before, status), reason, status.analysis)


def heard(after: Status, before: Status) -> Iterator[MetricStatus]:
    """The metrics that fell silent in this pass, or speak again."""
    old = {item.metric: item.verdict for item in before.analysis}
    for item in after.analysis:
        if (item.verdict in SILENT or old.get(item.metric) in SILENT) and item.verdict != old.get(item.metric):
            yield item


def move(before: Status, after: Status) -> str:
    """What a pass did, in one word."""
    if len(after.history) > len(before.history):
        return ENDS[after.history[-1].outcome]
    if after.candidate is None or before.candidate is None:
        return "Start" if after.candidate is not None else "Hold"
    if after.candidate.weight == before.candidate.weight:
        return "Hold"
    return "Switch" if after.candidate.weight == 100 else "Shift"


def weights_of(release: Release, status: Status) -> dict[str, int]:
    """The percents of both versions, zeros included, stable first."""
    first = release.rollout.status.stable
    assert first is not None
    candidate = release.spec.model.version
    promoted = status.stable is not None and status.stable.version == candidate
    weight = 100 if promoted else status.candidate.weight if status.candidate else 0
    return {first.version: 100 - weight, candidate: weight}


def verdict_of(item: MetricStatus) -> dict[str, Any]:
    """A metric's verdict with its numbers, without the test's own memory."""
    memory = ("state", "counters", "noise")
    return {key: value for key, value in to_json(item).items() if key not in memory}


def ending(release: Release, last: Frame) -> Ending:
    """How the release ended with its last pass; one that is under way at the end of its time ends there."""
    at = last.time if last.over else release.duration
    requests, bad = release.source.served(at)
    return Ending(outcome_of(last.status, last.over), at, bad, requests)


def outcome_of(status: Status, over: bool) -> str:
    """The outcome in one word."""
    if over:
        return "Promoted" if status.history[-1].outcome == "Promoted" else "RolledBack"
    return "Paused" if status.phase in (Phase.PAUSED, Phase.AWAITING_APPROVAL) else "Running"
