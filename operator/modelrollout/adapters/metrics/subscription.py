"""Subscription: which metrics of which two versions a release is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.adapters.metrics.base import Target
from modelrollout.api.analysis import Analysis, Metric

Key = tuple[str, str]
"""Namespace and name of a rollout."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one release needs: the metrics of its analysis for its two versions."""

    key: Key
    analysis: Analysis
    candidate: str
    stable: str

    @property
    def targets(self) -> tuple[Target, Target]:
        """Both versions."""
        return self.target(self.candidate), self.target(self.stable)

    def target(self, version: str) -> Target:
        """One version."""
        namespace, rollout = self.key
        return Target(namespace, rollout, version)

    def metric(self, name: str) -> Metric | None:
        """The metric of this name, if it is asked for."""
        return next((metric for metric in self.analysis.metrics if metric.name == name), None)
