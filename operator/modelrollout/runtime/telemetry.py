"""What the operator says of itself on /metrics: what it measured, what it made of it, and how well it works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from modelrollout.adapters.exposition import Family, Histogram, Labels, page
from modelrollout.api.status import MetricStatus, Phase, Status, VersionStatus
from modelrollout.runtime.world import Key

DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds. Of passes: most wait for the network only."""


class Telemetry:
    """Collects, and renders when it is asked."""

    def __init__(self) -> None:
        self._statuses: dict[Key, Status] = {}
        self._passes: Counter[str] = Counter()
        self._writes: Counter[str] = Counter()
        self._durations = Histogram(DURATION_BOUNDS)
        self._delays = Histogram(DURATION_BOUNDS)
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def passed(self, outcome: str, seconds: float) -> None:
        """A pass ended: done, gone, conflict or failed."""
        self._passes[outcome] += 1
        self._durations.add(seconds)

    def judged(self, seconds: float) -> None:
        """A new sample was judged by, so long after it was scraped."""
        self._delays.add(seconds)

    def wrote(self, what: str) -> None:
        """Something was written to the API server."""
        self._writes[what] += 1

    @property
    def statuses(self) -> Mapping[Key, Status]:
        """The newest status of each rollout that a pass has seen, or the first listing."""
        return self._statuses

    def saw(self, key: Key, status: Status) -> None:
        """The newest status of a rollout."""
        self._statuses[key] = status

    def forget(self, key: Key) -> None:
        """The rollout is gone."""
        self._statuses.pop(key, None)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A value that is read when it is asked for."""
        self._gauges[name] = (text, read)

    def render(self) -> str:
        """The page."""
        return page(self._families())

    def _families(self) -> Iterator[Family]:
        passes = [("", {"outcome": name}, float(count)) for name, count in sorted(self._passes.items())]
        writes = [("", {"object": name}, float(count)) for name, count in sorted(self._writes.items())]
        yield "modelrollout_passes_total", "counter", "Passes over a rollout, by how they ended.", passes
        yield "modelrollout_api_writes_total", "counter", "Writes to the API server, by what was written.", writes
        durations = list(self._durations.rows("modelrollout_pass_duration_seconds", {}))
        yield "modelrollout_pass_duration_seconds", "histogram", "How long a pass took.", durations
        delays = list(self._delays.rows("modelrollout_sample_delay_seconds", {}))
        yield "modelrollout_sample_delay_seconds", "histogram", "From a scrape to the decision that used it.", delays
        for name, (text, read) in self._gauges.items():
            yield name, "gauge", text, [("", {}, read())]
        yield from self._of_rollouts()

    def _of_rollouts(self) -> Iterator[Family]:
        everyone = [({"namespace": key[0], "rollout": key[1]}, status) for key, status in self._statuses.items()]
        phases = [
            ("", {**who, "phase": phase}, float(status.phase is phase)) for who, status in everyone for phase in Phase
        ]
        yield "modelrollout_phase", "gauge", "1 for the phase that the rollout is in.", phases
        weights = [
            ("", {**who, "version": item.version, "role": role}, float(item.weight))
            for who, status in everyone
            for role, item in _serving(status)
        ]
        yield "modelrollout_weight", "gauge", "Percent of the requests that a release is for, by version.", weights
        alphas = [("", who, left) for who, status in everyone if (left := _alpha_left(status)) is not None]
        yield "modelrollout_alpha_left", "gauge", "What a trial may still risk of its falseRollback, 0 to 1.", alphas
        tests = [({**who, **labels}, item) for who, status in everyone for labels, item in _tests(status)]
        for name, text, read in _OF_METRICS:
            yield name, "gauge", text, [("", labels, read(item)) for labels, item in tests]
        verdicts = [("", {**labels, "verdict": item.verdict}, 1.0) for labels, item in tests]
        yield "modelrollout_verdict", "gauge", "1 for the verdict on a metric.", verdicts


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
