"""Decisions: what a release came to, as the lines that people and programs read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.base import to_json
from modelrollout.api.contest_status import ContestStatus, ValueStatus
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.route import EVERYBODY, Route
from modelrollout.api.status import Phase, Status
from modelrollout.core.evidence import Outcome
from modelrollout.simulation.cast import Cast
from modelrollout.simulation.release import Frame, Release, play

SILENT = (Outcome.NO_TRAFFIC, Outcome.BLIND, Outcome.INVALID)
ENDS = {"Promoted": "Promoted", "NotChosen": "Kept"}
MEMORY = ("state", "counters", "noise")  # what a test remembers for itself


Splits = Mapping[str, Mapping[str, float]]
"""Percents by split and version."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict of one metric on one arm."""

    version: str
    test: MetricStatus

    @property
    def name(self) -> tuple[str, str, str]:
        """What it is known by."""
        return self.version, self.test.split, self.test.metric

    def to_json(self) -> dict[str, Any]:
        """The verdict with its numbers, without the test's own memory."""
        return {"version": self.version, **told(self.test)}


@dataclass(frozen=True, slots=True)
class Decision:
    """A pass that changed something. ``at`` in seconds since the start.

    ``weights`` in percent by version, zeros included, among the requests that the release is for just then
    (``audience``). ``splits`` has those of every split that users' requests fall into, without zeros.
    """

    at: float
    phase: Phase
    audience: str
    weights: Mapping[str, float]
    splits: Splits
    move: str  # Start, Shift, Switch, Promote, Keep, Leave, Rollback, Hold
    reason: str
    verdicts: tuple[Judged, ...]
    contest: ContestStatus | None = None  # who earns more, where the versions compete
    segments: tuple[ContestStatus, ...] = ()  # and in each segment
    value: ValueStatus | None = None  # what the segments were worth

    def to_json(self) -> dict[str, Any]:
        """One line of ``--output jsonl``."""
        reward = {"reward": told(self.contest)} if self.contest is not None else {}
        segments = {"segments": [told(item) for item in self.segments]} if self.segments else {}
        value = {"value": told(self.value)} if self.value is not None else {}
        several = {"splits": {name: dict(shares) for name, shares in self.splits.items()}}
        return {
            "at": self.at,
            "phase": self.phase.value,
            "weights": dict(self.weights),
            **(several if len(self.splits) > 1 else {}),
            "move": self.move,
            "reason": self.reason,
            "verdicts": [item.to_json() for item in self.verdicts],
            **reward,
            **segments,
            **value,
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a release ended, ``at`` seconds after its start.

    ``requests`` the versions under trial answered, ``bad_served`` of them were errors, or too slow where latency is
    judged.
    """

    outcome: str  # RolledBack, Promoted, Kept (the control, by a test), Paused, Running
    at: float
    bad_served: int
    requests: int
    serves: str | None = None  # the version that serves then, where several could have come to it
    stands: str | None = None  # of a release that goes on: where it is, in the operator's words

    @property
    def told(self) -> str:
        """The outcome, with the version where that is not clear."""
        return (
            f"{self.outcome} {self.serves}" if self.serves is not None and self.outcome == "Promoted" else self.outcome
        )

    def to_json(self) -> dict[str, Any]:
        """The last line of ``--output jsonl``."""
        serves = {"serves": self.serves} if self.serves is not None else {}
        serves |= {"stands": self.stands} if self.stands is not None else {}
        end = {"outcome": self.outcome, "at": self.at, "badServed": self.bad_served, "requests": self.requests}
        return end | serves


def decisions(release: Release) -> Iterator[tuple[Frame, Decision | None]]:
    """Every pass of a release, with the decision where it changed something."""
    before = release.rollout.status
    for frame in play(release):
        yield frame, decision(release, before, frame)
        before = frame.status


def decision(release: Release, before: Status, frame: Frame) -> Decision | None:
    """What a pass changed: the phase, a share, whether a metric can speak, or what an Event was made of."""
    status, events = frame.status, frame.plan.events
    changed = [item.test.message for item in heard(status, before)]
    if not events and not changed and splits_of(status) == splits_of(before) and status.phase == before.phase:
        return None
    reason = "; ".join(event.message for event in events) or "; ".join(changed) or status.message
    return _decision(release, before, frame, reason)


def _decision(release: Release, before: Status, frame: Frame, reason: str) -> Decision:
    status = frame.status
    return Decision(
        at=frame.time,
        phase=status.phase,
        audience=audience_of(status),
        weights=weights_of(release.cast, status),
        splits=splits_of(status),
        move=move(before, status),
        reason=reason,
        verdicts=verdicts(status, before),
        contest=status.trial.contest if status.trial is not None else status.last_contest,
        segments=status.trial.segments if status.trial is not None else status.last_segments,
        value=status.trial.value if status.trial is not None else None,
    )


def as_it_stands(release: Release, last: Frame, told: Decision) -> Decision:
    """What there is to say of the last pass of a release: the decision that ended it, or else how things stand then,
    which is often long after the last decision."""
    return told if last.over else _decision(release, last.status, last, last.status.message)


def told(status: ContestStatus | ValueStatus | MetricStatus) -> dict[str, Any]:
    """The numbers, without what a test remembers for itself."""
    return {key: value for key, value in to_json(status).items() if key not in MEMORY}


def verdicts(after: Status, before: Status) -> tuple[Judged, ...]:
    """On all arms, and those on an arm whose trial ended in this pass."""
    under_trial = [Judged(arm.version, test) for arm in after.arms for test in arm.metrics]
    ended = after.history[-1].version if after.history != before.history else None
    return (*under_trial, *(Judged(ended, test) for test in after.last_analysis if ended is not None))


def heard(after: Status, before: Status) -> Iterator[Judged]:
    """The metrics that fell silent in this pass, or speak again."""
    old = {item.name: item.test.verdict for item in verdicts(before, before)}
    for item in verdicts(after, before):
        verdict = item.test.verdict
        if (verdict in SILENT or old.get(item.name) in SILENT) and verdict != old.get(item.name):
            yield item


def move(before: Status, after: Status) -> str:
    """What a pass did, in one word."""
    ended = [entry.outcome for entry in after.history[len(before.history) :]]
    if ended:
        if "Promoted" in ended:
            return "Promote"
        if set(ended) == {"NotChosen"}:
            return "Keep" if after.trial is None else "Leave"
        return "Rollback"
    if {arm.version for arm in after.arms} - {arm.version for arm in before.arms}:
        return "Start"
    old, new = (shares_of_arms(status, after) for status in (before, after))
    if new == old:
        return "Hold"
    if any(arm.recall is not None and before.arm(arm.version) for arm in after.arms) and sum(new.values()) == 0:
        return "Recall"
    return "Switch" if any(share == 100 != old[name] for name, share in new.items()) else "Shift"


def shares_of_arms(status: Status, after: Status) -> dict[tuple[str, str], float]:
    """Percent of each split that each arm of a later status has, by split and arm."""
    splits, route = splits_of(after), route_of(status)
    return {(name, arm.version): route.share(arm.version, name) for name in splits for arm in after.arms}


def route_of(status: Status) -> Route:
    """Where requests go. A simulated release has a stable version at every moment."""
    assert status.stable is not None
    decided = status.trial.route if status.trial is not None else None
    return decided or Route.to(status.stable.version)


def audience_of(status: Status) -> str:
    """The split whose shares are moved just now."""
    return status.trial.audience if status.trial is not None else EVERYBODY


def splits_of(status: Status) -> dict[str, dict[str, float]]:
    """The shares in each split that users' requests fall into."""
    return {split.name: dict(split.shares) for split in route_of(status).splits if not split.is_preview}


def weights_of(cast: Cast, status: Status) -> dict[str, float]:
    """The percents of all versions that are deployed, zeros included, stable first."""
    deployed = {item.version for item in (status.stable, *status.arms, *status.retiring) if item is not None}
    route = route_of(status)
    split = route.split(audience_of(status)) or route.everybody
    return {version: split.share(version) for version in (cast.stable, *cast.arms) if version in deployed}


def ending(release: Release, last: Frame) -> Ending:
    """How the release ended with its last pass; one that is under way at the end of its time ends there."""
    at = last.time if last.over else release.duration
    served = release.source.served(at)
    stable = last.status.stable
    serves = stable.version if stable is not None and len(release.cast.arms) > 1 else None
    stands = None if last.over else last.status.message
    return Ending(outcome_of(last.status, last.over), at, served.bad, served.trials, serves, stands)


def outcome_of(status: Status, over: bool) -> str:
    """The outcome in one word."""
    if over:
        return ENDS.get(status.history[-1].outcome, "RolledBack")
    return "Paused" if status.phase in (Phase.PAUSED, Phase.AWAITING_APPROVAL) else "Running"
