"""The made-up cluster: what a Plan asks for is there at the next pass, and every model loads at once.

What goes wrong with pods, files and routes is shown by the real cluster's tests; here only the metrics matter.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from modelrollout.api.rollout import Spec
from modelrollout.core.observation import LiveRoute, SmokeResult, Workload
from modelrollout.core.plan import Plan
from modelrollout.simulation.traffic import Traffic


class Cluster:
    """Workloads and the live route. ``weights`` are percents by version, without zeros."""

    def __init__(self, stable: Workload) -> None:
        self.workloads = {stable.version: stable}
        self.weights = {stable.version: 100}

    @property
    def route(self) -> LiveRoute:
        """The route as it is."""
        return LiveRoute(self.weights)

    def apply(self, plan: Plan) -> None:
        """All that the plan wants."""
        for wanted in plan.versions:
            if wanted.version not in self.workloads:
                self.workloads[wanted.version] = ready(wanted.version, wanted.uri, wanted.digest, wanted.replicas)
        for version in plan.remove:
            self.workloads.pop(version, None)
        if plan.route is not None:
            self.weights = dict(plan.route.weights)


def ready(version: str, uri: str, digest: str | None, replicas: int) -> Workload:
    """A version whose pods all answer. Without a digest, one that follows from the name."""
    measured = digest or f"sha256:{sha256(version.encode()).hexdigest()}"
    return Workload(version, replicas, replicas, digests=(measured,), uri=uri)


class Smoke:
    """Smoke requests to the candidate, which fail with the chance that its answers are errors."""

    def __init__(self, traffic: Traffic | None, seed: int) -> None:
        self._traffic, self._rng = traffic, np.random.default_rng([seed, 2])

    def probe(self, spec: Spec, time: float) -> SmokeResult | None:
        """One set. None where nothing is known of the candidate but its counters."""
        settings = spec.strategy.blue_green.smoke if spec.strategy.blue_green else None
        if settings is None:
            return None
        if self._traffic is None:
            return SmokeResult(max(1, len(settings.requests)))
        sent = max(1, len(settings.requests))
        failed = int(self._rng.binomial(sent, self._traffic.candidate.errors.at(time)))
        return SmokeResult(sent, tuple(f"request {index + 1}: status 500" for index in range(failed)))
