"""``ModelRollout.status`` as types: all that survives a restart, and all that a person reads first.

Times are RFC 3339 strings in UTC with milliseconds where a person reads them; the trial's own clock (``Trial``,
``Retiring``) uses the same form, so that ``kubectl get -o yaml`` can be read during an incident.

The version that serves and against which all others are judged is the control; people read of it as ``stable``. A
version under trial is an arm.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from modelrollout.api.base import LATEST, StatusModel, Timestamp
from modelrollout.api.contest_status import ContestStatus, Stakes, ValueStatus
from modelrollout.api.metric_status import MetricStatus, Side
from modelrollout.api.route import EVERYBODY, Route, Share
from modelrollout.api.signature import Signature
from modelrollout.api.validation_status import LastValidation, ShadowStatus, SmokeStatus, ValidationStatus
from modelrollout.api.version import VERSION

Chance = Annotated[float, Field(gt=0, lt=0.5)]
"""Of a false rollback."""


class Phase(StrEnum):
    """Where the rollout is. One word for a person, an Argo CD health check, a `wait`."""

    PENDING = "Pending"  # a version is fetched and loaded; it has no traffic yet
    VALIDATING = "Validating"  # it is loaded, and is looked at before its first request
    SHADOWING = "Shadowing"  # copies of users' requests are replayed to it, and its answers are compared
    PROGRESSING = "Progressing"  # the candidate has traffic, or is about to
    PAUSED = "Paused"  # a person or a policy holds the weights
    AWAITING_APPROVAL = "AwaitingApproval"  # a step waits for `promote`
    BAKING = "Baking"  # the candidate has (nearly) all traffic, the old version is still warm
    HEALTHY = "Healthy"  # the version of the spec serves
    ROLLING_BACK = "RollingBack"  # the candidate has no traffic any more and drains
    DEGRADED = "Degraded"  # stable serves, but it is not the version of the spec
    INVALID = "Invalid"  # the spec was not accepted


class Alpha(StatusModel):
    """The ledger of one trial: the chance of a false rollback that its owner allowed when it began, and what is left.

    Looking costs: evidence for a version uses up what could be spent against it. What is left is never raised, whatever
    is edited or begun anew meanwhile. A ledger that is lost with the status is another's: half of it (``Recovery``).
    """

    total: Chance = 0.01
    left: Annotated[float, Field(ge=0, lt=0.5)] = 0.01
    asked: Chance | None = None  # analysis.falseRollback as the spec had it when the trial began


class VersionStatus(StatusModel):
    """One version that is deployed."""

    version: Annotated[str, VERSION]
    uri: str
    digest: str | None = None  # as measured at the first fetch, or as the spec declares it
    pinned: str | None = None  # the digest that the spec declared at the start; part of the pods, so it never changes
    weight: Share = 0  # the largest share that it has of any requests, percent
    ready: str = "0/0"
    message: str | None = None  # why it is not ready: the fetcher's or the server's own words
    missing_since: Timestamp | None = None  # of stable: since when not all of its pods are ready and as they are wanted
    signatures: dict[str, Signature] | None = None  # as its server told them; None: not known, or too large to keep
    validation: ValidationStatus = ValidationStatus()
    serving: dict[str, Any] | None = None  # spec.serving as its pods were made with, where that is not the spec's


class Recall(StatusModel):
    """Why an arm has no requests for now, though nothing is held against it yet: it was judged alone, and whether its
    fault is stable's as well can only be seen with the requests back at stable."""

    at: Timestamp  # when the requests went back
    route: Route  # where they go again if it was not to blame
    metric: str
    split: str
    candidate: Side  # what it had answered while things looked bad
    record: Annotated[float, Field(gt=0, lt=1)]  # the rate of bad answers that stable's record allows
    message: str  # that in words, with both numbers
    looks: int = 0  # since stable showed the same fault: how often it was looked at whether that is over
    looked_at: Timestamp | None = None  # the last time
    over: bool = False  # nothing is held against the arm any more: it gets its requests again


class SharedStatus(StatusModel):
    """Whether the requests go where the shares say, in one split that an arm has in common with stable."""

    split: str
    broken: str | None = None  # that they surely do not, with both numbers
    state: tuple[float, ...] = ()  # the test's own numbers


class Arm(VersionStatus):
    """A version under trial, with everything that is known of it."""

    entered_at: Timestamp | None = None  # when it came to a trial that had begun before
    ready_at: Timestamp | None = None
    recipe: str | None = None  # hash of what it is made from, until it has come up
    corrected_at: Timestamp | None = None  # when that was corrected last: its time to load counts from then
    fails_at: Timestamp | None = (
        None  # until when it waits for an image, a node, a volume, or is held before any traffic
    )
    load_seconds: Annotated[float, Field(ge=0, le=LATEST)] | None = None  # of the slowest server, when it came up
    weight_since: Timestamp | None = None  # the last change of any of its shares
    blind_since: Timestamp | None = None
    silent_since: Timestamp | None = None  # since when nobody has asked it, though it has a share
    seen: tuple[str, ...] = ()  # the splits in which it had its least evidence at a share between 0 and 100
    shared: tuple[SharedStatus, ...] = ()  # whether the requests go where the shares say
    paused: str | None = None  # why its shares are held: a person's word or a policy's
    shadow: ShadowStatus = ShadowStatus()
    smoke: SmokeStatus = SmokeStatus()
    recall: Recall | None = None  # out of traffic until stable has shown whether the fault is its own
    recalls: Annotated[int, Field(ge=0)] = 0  # how often that was so
    alpha: Chance = 0.01  # its part of the trial's chance of a false rollback
    metrics: tuple[MetricStatus, ...] = ()


class Trial(StatusModel):
    """What is remembered of the release under way, from the first deployment of its arms to its end."""

    started_at: Timestamp
    epoch: Annotated[int, Field(ge=0)] = 0  # names the time since the last change of shares; 0: nobody has named it
    strategy: str
    arms: tuple[Arm, ...] = Field(min_length=1)
    route: Route | None = None  # as decided; None before any version serves
    audience: str = EVERYBODY  # the split that the strategy moves: "matched" first where the spec has a match
    memory: dict[str, Any] = Field(default_factory=dict)  # the strategy's own
    step: str | None = None  # what is held now: the content of the step, by which it is approved
    approved: str | None = None  # the step that a person said to go on from
    approved_share: Annotated[Share, Field(ge=0, le=100)] | None = None  # and the largest share, percent, that followed
    approved_end: bool = False  # and whether that was the end of the release
    waiting: str | None = None  # the step that no clock will end: it waits for a person, for proof or for requests
    waiting_since: Timestamp | None = None
    winner: str | None = None  # it came through the matched requests and waits to be seen with all of them
    promote_fully: bool = False  # a person asked to skip all that is left
    next_step_at: Timestamp | None = None  # when the clock of the step ends
    hold_since: Timestamp | None = None  # since when the step could have gone on but could not be decided
    held_for: Annotated[float, Field(ge=0, le=LATEST)] = 0.0  # seconds that it could not be decided before that
    held: str | None = None  # the step that an Event said is held
    stopped_since: Timestamp | None = None  # the clock of the steps stands still: nothing can be seen
    stopped_for: Annotated[float, Field(ge=0, le=LATEST)] = 0.0  # seconds that it stood still before
    alpha: Alpha = Alpha()
    contest: ContestStatus | None = None  # who earns more, where arms compete by a reward
    segments: tuple[ContestStatus, ...] = ()  # the same of every other split in which they compete for themselves
    stakes: tuple[Stakes, ...] = ()  # of every split that ever had a test
    value: ValueStatus | None = None  # what shares by segment were worth

    def stood_still(self, now: float) -> float:
        """Seconds that the clock of the steps stood still until ``now``."""
        since = self.stopped_since
        return self.stopped_for + (max(0.0, now - since) if since is not None else 0.0)

    @property
    def paused(self) -> str | None:
        """Why nothing moves, when all arms are paused."""
        reasons = dict.fromkeys(arm.paused for arm in self.arms)
        if not all(reasons):
            return None
        return (
            self.arms[0].paused if len(reasons) == 1 else "; ".join(f"{arm.version}: {arm.paused}" for arm in self.arms)
        )

    def arm(self, version: str) -> Arm | None:
        """The arm of this version."""
        return next((arm for arm in self.arms if arm.version == version), None)


class Retiring(StatusModel):
    """A version without traffic that is still deployed: it drains, then its pods go."""

    version: Annotated[str, VERSION]
    uri: str
    digest: str | None = None
    drain_until: Timestamp  # no release starts before this
    remove_at: Timestamp  # its objects are deleted then
    reason: str = ""
    serving: dict[str, Any] | None = None  # as of one that is deployed
    wanted_at: Timestamp | None = None  # since when the spec wants it back, while its pods are waited for


class Withheld(StatusModel):
    """A version that gets no release, though the spec may name it."""

    version: Annotated[str, VERSION]
    digest: str | None = None
    reason: str
    message: str
    at: Timestamp
    tried: str | None = None  # hash of what the spec said of it, where another word of the spec may help


class Quarantined(Withheld):
    """A version that failed, or that a person holds to blame. It gets no release until `retry`."""


class TakenBack(Withheld):
    """A version that was taken back and is not held to blame: by a person, or because its pods were taken away. It gets
    no release until `retry`, or until the spec names it anew, after another one."""


class HistoryEntry(StatusModel):
    """The end of one release."""

    version: str
    digest: str | None = None
    outcome: str  # Installed Promoted RolledBack TakenBack Superseded Aborted Undone NotChosen Validated
    reason: str
    message: str = ""
    started_at: Timestamp
    ended_at: Timestamp


class Identity(StatusModel):
    """What a version was: it is no other model ever after, when its history is forgotten, too."""

    version: Annotated[str, VERSION]
    digest: str


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
    trial: Trial | None = None
    candidates: str | None = None  # the versions under trial, for the printer column
    weights: str | None = None  # theirs, in percent and in the same order, for the printer column
    step: str | None = None  # "2/5", for the printer column
    strategy: str | None = None
    last_contest: ContestStatus | None = None  # what came of the test that ended last, to be read
    last_segments: tuple[ContestStatus, ...] = ()
    last_analysis: tuple[MetricStatus, ...] = ()  # the verdicts of the release that ended last, to be read
    last_validation: LastValidation | None = None  # what the version that left last had shown before any traffic
    retiring: tuple[Retiring, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    taken_back: tuple[TakenBack, ...] = ()  # not to blame, and still named by the spec
    history: tuple[HistoryEntry, ...] = ()
    identities: tuple[Identity, ...] = ()  # of the versions that came to an end here, the newest last
    last_command: str | None = None  # the last command annotation that was read
    command_ignored: str | None = None  # why nothing came of it, if so
    command_gone: bool = False  # its annotation was taken away since: the same text there is a new command
    accepted_spec: dict[str, Any] | None = None  # what a release is judged by while a newer spec is invalid
    conditions: tuple[Condition, ...] = ()

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The versions under trial."""
        return self.trial.arms if self.trial is not None else ()

    @property
    def withheld(self) -> tuple[Withheld, ...]:
        """The versions that get no release."""
        return (*self.quarantined, *self.taken_back)

    def is_new(self, command: str | None) -> bool:
        """Whether a command annotation has not been carried out yet."""
        return bool(command) and (self.command_gone or command != self.last_command)

    def held(self, version: str | None) -> Withheld | None:
        """Why a version gets no release, by what was said of it last; None where it may have one."""
        return next((item for item in reversed(self.withheld) if item.version == version), None)

    @property
    def not_chosen(self) -> tuple[TakenBack, ...]:
        """The versions that took part in a test and were not the best: nothing is wrong with them."""
        return tuple(item for item in self.taken_back if item.reason == "NotChosen")

    @property
    def previous(self) -> Retiring | None:
        """The version that the control took the place of last, while its pods are kept."""
        return next((item for item in reversed(self.retiring) if item.reason == "Drained"), None)

    def arm(self, version: str) -> Arm | None:
        """The version under trial of this name."""
        return self.trial.arm(version) if self.trial is not None else None
