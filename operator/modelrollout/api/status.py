"""``ModelRollout.status`` as types: all that survives a restart, and all that a person reads first.

Times are RFC 3339 strings in UTC with milliseconds where a person reads them; the release's own clock
(``Release``, ``Retiring``) uses the same form, so that ``kubectl get -o yaml`` can be read during an incident.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from modelrollout.api.base import StatusModel, Timestamp


class Phase(StrEnum):
    """Where the rollout is. One word for a person, an Argo CD health check, a `wait`."""

    PENDING = "Pending"  # a version is fetched and loaded; it has no traffic yet
    PROGRESSING = "Progressing"  # the candidate has traffic, or is about to
    PAUSED = "Paused"  # a person or a policy holds the weights
    AWAITING_APPROVAL = "AwaitingApproval"  # a step waits for `promote`
    BAKING = "Baking"  # the candidate has all traffic, the old version is still warm
    HEALTHY = "Healthy"  # the version of the spec serves
    ROLLING_BACK = "RollingBack"  # the candidate has no traffic any more and drains
    DEGRADED = "Degraded"  # stable serves, but it is not the version of the spec
    INVALID = "Invalid"  # the spec was not accepted


class VersionStatus(StatusModel):
    """One version that is deployed."""

    version: str
    uri: str
    digest: str | None = None  # as measured at the first fetch, or as the spec declares it
    pinned: str | None = None  # the digest that the spec declared at the start; part of the pods, so it never changes
    weight: int = 0
    ready: str = "0/0"
    message: str | None = None  # why it is not ready: the fetcher's or the server's own words


class Release(StatusModel):
    """The release under way: from the first deployment of the candidate to its end."""

    started_at: Timestamp
    step_index: int = -1  # the step that is being held; -1: none begun
    step_started_at: Timestamp | None = None
    weight_since: Timestamp | None = None  # the last change of the candidate's weight
    next_step_at: Timestamp | None = None  # when the clock of the step ends
    ready_at: Timestamp | None = None
    approved_step: int | None = None  # the step that a person said to go on from; -1: the start
    approved_bake: bool = False  # a person ended the bake
    promote_fully: bool = False  # a person asked to skip all that is left
    hold_since: Timestamp | None = None  # since when the step could have gone on but could not be decided
    held_step: int | None = None  # the step that an Event said is held
    smoke_passed: bool = False
    smoke_attempts: int = 0
    last_smoke_at: Timestamp | None = None
    blind_since: Timestamp | None = None
    bake_until: Timestamp | None = None


class Retiring(StatusModel):
    """A version without traffic that is still deployed: it drains, then its pods go."""

    version: str
    uri: str
    digest: str | None = None
    drain_until: Timestamp  # no release starts before this
    remove_at: Timestamp  # its objects are deleted then
    reason: str = ""


class Quarantined(StatusModel):
    """A version that failed. It gets no release until `retry`, or until the spec names another one."""

    version: str
    digest: str | None = None
    reason: str
    message: str
    at: Timestamp


class Side(StatusModel):
    """Counts of one version."""

    requests: int = 0
    bad: int = 0


class Ratio(StatusModel):
    """Odds of a bad answer, candidate to stable, with an interval that is valid at any time."""

    estimate: float | None = None
    low: float | None = None
    high: float | None = None


class MetricStatus(StatusModel):
    """What is known of one metric in this release, and the memory of its sequential test."""

    metric: str
    verdict: str = "NoTraffic"  # Pass Fail Undecided NoTraffic Blind Invalid
    message: str = ""
    candidate: Side = Side()
    stable: Side = Side()
    ratio: Ratio = Ratio()
    evidence: float = 1.0  # of all metrics together that the candidate is worse; at `needed` it is rolled back
    part: float = 1.0  # this metric's part of it
    needed: float = 100.0
    proven: float = 1.0  # evidence that it is not worse; at `provenNeeded` it may go on early
    proven_needed: float = 20.0
    last_sample_at: Timestamp | None = None
    requests_at_weight: int = 0  # candidate requests compared with stable's since the last change of weight
    ticks_at_weight: int = 0  # samples with such requests
    source: str = ""  # digest of what is counted: provider, bound, queries
    noise: tuple[float, ...] | None = None  # overdispersion of stable's past, and the rate on its record
    state: dict[str, Any] = Field(default_factory=dict)  # the test's own floats
    counters: dict[str, Any] = Field(default_factory=dict)  # last raw counters, by version and series


class HistoryEntry(StatusModel):
    """The end of one release."""

    version: str
    digest: str | None = None
    outcome: str  # Installed Promoted RolledBack Superseded Aborted
    reason: str
    message: str = ""
    started_at: Timestamp
    ended_at: Timestamp


class Condition(StatusModel):
    """A condition by the Kubernetes API conventions."""

    type: str
    status: str  # True False Unknown
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str  # RFC 3339, whole seconds, as the conventions want it


class Status(StatusModel):
    """The whole status."""

    observed_generation: int = 0
    phase: Phase = Phase.PENDING
    message: str = ""  # one sentence: what is going on, or why it stopped
    stable: VersionStatus | None = None
    candidate: VersionStatus | None = None
    weight: int | None = None  # the candidate's, for the printer column
    step: str | None = None  # "2/5", for the printer column
    strategy: str | None = None
    release: Release | None = None
    analysis: tuple[MetricStatus, ...] = ()
    paused: str | None = None  # why the weights are held: a person's word or a policy's
    retiring: tuple[Retiring, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    last_command: str | None = None  # the last command annotation that was carried out
    accepted_spec: dict[str, Any] | None = None  # what a release is judged by while a newer spec is invalid
    conditions: tuple[Condition, ...] = ()
