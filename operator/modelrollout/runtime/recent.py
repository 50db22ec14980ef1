"""Recent: what the last pass of a rollout came to, for as long as nothing but its samples is new.

A release is looked at with every scrape, and most of these looks change nothing but the evidence. Such a look needs
none of the objects: what was seen of them still holds. Nor has it to be stored at once. So the newest status may be
some seconds ahead of the stored one; at most ``LONGEST``, and with few releases not at all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelrollout.adapters.cluster import Object
from modelrollout.adapters.json_bytes import write_json
from modelrollout.api.base import to_json
from modelrollout.core.observation import Observation
from modelrollout.core.plan import Event, Plan, Questions
from modelrollout.resource.rollout import ModelRollout

LONGEST = 30.0  # seconds that evidence may wait until it is stored
REFERENCES_AGAIN = 30.0  # seconds until it is asked again whether all is there that the spec names
NEXT_SAMPLE = 5.0  # seconds, at least; if no sample has come by then, that has to be seen, too
_LATE = 1.5  # scrape intervals after which one should have come; nobody looks for one that is about to
WRITES = 15.0  # a second, of evidence alone; a write costs the API server 20 ms of processor time


@dataclass(frozen=True, slots=True)
class Recent:
    """``rollout`` has the newest status. ``changes`` is the state of the World that ``seen`` is of; ``stored`` the mark
    of the status in the API server, in which is all that was decided, ``stored_at`` when it was written, in seconds.
    ``judged`` is the time of the newest sample that was judged by. ``whole``: all that was wanted is there;
    ``looked_at`` is the time of the last whole pass; ``unsaved``: the newest status is not the stored one. ``untold``
    are the Events of a decision that has reached the route and not the status."""

    changes: int
    rollout: ModelRollout
    seen: Observation
    plan: Plan
    stored: int
    stored_at: float
    judged: float | None
    whole: bool
    looked_at: float  # the last whole pass, in seconds
    unsaved: bool
    untold: tuple[Event, ...] = ()

    def is_all_known(self, changes: int, asked: Questions, now: float) -> bool:
        """Whether only the samples have to be asked for: the objects are as they were seen, everybody is ready, and no
        question is open. Whether what the spec names has come is asked now and then."""
        due = asked.references is not None and now >= self.looked_at + REFERENCES_AGAIN
        open_questions = asked.validation or asked.smoke or asked.shadow or asked.acceptance or asked.baseline or due
        if not self.whole or self.changes != changes or open_questions or not asked.samples:
            return False
        if self.seen.refusal is not None or self.rollout.pending_command is not None or self.rollout.deleting:
            return False
        workloads = [self.seen.workloads.get(version) for version in (asked.control, *asked.arms) if version]
        return all(item is not None and item.is_ready and item.failure is None for item in workloads)

    @property
    def again_at(self) -> float:
        """When the last look wanted another one though nothing may have happened, seconds since the epoch."""
        return self.seen.now + min(self.plan.wake_after, next_sample(self.seen))

    def is_of(self, rollout: ModelRollout, status: Mapping[str, Any] | None) -> bool:
        """Whether it goes on from this ``status`` as it is in the API server, so that nobody else has written since. A
        write that nobody answered in time may have come through."""
        if self.rollout.uid != rollout.uid:
            return False
        return mark(status) == self.stored or status == to_json(self.rollout.status)

    def stored_as(self, body: Object) -> Recent:
        """With its newest status in the API server. ``body`` is the ModelRollout as it is then."""
        return replace(
            self,
            rollout=replace(self.rollout, resource_version=body["metadata"]["resourceVersion"]),
            stored=mark(body.get("status")),
            stored_at=time.monotonic(),
            unsaved=False,
        )


def next_sample(seen: Observation) -> float:
    """Seconds until a sample should have come."""
    return max(NEXT_SAMPLE, _LATE * seen.scrape_interval)


def mark(status: Mapping[str, Any] | None) -> int:
    """A number that tells a stored status from all others."""
    return hash(write_json(status or {}))


def wait_for(releases: int) -> float:
    """Seconds that evidence waits until it is stored, so that all releases together write no more than ``WRITES``."""
    return min(LONGEST, releases / WRITES) if releases > WRITES else 0.0
