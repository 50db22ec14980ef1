"""The made-up cluster: what a Plan asks for is there at the next pass, and every model loads at once.

What goes wrong with pods, files and routes is shown by the real cluster's tests; here only the metrics matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np

from modelrollout.api.route import Route
from modelrollout.api.samples import Samples
from modelrollout.core.observation import LiveRoute, Workload
from modelrollout.core.plan import DesiredVersion, Plan, Recovery
from modelrollout.core.validate.probed import Probed
from modelrollout.simulation.fitness import answered
from modelrollout.simulation.traffic import Traffic
from modelrollout.strategies import SmokeCheck


class Cluster:
    """Workloads with their Services, and the live route."""

    def __init__(self, stable: DesiredVersion) -> None:
        """The stable version alone, as it has been for long, with all the traffic."""
        self.workloads = {stable.version: deployed(stable, None, now=0.0)}
        self.route = Route.to(stable.version)
        self._recovery: Recovery | None = None

    @property
    def live(self) -> LiveRoute:
        """The route as it is read."""
        return LiveRoute(self.route, self.route.versions, recovery=self._recovery)

    def apply(self, plan: Plan, now: float) -> None:
        """All that the plan wants, at ``now`` (seconds since the epoch)."""
        for wanted in plan.versions:
            self.workloads[wanted.version] = deployed(wanted, self.workloads.get(wanted.version), now)
        for version in plan.remove:
            self.workloads.pop(version, None)
        if plan.route is not None:
            self.route, self._recovery = plan.route, plan.recovery


def deployed(wanted: DesiredVersion, before: Workload | None, now: float) -> Workload:
    """A version whose pods all answer, with a Service for each split. Without a digest, one that follows from the
    name."""
    if before is None:
        measured = wanted.digest or f"sha256:{sha256(wanted.version.encode()).hexdigest()}"
        before = Workload(wanted.version, wanted.replicas, wanted.replicas, (measured,), wanted.uri, created_at=now)
    made = dict.fromkeys(wanted.splits, now) | dict(before.services)
    pods = max(wanted.replicas, before.desired) if wanted.elastic else wanted.replicas
    return replace(before, desired=pods, ready=pods, services=made)


class Smoke:
    """Smoke requests to an arm, which fail with the chance that its answers are errors."""

    def __init__(self, traffic: Traffic | None, stable: str, seed: int) -> None:
        self._traffic, self._stable, self._rng = traffic, stable, np.random.default_rng([seed, 2])

    def probe(self, check: SmokeCheck, versions: Sequence[str], time: float) -> dict[str, Probed]:
        """One set to each version. It is answered well where nothing is known of a version but its counters."""
        return {version: self._answer(version, check.requests.samples, time) for version in versions}

    def _answer(self, version: str, samples: Samples, time: float) -> Probed:
        if self._traffic is None:
            return answered(Probed(), samples, 0)
        behaviour = self._traffic.others.behaviour(version, self._stable)
        sent = max(1, len(samples.requests))
        return answered(Probed(), samples, int(self._rng.binomial(sent, behaviour.errors.at(time))))
