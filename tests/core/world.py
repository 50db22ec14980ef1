"""A world for the core's tests: it applies a Plan at once and keeps nothing but what a cluster would keep.

No mock: ``decide`` is pure, so all that it needs is values. Pods become ready when a test says so; counters grow when
a test says so; the status is stored as JSON and read again after every pass, as the API server would do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from modelrollout.api.base import to_json
from modelrollout.api.resource import ModelRollout, parse_spec, parse_status
from modelrollout.api.status import Status
from modelrollout.core.decide import decide
from modelrollout.core.evidence import Count
from modelrollout.core.needs import questions
from modelrollout.core.observation import (
    USUAL_SCRAPE_INTERVAL,
    LiveRoute,
    Observation,
    Refusal,
    Sample,
    SmokeResult,
    Unavailable,
    Workload,
)
from modelrollout.core.plan import Event, Plan, Reason

START = 1_800_000_000.0

CANARY = """
model: {name: fraud, version: 1.0.1, uri: "pvc://models/fraud/1"}
serving: {drain: 10s, loadTimeout: 2m}
traffic: {hosts: [fraud.example.com]}
strategy: {canary: {steps: [{setWeight: 10, for: 30s}, {setWeight: 50, for: 30s}]}}
analysis: {metrics: [{name: errors}], noTrafficAfter: 20s}
"""

BLUE_GREEN = """
model: {name: fraud, version: 1.0.1, uri: "pvc://models/fraud/1"}
serving: {drain: 10s}
traffic: {hosts: [fraud.example.com]}
strategy: {blueGreen: {bake: 1m, smoke: {requests: [{instances: [[1.0]]}], attempts: 2}}}
analysis: {metrics: [{name: errors}]}
"""


@dataclass
class World:
    """One rollout and all that surrounds it. ``spec`` is the JSON that the user wrote."""

    spec: dict[str, Any]
    now: float = START
    generation: int = 1
    status: Status = field(default_factory=Status)
    command: str | None = None
    workloads: dict[str, Workload] = field(default_factory=dict)
    live: dict[str, int] | None = None
    counts: dict[str, dict[str, Count]] = field(default_factory=dict)  # metric -> version -> cumulative
    away: str | None = None  # why Prometheus is away
    invalid: str | None = None
    smoke: SmokeResult | None = None
    refusal: Refusal | None = None
    scrape_interval: float = USUAL_SCRAPE_INTERVAL
    read: dict[str, float] = field(default_factory=dict)  # version -> its last scrape, where they have one each
    prometheus_behind: float = 0.0  # seconds that its clock is behind the operator's
    autoload: bool = True  # deployed versions are ready at the next pass
    events: list[Event] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> World:
        """From the YAML of a spec."""
        return cls(spec=yaml.safe_load(text))

    def apply(self, **model: str) -> World:
        """The user edits ``spec.model``."""
        self.spec = {**self.spec, "model": {**self.spec["model"], **model}}
        self.generation += 1
        return self

    def configure(self, **parts: Any) -> World:
        """The user edits other parts of the spec."""
        self.spec = {**self.spec, **parts}
        self.generation += 1
        return self

    @property
    def rollout(self) -> ModelRollout:
        """The resource as a pass would read it."""
        return ModelRollout(
            name="fraud",
            namespace="prod",
            uid="u",
            generation=self.generation,
            resource_version="1",
            spec=parse_spec(self.spec),
            status=parse_status(to_json(self.status)),
            command=self.command,
        )

    def observe(self) -> Observation:
        """What a pass sees now: only what its questions asked for."""
        asked = questions(self.rollout, self.now)
        metrics = asked.spec.analysis.metrics if asked.spec and asked.samples else ()
        return Observation(
            now=self.now,
            workloads=dict(self.workloads),
            route=LiveRoute(dict(self.live)) if self.live is not None else None,
            samples={metric.name: self.sample(metric.name) for metric in metrics},
            smoke=self.smoke if asked.smoke else None,
            refusal=self.refusal if asked.acceptance is not None else None,
            baseline={} if asked.baseline else None,
            scrape_interval=self.scrape_interval,
        )

    def sample(self, metric: str) -> Sample | Unavailable:
        """The counters as Prometheus would have them."""
        if self.invalid or self.away:
            return Unavailable(metric, self.invalid or self.away or "", invalid=self.invalid is not None)
        series = {version: {"gateway": count} for version, count in self.counts.get(metric, {}).items()}
        return Sample(metric, self.now - self.prometheus_behind, series, dict(self.read))

    def step(self, seconds: float = 0.0) -> Plan:
        """One pass after some time; the plan is made so."""
        self.now += seconds
        plan = decide(self.rollout, self.observe())
        self.plans.append(plan)
        self.status = plan.status
        self.events += plan.events
        if plan.route is not None:
            self.live = dict(plan.route.weights)
        self.deploy(plan)
        return plan

    def deploy(self, plan: Plan) -> None:
        """Deployments appear and go."""
        for wanted in plan.versions:
            seen = self.workloads.get(wanted.version)
            ready = wanted.replicas if self.autoload else seen.ready if seen else 0
            fresh = Workload(wanted.version, wanted.replicas, ready, digests=("sha256:" + "a" * 64,), uri=wanted.uri)
            self.workloads[wanted.version] = fresh if seen is None else replace(seen, ready=seen.ready or ready)
        for version in plan.remove:
            self.workloads.pop(version, None)

    def requests(self, number: int, bad: Mapping[str, float] | None = None, metric: str = "errors") -> World:
        """Requests at the live weights, with a share of bad answers by version."""
        counts = self.counts.setdefault(metric, {})
        for version, weight in (self.live or {}).items():
            trials = number * weight // 100
            failed = round(trials * (bad or {}).get(version, 0.0))
            counts[version] = counts.get(version, Count(0, 0)) + Count(failed, trials)
        return self

    def run(self, seconds: float, rate: int = 100, bad: Mapping[str, float] | None = None, tick: float = 5.0) -> World:
        """Passes every ``tick`` seconds with traffic at ``rate`` requests/s."""
        end = self.now + seconds
        while self.now < end:
            self.requests(int(rate * tick), bad)
            self.step(tick)
        return self

    def installed(self) -> World:
        """The first version serves, with some traffic behind it."""
        for _ in range(4):
            self.step(2.0)
        assert self.status.stable is not None, self.status
        return self.run(10.0)

    def said(self, reason: Reason) -> list[str]:
        """The messages of all Events with a reason."""
        return [event.message for event in self.events if event.reason == reason]

    @property
    def weight(self) -> int:
        """The candidate's weight."""
        return self.status.candidate.weight if self.status.candidate else 0
