"""Plan: what one pass wants the world to be. Values only; ``runtime/apply.py`` makes it so, in a safe order."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as checked_dataclass

from modelrollout.api.route import EVERYBODY, Route
from modelrollout.api.serving import Serving
from modelrollout.api.shadow import Shadow
from modelrollout.api.status import Status
from modelrollout.api.version import VERSION
from modelrollout.resource.spec import Spec


class Reason(StrEnum):
    """Why something happened: of Events, conditions and history. A closed list, so that it can be filtered."""

    INVALID_SPEC = "InvalidSpec"
    ACCEPTED = "Accepted"
    NOT_CHECKED = "NotChecked"
    GATEWAY = "GatewayNotReached"
    HOST_WITHOUT_SERVICE = "HostWithoutService"
    HOST_TAKEN = "HostTaken"
    FOREIGN_HOST = "ForeignHost"
    NAME_TOO_LONG = "NameTooLong"
    FOREIGN_VIRTUAL_SERVICE = "ForeignVirtualService"
    MESH_FILTER_MISSING = "MeshFilterMissing"
    MESH_FILTER_BACK = "MeshFilterBack"
    DIGEST_CHANGED = "DigestChanged"
    SCALE_UNDONE = "ScaleUndone"
    NEXT_VERSION = "HoldsForNextVersion"
    URI_CHANGED = "UriChanged"
    MODEL_MOVED = "ModelMoved"
    STRATEGY_CHANGED = "StrategyChanged"
    UNKNOWN_METRIC = "UnknownMetric"
    REFERENCE_MISSING = "ReferenceMissing"
    IMAGE_NOT_PULLED = "ImageNotPulled"
    RESOLVED = "Resolved"
    INVALID_METRIC = "InvalidMetric"
    OBJECT_REFUSED = "ObjectRefused"
    FILE_ROOT = "FileRootNotAllowed"
    RELEASE_STARTED = "ReleaseStarted"
    MODEL_READY = "ModelReady"
    INSTALLED = "Installed"
    WEIGHT_CHANGED = "WeightChanged"
    STEP_HELD = "StepHeld"
    AWAITING_APPROVAL = "AwaitingApproval"
    APPROVED = "Approved"
    PAUSED = "Paused"
    RESUMED = "Resumed"
    DOWNGRADE = "Downgrade"
    VALIDATED = "Validated"
    VALIDATING = "Validating"
    REPORTED = "Reported"
    VALIDATION_HELD = "ValidationHeld"
    VALIDATION_FAILED = "ValidationFailed"
    VALIDATION_TIMEOUT = "ValidationTimeout"
    SHADOWED = "Shadowed"
    SMOKE_PASSED = "SmokePassed"
    SMOKE_FAILED = "SmokeFailed"
    SWITCHED = "Switched"
    PROMOTED = "Promoted"
    RECALLED = "RecalledForComparison"
    NOT_TO_BLAME = "NotToBlame"
    NOT_CHOSEN = "NotChosen"
    EVIDENCE_AGAINST = "EvidenceAgainstCandidate"
    FETCH_FAILED = "FetchFailed"
    LOAD_FAILED = "LoadFailed"
    LOAD_TIMEOUT = "LoadTimeout"
    CANDIDATE_LOST = "CandidateLost"
    ABORTED = "Aborted"
    UNDONE = "Undone"
    SUPERSEDED = "Superseded"
    RETURNED_TO_STABLE = "ReturnedToStable"
    RETRIED = "Retried"
    BLIND = "Blind"
    SIGHT_RESTORED = "SightRestored"
    SPLIT_BROKEN = "SplitBroken"
    SPLIT_MENDED = "SplitMended"
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
    PODS_MISSING = "PodsMissing"
    COMMAND_IGNORED = "CommandIgnored"
    STATUS_LOST = "StatusLost"


BEFORE_ANY_REQUEST = (
    Reason.FETCH_FAILED,
    Reason.LOAD_FAILED,
    Reason.LOAD_TIMEOUT,
    Reason.OBJECT_REFUSED,
    Reason.VALIDATION_FAILED,
    Reason.VALIDATION_TIMEOUT,
    Reason.SMOKE_FAILED,
)
"""For what a version fails that nobody has asked: there is nothing to roll back, or to take back."""

NOT_RELEASED, TAKEN_BACK = "was not released", "was taken back"


def unblamed(reason: str) -> str:
    """What became of a version in words, where nobody says that it is to blame."""
    return NOT_RELEASED if reason in BEFORE_ANY_REQUEST else TAKEN_BACK


@dataclass(frozen=True, slots=True)
class Event:
    """A Kubernetes Event to be posted once the status is stored. Warnings are what a person should look at. Events of
    one reason and ``cause`` are one, counted up, with the newest message; without a cause, those of the same words."""

    reason: Reason
    message: str
    warning: bool = False
    cause: str = ""


@dataclass(frozen=True, slots=True)
class DesiredVersion:
    """One version that shall be deployed: its identity, and the splits in which it has a Service of its own. How it is
    served comes from the spec; once it is ``settled``, from when its pods were made, with the settings in ``serving``
    where those are not the spec's. ``replicas`` are its pods;
    where it is ``elastic``, those that it begins with, and the fewest that an autoscaler of ours may leave it."""

    version: str
    uri: str
    digest: str | None
    replicas: int
    splits: tuple[str, ...] = (EVERYBODY,)
    settled: bool = False  # its pods have come up, and stay as they are
    elastic: bool = False  # others decide how many pods it has
    serving: Serving | None = None


@dataclass(frozen=True, slots=True)
class DesiredComparer:
    """The comparer of a trial, to which copies of requests go: the versions whose answers it compares, and how.
    ``trial`` tells its counts from those of all others."""

    trial: str
    control: str
    arms: tuple[str, ...]
    settings: Shadow
    mirrors: bool = False  # it is there: copies may go to it


@checked_dataclass(frozen=True)
class Recovery:
    """What is needed to find the way back when the status is lost. It is written beside the route, and read again
    whatever has become of it meanwhile: a note that does not fit is none.

    ``control`` is the version that serves, with its ``uri`` and the digest that its pods were made with; ``route`` the
    one that was decided, ``arms`` the others in it and under trial; ``alpha`` the chance of a false rollback that a
    trial begun anew may spend; ``failed`` the versions in quarantine; ``taken_back`` those that a person took back,
    None when there are none, so that notes of operators that did not know of it stay as they are; ``not_chosen`` those
    that took part in a test and were not the best, likewise; ``previous`` the
    version before, while it is kept after a promotion; ``paused`` why arms are held, by version; ``spec`` the one that
    the arms are judged by, as JSON, for the day on which the newest is refused besides.
    """

    control: Annotated[str, VERSION]
    arms: tuple[Annotated[str, VERSION], ...] = ()
    alpha: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    uri: str | None = None
    pinned: str | None = None
    route: Route | None = None
    failed: tuple[Annotated[str, VERSION], ...] = ()
    taken_back: tuple[Annotated[str, VERSION], ...] | None = None
    not_chosen: tuple[Annotated[str, VERSION], ...] | None = None
    previous: Annotated[str, VERSION] | None = None
    paused: dict[str, str] | None = None
    spec: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome of one pass.

    ``spec`` is the accepted spec that the objects are made from (None: nothing was ever accepted, and nothing is
    applied). ``route`` None leaves the VirtualService alone; ``recovery`` goes with it. ``remove`` names versions whose
    objects are deleted. ``at_rest``: nothing is under trial and nothing drains, so that Services of splits that no
    version needs any more may go. ``comparer`` is wanted while arms are in the shadow. ``answered`` is the text of a
    person's command that is done with once the status is stored. ``requeue_after`` is in seconds; so is
    ``wake_after``: when the clock alone will change something, even if nothing that can be seen does.
    """

    status: Status
    spec: Spec | None = None
    versions: tuple[DesiredVersion, ...] = ()
    route: Route | None = None
    recovery: Recovery | None = None
    remove: tuple[str, ...] = ()
    at_rest: bool = False
    events: tuple[Event, ...] = field(default=())
    comparer: DesiredComparer | None = None
    answered: str | None = None
    requeue_after: float = 300.0
    wake_after: float = 300.0

    @property
    def epoch(self) -> int:
        """That of the trial, 0 at rest."""
        return self.status.trial.epoch if self.status.trial is not None else 0


@dataclass(frozen=True, slots=True)
class Questions:
    """What a pass has to look at beyond the objects themselves (``core/accept/questions.py``).

    ``spec`` is the one to go by, accepted where one was. ``control`` and ``arms`` are versions. ``splits`` asks for the
    metrics of these versions in these splits; ``validation`` names the arms whose servers are to be asked before any
    traffic, ``smoke`` those to probe through the mesh; ``shadow`` the comparer that is asked; ``acceptance`` is
    a newest spec that has to be checked against the cluster, ``references`` one of which it is asked whether all
    that it names is there; ``baseline`` asks for the control's past, ``delays_since`` for how late rewards came since.
    """

    spec: Spec | None = None
    control: str | None = None
    arms: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    smoke: tuple[str, ...] = ()
    shadow: str | None = None
    acceptance: Spec | None = None
    references: Spec | None = None
    baseline: bool = False
    delays_since: float | None = None

    @property
    def samples(self) -> bool:
        """Whether metrics are asked for."""
        return self.control is not None and bool(self.arms) and bool(self.splits)
