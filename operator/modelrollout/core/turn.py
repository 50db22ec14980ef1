"""Turn: one pass under way, as a value that the steps of ``decide`` hand on to each other.

A step takes a Turn and gives a Turn back: the status as it shall become and the Events that tell of it. The status in
hand is never read back from the cluster halfway through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from modelrollout.api.resource import ModelRollout
from modelrollout.api.rollout import Spec
from modelrollout.api.status import Release, Status, VersionStatus
from modelrollout.core.observation import Observation, Workload
from modelrollout.core.plan import Event, Reason


@dataclass(frozen=True, slots=True)
class Turn:
    """What the pass started from (``rollout``, ``seen``, the ``spec`` to go by) and what it has come to."""

    rollout: ModelRollout
    seen: Observation
    spec: Spec
    status: Status
    events: tuple[Event, ...] = ()

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.seen.now

    @property
    def candidate(self) -> VersionStatus:
        """The version under judgement. Only asked for while there is one."""
        assert self.status.candidate is not None
        return self.status.candidate

    @property
    def release(self) -> Release:
        """The release under way. Only asked for while there is one."""
        assert self.status.release is not None
        return self.status.release

    @property
    def weight(self) -> int:
        """The candidate's weight, 0 without a candidate."""
        return self.status.candidate.weight if self.status.candidate else 0

    def workload(self, version: str) -> Workload:
        """What runs of a version; nothing, when nothing was seen."""
        return self.seen.workloads.get(version) or Workload(version, self.spec.serving.replicas, 0)

    def change(self, **updates: Any) -> Turn:
        """The same with fields of the status changed."""
        return replace(self, status=self.status.model_copy(update=updates))

    def change_candidate(self, **updates: Any) -> Turn:
        """The same with fields of the candidate changed."""
        return self.change(candidate=self.candidate.model_copy(update=updates))

    def change_release(self, **updates: Any) -> Turn:
        """The same with fields of the release changed."""
        return self.change(release=self.release.model_copy(update=updates))

    def say(self, reason: Reason, message: str, warning: bool = False) -> Turn:
        """The same with one more Event."""
        return replace(self, events=(*self.events, Event(reason, message, warning)))
