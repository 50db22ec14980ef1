"""Subscription: which metrics of which versions, in which splits, a release is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.adapters.metrics.base import Target
from modelrollout.api.analysis import Analysis, Metric
from modelrollout.api.route import EVERYBODY
from modelrollout.resource.rollout import CLUSTER_DOMAIN

Key = tuple[str, str]
"""Namespace and name of a rollout."""

MetricSplit = tuple[str, str]
"""Name of a metric and of a split: what one sample is of."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one release needs: the metrics of its analysis, for the control and every arm, in each of the splits; and
    where ``delays_since`` is a time (seconds since the epoch), how late the rewards came since then. ``domain`` is the
    cluster's."""

    key: Key
    analysis: Analysis
    control: str
    arms: tuple[str, ...]
    splits: tuple[str, ...]
    delays_since: float | None = None
    domain: str = CLUSTER_DOMAIN

    @property
    def versions(self) -> tuple[str, ...]:
        """The control and the arms."""
        return (self.control, *self.arms)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every version in every split."""
        return tuple(target for split in self.splits for target in self.targets_in(split))

    def targets_in(self, split: str) -> tuple[Target, ...]:
        """Every version in one split."""
        return tuple(self.target(version, split) for version in self.versions)

    def target(self, version: str, split: str = EVERYBODY) -> Target:
        """One version in one split."""
        namespace, rollout = self.key
        return Target(namespace, rollout, version, split, self.domain)

    def metric(self, name: str) -> Metric | None:
        """The metric of this name, if it is asked for."""
        return next((metric for metric in self.analysis.metrics if metric.name == name), None)
