"""Plan: what one pass wants the world to be. Values only; ``runtime/apply.py`` makes it so, in a safe order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from modelrollout.api.rollout import Spec
from modelrollout.api.status import Status
from modelrollout.api.strategy import Header


class Reason(StrEnum):
    """Why something happened: of Events, conditions and history. A closed list, so that it can be filtered."""

    INVALID_SPEC = "InvalidSpec"
    ACCEPTED = "Accepted"
    NOT_CHECKED = "NotChecked"
    HOST_TAKEN = "HostTaken"
    FOREIGN_HOST = "ForeignHost"
    NAME_TOO_LONG = "NameTooLong"
    FOREIGN_VIRTUAL_SERVICE = "ForeignVirtualService"
    DIGEST_CHANGED = "DigestChanged"
    STRATEGY_CHANGED = "StrategyChanged"
    INVALID_METRIC = "InvalidMetric"
    OBJECT_REFUSED = "ObjectRefused"
    FILE_ROOT = "FileRootNotAllowed"
    RELEASE_STARTED = "ReleaseStarted"
    WAITING_FOR_MODEL = "WaitingForModel"
    WAITING_FOR_DRAIN = "WaitingForDrain"
    MODEL_READY = "ModelReady"
    INSTALLED = "Installed"
    WEIGHT_CHANGED = "WeightChanged"
    STEP_HELD = "StepHeld"
    AWAITING_APPROVAL = "AwaitingApproval"
    APPROVED = "Approved"
    PAUSED = "Paused"
    RESUMED = "Resumed"
    SMOKE_PASSED = "SmokePassed"
    SMOKE_FAILED = "SmokeFailed"
    SWITCHED = "Switched"
    BAKING = "Baking"
    PROMOTED = "Promoted"
    EVIDENCE_AGAINST = "EvidenceAgainstCandidate"
    FETCH_FAILED = "FetchFailed"
    LOAD_FAILED = "LoadFailed"
    LOAD_TIMEOUT = "LoadTimeout"
    CANDIDATE_LOST = "CandidateLost"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    RETURNED_TO_STABLE = "ReturnedToStable"
    QUARANTINED = "Quarantined"
    RETRIED = "Retried"
    BLIND = "Blind"
    SIGHT_RESTORED = "SightRestored"
    NO_TRAFFIC = "NoTraffic"
    UNDECIDED_TIMEOUT = "UndecidedTimeout"
    ROUTE_RESTORED = "RouteRestored"
    ROUTE_APPLIED = "RouteApplied"
    ROUTE_REFUSED = "RouteRefused"
    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DRAINED = "Drained"
    NOTHING_SERVES = "NothingServes"
    STABLE_LOST = "StableLost"
    COMMAND_IGNORED = "CommandIgnored"


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event to be posted once the status is stored. Warnings are what a person should look at."""

    reason: Reason
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class DesiredVersion:
    """One version that shall be deployed: its identity; how it is served comes from the spec."""

    version: str
    uri: str
    digest: str | None
    replicas: int


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests go: percents by version, summing to 100; optionally a version reachable by a header alone.

    ``stable`` gets every request that may not see the candidate (``spec.traffic.match``).
    """

    stable: str
    weights: Mapping[str, int]
    preview: tuple[str, Header] | None = None  # version, header


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one pass.

    ``spec`` is the accepted spec that the objects are made from (None: nothing was ever accepted, and nothing is
    applied). ``route`` None leaves the VirtualService alone. ``remove`` names versions whose objects are deleted.
    ``requeue_after`` is in seconds.
    """

    status: Status
    spec: Spec | None = None
    versions: tuple[DesiredVersion, ...] = ()
    route: Route | None = None
    remove: tuple[str, ...] = ()
    events: tuple[Event, ...] = field(default=())
    requeue_after: float = 300.0


@dataclass(frozen=True, slots=True)
class Questions:
    """What a pass has to look at beyond the objects themselves (``core/needs.py``).

    ``spec`` is the one to go by, accepted where one was. ``samples`` asks for the metrics of the two versions;
    ``smoke`` names the version to probe; ``acceptance`` is a newest spec that has to be checked against the cluster;
    ``baseline`` asks for the stable version's past.
    """

    spec: Spec | None = None
    candidate: str | None = None
    stable: str | None = None
    samples: bool = False
    smoke: str | None = None
    acceptance: Spec | None = None
    baseline: bool = False
