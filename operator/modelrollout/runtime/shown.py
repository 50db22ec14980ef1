"""What the operator shows of all rollouts on /metrics: where they stand, and the evidence of those under trial.

Thousands are at rest, and of these no more is kept than is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from modelrollout.adapters.exposition import Family, Labels
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Status, VersionStatus
from modelrollout.runtime.world import Key


@dataclass(frozen=True, slots=True)
class AtRest:
    """A rollout without a trial."""

    phase: str
    version: str | None
    weight: float


@dataclass(slots=True)
class Shown:
    """The newest of each rollout that a pass has seen."""

    trials: dict[Key, Status] = field(default_factory=dict)
    resting: dict[Key, AtRest] = field(default_factory=dict)

    def show(self, key: Key, status: Status) -> None:
        """The newest status of a rollout."""
        self.forget(key)
        if status.trial is not None:
            self.trials[key] = status
            return
        stable = status.stable
        self.resting[key] = AtRest(
            str(status.phase), stable.version if stable else None, stable.weight if stable else 0
        )

    def forget(self, key: Key) -> None:
        """The rollout is gone."""
        self.trials.pop(key, None)
        self.resting.pop(key, None)

    def families(self) -> Iterator[Family]:
        """For /metrics. Of what there is when it begins: it may go on in another thread."""
        everyone = [(_who(key), status) for key, status in self.trials.copy().items()]
        resting = [(_who(key), item) for key, item in self.resting.copy().items()]
        phases = [("", {**who, "phase": str(status.phase)}, 1.0) for who, status in everyone]
        phases += [("", {**who, "phase": item.phase}, 1.0) for who, item in resting]
        yield "modelrollout_phase", "gauge", "1 for the phase that the rollout is in.", phases
        weights = [
            ("", {**who, "version": item.version, "role": role}, float(item.weight))
            for who, status in everyone
            for role, item in _serving(status)
        ]
        weights += [
            ("", {**who, "version": item.version, "role": "stable"}, float(item.weight))
            for who, item in resting
            if item.version is not None
        ]
        yield "modelrollout_weight", "gauge", "Percent of the requests that a release is for, by version.", weights
        alphas = [("", who, left) for who, status in everyone if (left := _alpha_left(status)) is not None]
        yield "modelrollout_alpha_left", "gauge", "What a trial may still risk of its falseRollback, 0 to 1.", alphas
        tests = [({**who, **labels}, item) for who, status in everyone for labels, item in _tests(status)]
        for name, text, read in _OF_METRICS:
            yield name, "gauge", text, [("", labels, read(item)) for labels, item in tests]
        verdicts = [("", {**labels, "verdict": item.verdict}, 1.0) for labels, item in tests]
        yield "modelrollout_verdict", "gauge", "1 for the verdict on a metric.", verdicts


def _who(key: Key) -> Labels:
    return {"namespace": key[0], "rollout": key[1]}


def _serving(status: Status) -> Iterator[tuple[str, VersionStatus]]:
    """The versions that may have requests, by the roles that people read of."""
    if status.stable is not None:
        yield "stable", status.stable
    for arm in status.arms:
        yield "candidate", arm


def _alpha_left(status: Status) -> float | None:
    """None where nothing is judged."""
    judged = any(arm.metrics for arm in status.arms)
    return status.trial.alpha.left if status.trial is not None and judged else None


def _tests(status: Status) -> Iterator[tuple[Labels, MetricStatus]]:
    """What is counted of each version under trial. Nothing of those that are not any more: a series that stands still
    would be taken for news."""
    for arm in status.arms:
        for item in arm.metrics:
            yield {"version": arm.version, "metric": item.metric, "split": item.split}, item


_OF_METRICS: tuple[tuple[str, str, Callable[[MetricStatus], float]], ...] = (
    ("modelrollout_candidate_requests", "Requests that the candidate answered.", lambda item: item.candidate.requests),
    ("modelrollout_candidate_bad", "Bad answers among them.", lambda item: item.candidate.bad),
    ("modelrollout_stable_requests", "Requests that stable answered meanwhile.", lambda item: item.stable.requests),
    ("modelrollout_stable_bad", "Bad answers among them.", lambda item: item.stable.bad),
    ("modelrollout_evidence", "Evidence that the candidate is worse.", lambda item: item.evidence),
    ("modelrollout_evidence_needed", "Evidence at which it is rolled back.", lambda item: item.needed),
    ("modelrollout_evidence_not_worse", "Evidence that it is not worse.", lambda item: item.proven),
)
