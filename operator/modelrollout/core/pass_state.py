"""Pass: one pass under way, as a value that the steps of ``decide`` hand on to each other.

A step takes a Pass and gives a Pass back: the status as it shall become and the Events that tell of it. The status in
hand is never read back from the cluster halfway through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import is_
from typing import Any, TypeVar

from pydantic import BaseModel

from modelrollout.api.command import Command
from modelrollout.api.route import EVERYBODY, Route
from modelrollout.api.status import Arm, Status, Trial, VersionStatus
from modelrollout.core.hint import with_name
from modelrollout.core.observation import Observation, Workload
from modelrollout.core.plan import Event, Reason
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.strategies import AnyStrategy

Part = TypeVar("Part", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Word:
    """A person's word to go on, in the pass in which it was given. ``approves``: it is what a step waits for, and stays
    given; ``skipped`` is what it was said in spite of."""

    command: Command
    approves: bool = False
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """What the pass started from (``rollout``, ``seen``, the ``spec`` to go by) and what it has come to. ``word`` is a
    person's, given in this pass and not answered yet."""

    rollout: ModelRollout
    seen: Observation
    spec: Spec
    status: Status
    events: tuple[Event, ...] = ()
    word: Word | None = None

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.seen.now

    @property
    def strategy(self) -> AnyStrategy:
        """The strategy of the spec."""
        return self.spec.strategy.chosen

    @property
    def settings(self) -> BaseModel:
        """The strategy's settings."""
        return self.spec.strategy.settings

    @property
    def named(self) -> tuple[str, ...]:
        """The versions that the spec names, its model's first."""
        return tuple(model.version for model in self.strategy.models(self.settings, self.spec.model))

    @property
    def control(self) -> VersionStatus | None:
        """The version that serves."""
        return self.status.stable

    @property
    def trial(self) -> Trial:
        """The trial under way. Only asked for while there is one."""
        assert self.status.trial is not None
        return self.status.trial

    @property
    def route(self) -> Route | None:
        """Where requests go, as decided so far. None before anything can answer them."""
        if self.status.trial is not None:
            return self.status.trial.route
        return Route.to(self.control.version) if self.control is not None else None

    def arm(self, version: str) -> Arm:
        """One version under trial. Only asked for while it is one."""
        arm = self.trial.arm(version)
        assert arm is not None
        return arm

    def weight(self, version: str) -> float:
        """The largest share that a version has of any requests, percent."""
        return self.route.largest_share(version) if self.route is not None else 0

    def audience_share(self, version: str) -> float:
        """What a version has of the requests that the release is for just now; at rest, of everybody's. Percent."""
        audience = self.status.trial.audience if self.status.trial is not None else EVERYBODY
        return self.route.share(version, audience) if self.route is not None else 0

    def workload(self, version: str) -> Workload:
        """What runs of a version; nothing, when nothing was seen."""
        return self.seen.workloads.get(version) or Workload(version, self.spec.serving.replicas or 1, 0, displaced=True)

    def change(self, **updates: Any) -> Pass:
        """The same with fields of the status changed."""
        status = updated(self.status, updates)
        return self if status is self.status else replace(self, status=status)

    def change_trial(self, **updates: Any) -> Pass:
        """The same with fields of the trial changed."""
        return self.change(trial=updated(self.trial, updates))

    def change_arm(self, version: str, **updates: Any) -> Pass:
        """The same with fields of one arm changed."""
        return self.for_each_arm(lambda arm: updated(arm, updates) if arm.version == version else arm)

    def for_each_arm(self, change: Callable[[Arm], Arm]) -> Pass:
        """The same with every arm changed."""
        arms = tuple(change(arm) for arm in self.trial.arms)
        return self if all(map(is_, arms, self.trial.arms)) else self.change_trial(arms=arms)

    def say(self, reason: Reason, message: str, warning: bool = False, *, cause: str = "") -> Pass:
        """The same with one more Event; ``cause`` where its words have numbers that may be others next time."""
        event = Event(reason, with_name(message, self.rollout), warning, cause)
        return replace(self, events=(*self.events, event))


def updated(part: Part, updates: Mapping[str, Any]) -> Part:
    """A part of the status with fields changed; the very same one where they are so already. Most steps of a pass
    change nothing, and with hundreds of releases copies are what passes spend their time on."""
    if all(getattr(part, name) == value for name, value in updates.items()):
        return part
    return part.model_copy(update=updates)
