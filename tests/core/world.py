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
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.api.signature import Signature
from modelrollout.api.status import Arm, Status, Trial
from modelrollout.core.accept.questions import questions
from modelrollout.core.decide import decide
from modelrollout.core.evidence import Count
from modelrollout.core.evidence.delay import Delays
from modelrollout.core.observation import (
    USUAL_SCRAPE_INTERVAL,
    LiveRoute,
    Observation,
    Refusal,
    Sample,
    Unavailable,
    Workload,
)
from modelrollout.core.plan import DesiredVersion, Event, Plan, Reason, Recovery
from modelrollout.core.validate.answer import Answer
from modelrollout.core.validate.probed import Probed, Sent
from modelrollout.resource.rollout import ModelRollout, parse_spec, parse_status
from tests.core.copies import Copies

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


PLAIN = {"serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"}, outputs={"y": "DT_FLOAT[?,3]"})}
GOOD = Probed(PLAIN, PLAIN)
"""Two servers of one signature."""


def smoked(problem: str | None = None) -> Probed:
    """One smoke request, answered well or not, each time."""
    value = {"predictions": [[0.1, 0.2, 0.7]]}
    answer = Answer("request 1", 200, value) if problem is None else Answer("request 1", 500, problem=problem)
    return Probed(requests={"request 1": {"instances": [[1.0]]}}, sent=Sent((answer,), (answer,)))


@dataclass
class World:
    """One rollout and all that surrounds it. ``spec`` is the JSON that the user wrote."""

    spec: dict[str, Any]
    now: float = START
    generation: int = 1
    status: Status = field(default_factory=Status)
    command: str | None = None
    workloads: dict[str, Workload] = field(default_factory=dict)
    route: Route | None = None  # the live one
    recovery: Recovery | None = None
    live_route_override: LiveRoute | None = None  # what a pass reads instead
    counts: dict[str, dict[str, Count]] = field(default_factory=dict)  # metric -> version -> cumulative
    matched: dict[str, dict[str, Count]] = field(default_factory=dict)  # the same of the matched requests
    segments: dict[str, dict[str, dict[str, Count]]] = field(default_factory=dict)  # the same of each segment
    history: dict[str, tuple[Count, ...]] = field(default_factory=dict)  # metric -> stable's ticks before the release
    delays: Delays | None = None  # how late rewards came, by the reward gateway
    overdue: dict[str, int] = field(default_factory=dict)  # version -> requests under way for too long
    away: str | None = None  # why Prometheus is away
    refused: dict[str, str] = field(default_factory=dict)  # by metric, why its counts cannot be
    invalid: str | None = None
    probed: Probed | None = GOOD  # what the servers say before any traffic; None: they have not answered yet
    copies: Copies = field(default_factory=Copies)  # of requests, compared before any traffic
    smoke: Probed | None = None  # what comes of smoke requests
    refusal: Refusal | None = None
    unresolved: tuple[Refusal, ...] = ()  # what the spec names and is not there
    unreachable: Refusal | None = None  # why callers do not come through a gateway
    scattered: str | None = None  # why users do not stay with their version
    scrape_interval: float = USUAL_SCRAPE_INTERVAL
    apart: bool = False  # each version counts by itself, and no gateway for all of them
    read: dict[str, float] = field(default_factory=dict)  # version -> its last scrape, where they have one each
    prometheus_behind: float = 0.0  # seconds that its clock is behind the operator's
    pending: bool = False  # Prometheus was only just asked
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
            route=self.live_route,
            unreachable=self.unreachable,
            samples={
                (metric.name, split): self.sample(metric.name, split) for metric in metrics for split in asked.splits
            },
            validation={version: self.probed for version in asked.validation if self.probed is not None},
            smoke={version: self.smoke for version in asked.smoke if self.smoke is not None},
            refusal=self.refusal if asked.acceptance is not None else None,
            unresolved=self.unresolved if asked.references is not None else None,
            baseline=dict(self.history) if asked.baseline else None,
            scattered=self.scattered,
            scrape_interval=self.scrape_interval,
            **self.copies.seen(asked),
        )

    @property
    def live_route(self) -> LiveRoute | None:
        """The VirtualService as a pass would read it."""
        if self.live_route_override is not None:
            return self.live_route_override
        if self.route is None:
            return None
        return LiveRoute(self.route, self.route.versions, recovery=self.recovery)

    @property
    def live(self) -> dict[str, float] | None:
        """Everybody's shares in the live route."""
        return dict(self.route.everybody.shares) if self.route is not None else None

    @live.setter
    def live(self, shares: dict[str, int] | None) -> None:
        self.route = None if shares is None else Route(splits=(Split(name=EVERYBODY, shares=shares),))

    def sample(self, metric: str, split: str = EVERYBODY) -> Sample | Unavailable:
        """The counters as Prometheus would have them."""
        if self.pending:
            return Unavailable(metric, "Prometheus has not answered yet", pending=True)
        if self.invalid or self.away:
            return Unavailable(metric, self.invalid or self.away or "", invalid=self.invalid is not None)
        if metric in self.refused:
            return Unavailable(metric, self.refused[metric], invalid=True)
        counts = self.counts_in(split)
        series = {
            version: {version if self.apart else "gateway": count} for version, count in counts.get(metric, {}).items()
        }
        at = self.now - self.prometheus_behind
        late = dict(self.overdue) if metric == "latency" else {}
        times = dict(self.read) if self.apart else {"gateway": at}
        return Sample(metric, at, series, times, self.delays, overdue=late)

    def counts_in(self, split: str) -> dict[str, dict[str, Count]]:
        """The counters of one split, by metric and version."""
        if split in (EVERYBODY, MATCHED):
            return self.counts if split == EVERYBODY else self.matched
        return self.segments.setdefault(split, {})

    def step(self, seconds: float = 0.0) -> Plan:
        """One pass after some time; the plan is made so."""
        self.now += seconds
        plan = decide(self.rollout, self.observe())
        self.plans.append(plan)
        self.status = plan.status
        self.events += plan.events
        if plan.route is not None:
            self.route, self.recovery = plan.route, plan.recovery
        self.deploy(plan)
        if plan.answered == self.command:
            self.command = None  # unless somebody wrote another one meanwhile
        self.copies.plan(plan.comparer)
        return plan

    def deploy(self, plan: Plan) -> None:
        """Deployments appear and go."""
        for wanted in plan.versions:
            seen = self.workloads.get(wanted.version)
            ready = wanted.replicas if self.autoload else seen.ready if seen else 0
            services = dict.fromkeys(wanted.splits, self.now) | dict(seen.services if seen else {})
            if seen is None:
                digest = "sha256:" + "a" * 64
                seen = Workload(
                    wanted.version,
                    wanted.replicas,
                    ready,
                    (digest,),
                    wanted.uri,
                    pinned=wanted.digest,
                    created_at=self.now,
                )
            seen = scaled(replace(seen, uri=wanted.uri, pinned=wanted.digest), wanted, self.spec, self.autoload)
            self.workloads[wanted.version] = replace(seen, ready=seen.ready or ready, services=services)
        for version in plan.remove:
            self.workloads.pop(version, None)

    def requests(self, number: int, bad: Mapping[str, float] | None = None, metric: str = "errors") -> World:
        """Requests at the live weights, with a share of bad answers by version."""
        return self._count(self.counts.setdefault(metric, {}), self.live or {}, number, bad or {})

    def matched_requests(self, number: int, bad: Mapping[str, float] | None = None, metric: str = "errors") -> World:
        """The same of the matched requests."""
        split = self.route.split(MATCHED) if self.route is not None else None
        counts = self.matched if split is not None else self.counts
        shares = split.shares if split is not None else self.live or {}
        return self._count(counts.setdefault(metric, {}), shares, number, bad or {})

    def requests_in(
        self, split: str, number: int, bad: Mapping[str, float] | None = None, metric: str = "errors"
    ) -> World:
        """The same of one split's, at its live shares."""
        found = self.route.split(split) if self.route is not None else None
        shares = found.shares if found is not None else {}
        return self._count(self.counts_in(split).setdefault(metric, {}), shares, number, bad or {})

    def _count(
        self, counts: dict[str, Count], shares: Mapping[str, float], number: int, bad: Mapping[str, float]
    ) -> World:
        for version, weight in shares.items():
            trials = int(number * weight / 100)
            failed = round(trials * bad.get(version, 0.0))
            counts[version] = counts.get(version, Count(0, 0)) + Count(failed, trials)
        return self

    def run(self, seconds: float, rate: int = 100, bad: Mapping[str, float] | None = None, tick: float = 5.0) -> World:
        """Passes every ``tick`` seconds with traffic at ``rate`` requests/s."""
        end = self.now + seconds
        while self.now < end:
            self.requests(int(rate * tick), bad)
            self.copies.arrive(tick if rate else 0)
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
    def weight(self) -> float:
        """The first arm's weight."""
        return self.status.arms[0].weight if self.status.arms else 0

    @property
    def arm(self) -> Arm:
        """The first arm."""
        return self.status.arms[0]

    def change_arm(self, **updates: Any) -> World:
        """Something is otherwise in the status than the operator left it, at the first arm."""
        arm = self.arm.model_copy(update=updates)
        trial = self.trial.model_copy(update={"arms": (arm, *self.trial.arms[1:])})
        self.status = self.status.model_copy(update={"trial": trial})
        return self

    @property
    def trial(self) -> Trial:
        """The trial under way."""
        assert self.status.trial is not None
        return self.status.trial

    @property
    def analysis(self) -> tuple[MetricStatus, ...]:
        """The verdicts on the first arm in the split that the release is for; those of the last release at rest."""
        if self.status.trial is None:
            return self.status.last_analysis
        audience = self.status.trial.audience
        return tuple(item for item in self.arm.metrics if item.split == audience)


def scaled(seen: Workload, wanted: DesiredVersion, spec: Mapping[str, Any], autoload: bool) -> Workload:
    """A version with its pods as they are asked for now. An autoscaler of ours keeps at least those; what others scale
    is left to them."""
    before = seen.desired
    if not wanted.elastic:
        changed = seen.applied != wanted.replicas
        seen = replace(seen, applied=wanted.replicas, desired=wanted.replicas if changed else seen.desired)
    elif "autoscaling" in spec.get("serving", {}):
        seen = replace(seen, desired=max(seen.desired, wanted.replicas))
    return replace(seen, ready=seen.desired) if autoload and seen.ready and seen.desired > before else seen
