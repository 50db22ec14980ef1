"""The comparer of the core's world: it comes when a plan wants it, and counts copies while they are sent to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelrollout.api.compared import LATENCY_BOUNDS, SCORE_BOUNDS
from modelrollout.core.plan import DesiredComparer, Questions
from modelrollout.core.validate.disagreement import Flips
from modelrollout.core.validate.shadowed import Replays, Shadowed

STARTING = "its comparer is being started"
FAST, SLOW = 0.004, 0.4  # seconds


@dataclass(frozen=True)
class Answers:
    """How a version answers, in parts of the copies; beside the control, which may fail, too. ``repeats``: how many of
    those that differ do so each time. ``dropped`` are not replayed at all."""

    different: float = 0.0
    repeats: float = 1.0
    failed: float = 0.0
    slow: float = 0.0
    score: float = 0.52
    dropped: float = 0.0
    control_failed: float = 0.0
    unusable: float = 0.0

    def to(self, copies: float) -> Shadowed:
        """What a comparer counts of so many copies."""
        replayed = copies * (1 - self.dropped)
        compared = replayed * (1 - self.failed - self.unusable)
        different = compared * self.different
        again = different * self.repeats
        return Shadowed(
            flips=Flips(compared, different, again, again, (0.0, compared / 10)),
            arm=_replays(replayed, self.failed, self.slow, self.score),
            control=_replays(replayed, self.control_failed, 0.0, 0.52),
            received=copies,
            dropped=copies * self.dropped,
            why="QueueFull" if self.dropped else "",
            unusable=replayed * self.unusable,
        )


def _replays(asked: float, failed: float, slow: float, score: float) -> Replays:
    answered = asked * (1 - failed)
    latency = _histogram(LATENCY_BOUNDS, {FAST: asked * (1 - slow), SLOW: asked * slow})
    return Replays(answered, asked * failed, latency, _histogram(SCORE_BOUNDS, {score: answered}))


def _histogram(bounds: Sequence[float], values: Mapping[float, float]) -> list[float]:
    counts = [0.0] * (len(bounds) + 1)
    for value, count in values.items():
        counts[next((place for place, bound in enumerate(bounds) if value <= bound), len(bounds))] += count
    return counts


@dataclass
class Copies:
    """What is known of a comparer, and what it counts."""

    wanted: DesiredComparer | None = None
    away: str | None = None  # why it cannot take copies
    unseen: str | None = None  # why Prometheus does not say what it has counted
    answers: dict[str, Answers] = field(default_factory=dict)  # by version; else as the control
    counted: dict[str, Shadowed] = field(default_factory=dict)
    rate: float = 10.0  # copies a second, at any percentage
    started: float = 1.0  # when its process began

    def restart(self) -> None:
        """It was killed, and is there again at once: another process, which counts from 0."""
        self.counted, self.started = {}, self.started + 1.0

    def plan(self, wanted: DesiredComparer | None) -> None:
        """Another one counts from 0."""
        before, after = (replace(item, mirrors=False) if item is not None else None for item in (self.wanted, wanted))
        if before != after:
            self.counted = {}
        self.wanted = wanted

    def arrive(self, seconds: float) -> None:
        """So many seconds of copies, if any are sent."""
        if self.wanted is None or not self.wanted.mirrors or self.away is not None:
            return
        for version in self.wanted.arms:
            more = self.answers.get(version, Answers()).to(self.rate * seconds)
            self.counted[version] = more if version not in self.counted else _sum(self.counted[version], more)

    def seen(self, asked: Questions) -> dict[str, Any]:
        """What a pass is told of it."""
        if asked.shadow is None:
            return {}
        if self.wanted is None or self.wanted.trial != asked.shadow:
            return {"unshadowed": STARTING}
        if self.away is not None:
            return {"unshadowed": self.away}
        if self.unseen is not None:
            return {"unshadowed": self.unseen, "mirrors": True}
        known = {name: self.counted.get(name, Answers().to(0)) for name in self.wanted.arms}
        return {"shadow": {name: replace(item, started=self.started) for name, item in known.items()}, "mirrors": True}


def _sum(one: Shadowed, two: Shadowed) -> Shadowed:
    return Shadowed(
        flips=_all_flips(one.flips, two.flips),
        arm=_both(one.arm, two.arm),
        control=_both(one.control, two.control),
        received=one.received + two.received,
        dropped=one.dropped + two.dropped,
        why=one.why or two.why,
        unusable=one.unusable + two.unusable,
    )


def _all_flips(one: Flips, two: Flips) -> Flips:
    return Flips(
        compared=one.compared + two.compared,
        different=one.different + two.different,
        once=one.once + two.once,
        always=one.always + two.always,
        noise=(one.noise[0] + two.noise[0], one.noise[1] + two.noise[1]),
    )


def _both(one: Replays, two: Replays) -> Replays:
    return Replays(
        one.answered + two.answered,
        one.failed + two.failed,
        [a + b for a, b in zip(one.latency, two.latency, strict=True)],
        [a + b for a, b in zip(one.scores, two.scores, strict=True)],
    )
