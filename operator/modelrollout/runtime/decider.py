"""Decider: ``core.decide``, and what becomes of a rollout whose passes fail.

The core is tested to raise nothing for any status that it wrote itself. Somebody else may have written into one. While
passes fail nobody would be judged, so a status from which no pass can go on counts as a lost one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from modelrollout.core.decide import decide
from modelrollout.core.observation import Observation
from modelrollout.core.plan import Plan
from modelrollout.resource.rollout import ModelRollout, without_memory
from modelrollout.runtime.world import Key

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Decider:
    """``recovered`` are the rollouts whose status was given up and of which no pass has gone well since."""

    recovered: set[Key] = field(default_factory=set)

    def decide(self, key: Key, rollout: ModelRollout, seen: Observation) -> Plan:
        """The plan. A status is given up only once, until a pass goes well: where it was not at fault, losing it again
        helps nobody, and the error is raised."""
        try:
            plan = decide(rollout, seen)
        except Exception:
            if key in self.recovered:
                raise
            self.recovered.add(key)
            log.exception("no pass can go on from the status of %s/%s: it is lost", rollout.namespace, rollout.name)
            return decide(without_memory(rollout), seen)
        self.recovered.discard(key)
        return plan

    def forget(self, key: Key) -> None:
        """The rollout is gone."""
        self.recovered.discard(key)
