"""Must traffic leave an arm now? Asked of every arm first in every pass, in every phase.

Nothing that could fail on the way to progress stands in front of these questions: not the acceptance of a new spec,
not the metrics, not a pause, not an approval. Each check is a function from what is known to a ``Leave`` or None, and
the first that answers wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelrollout.api.analysis import BlindPolicy, TimeoutPolicy
from modelrollout.api.base import format_duration
from modelrollout.api.command import Command, Verb
from modelrollout.api.status import Arm
from modelrollout.core.judge import blame
from modelrollout.core.judge.assessment import Assessment
from modelrollout.core.judge.sight import unseen_too_long
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress.load_time import load_ends
from modelrollout.core.progress.timeout import timed_out
from modelrollout.core.validate import gate

LEAST_SAMPLES = 3  # of the control, before a fault is said to have left with an arm: it may flicker


@dataclass(frozen=True, slots=True)
class Leave:
    """Traffic must leave an arm. ``message`` speaks of it without its name, which stands in front of it;
    ``quarantine`` when the version itself is to blame."""

    reason: Reason
    message: str
    outcome: str = "RolledBack"
    quarantine: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """What the checks look at: the pass, the arm, the verdicts on it, and the command that came with this pass."""

    state: Pass
    arm: Arm
    assessment: Assessment
    command: Command | None = None

    @property
    def weight(self) -> float:
        """The largest share that the arm has of any requests, percent."""
        return self.state.weight(self.arm.version)


Check = Callable[[Case], Leave | None]


def must_leave(case: Case) -> Leave | None:
    """The first reason for traffic to leave the arm, or None."""
    return next((leave for check in CHECKS if (leave := check(case)) is not None), None)


def stranded(case: Case, leave: Leave) -> str | None:
    """Why the way back would lead nowhere: the control has no ready pod and the arm has. A person's abort is obeyed
    all the same."""
    state, control, version = case.state, case.state.control, case.arm.version
    if leave.reason is Reason.ABORTED or control is None or case.weight == 0:
        return None
    if state.workload(control.version).ready > 0 or state.workload(version).ready == 0:
        return None
    return f"no pod of {control.version} is ready, so {version} keeps its requests though: {leave.message}"


def aborted(case: Case) -> Leave | None:
    """A person said so."""
    command = case.command
    if command is None or not command.verb.aborts or not command.is_for(case.arm.version):
        return None
    note, to_blame = f": {command.note}" if command.note else "", command.verb is Verb.ABORT_QUARANTINE
    return Leave(Reason.ABORTED, f"aborted by {command.who}{note}", outcome="Aborted", quarantine=to_blame)


def unwanted(case: Case) -> Leave | None:
    """The spec names other versions now."""
    state = case.state
    wanted = state.named
    if case.arm.version in wanted:
        return None
    control = state.control.version if state.control is not None else None
    if wanted == (control,):
        message = f"the spec went back to {control}, which serves"
        return Leave(Reason.RETURNED_TO_STABLE, message, outcome="Aborted", quarantine=False)
    known = {control, *(arm.version for arm in state.status.arms)}
    if new := [version for version in wanted if version not in known]:
        previous = state.status.previous
        goes_back = previous is not None and new == [previous.version]
        follows = "which was there before" if goes_back else "that one starts when this one has drained"
        message = f"the spec names {' and '.join(new)} now; {follows}"
    else:
        message = "the spec does not name it any more"
    return Leave(Reason.SUPERSEDED, message, outcome="Superseded", quarantine=False)


def load_failed(case: Case) -> Leave | None:
    """The version cannot come up by itself: its fetcher or its server says so, or its server ends again and again.

    While it has traffic and still has ready pods, a single failing pod is left to the evidence; and one that had come
    up and has lost them all is lost, whatever its last words were. What had been fetched once is there: a store that
    is away when a pod moves is waited for. One that is away for all the time that a first fetch has is nobody's fault.
    """
    workload = case.state.workload(case.arm.version)
    if workload.failure is None or (case.weight > 0 and workload.ready > 0) or lost(case) is not None:
        return None
    if is_shared(case) or (workload.unfetched and case.arm.ready_at is not None):
        return None
    message = f"it cannot be served: {workload.failure}"
    if workload.store_away:
        return Leave(Reason.FETCH_FAILED, message, outcome="TakenBack", quarantine=False)
    return Leave(Reason.FETCH_FAILED if workload.unfetched else Reason.LOAD_FAILED, message)


def is_shared(case: Case) -> bool:
    """Whether the control fares no better, so that the fault is in what both stand on. What an arm that never came up
    says of its model is its own all the same: it may be what was to replace a control that crashes."""
    state, control = case.state, case.state.control
    if control is None or state.workload(control.version).ready > 0:
        return False
    says_so = state.workload(case.arm.version).of_model and case.arm.ready_at is None
    return state.workload(control.version).failure is not None and not says_so


def changed(case: Case) -> Leave | None:
    """A pod fetched something else than the first one did: the same version is two models now. Pods that were made for
    another digest than the spec declares now are about to go."""
    arm, known, workload = case.arm, case.arm.digest, case.state.workload(case.arm.version)
    other = next((found for found in workload.digests if found != known), None)
    if other is None or known is None or (arm.ready_at is None and workload.pinned != arm.pinned):
        return None
    return Leave(Reason.DIGEST_CHANGED, f"its model changed at {arm.uri}: first {known}, now {other}")


def loads_too_long(case: Case) -> Leave | None:
    """Its server has had more time than it may take, and is not there yet: nobody has to wait for the end of it."""
    state, arm, limit = case.state, case.arm, case.state.spec.asked_before_traffic.infrastructure.max_load_time
    since = state.workload(arm.version).loading_since
    if limit is None or arm.ready_at is not None or arm.paused or since is None or is_shared(case):
        return None
    lasted = state.now - since
    if lasted <= limit:
        return None
    message = f"it has not loaded {lasted:.0f} s after its server was started, maxLoadTime is {format_duration(limit)}"
    return Leave(Reason.VALIDATION_FAILED, f"{message}; no request reached it")


def not_fit(case: Case) -> Leave | None:
    """What it showed before any traffic speaks against it."""
    why = gate.failure(case.state, case.arm)
    return Leave(Reason.VALIDATION_FAILED, f"{why}; no request reached it") if why is not None else None


def never_validated(case: Case) -> Leave | None:
    """Nobody could find out whether it is fit, for as long as a version may take to load, its answers may be unseen, or
    what they show may decide nothing: no fault of the model, and no pass either. A person's pause stops that clock."""
    state, arm = case.state, case.arm
    why, held, ends = gate.waiting(state, arm), arm.validation.held, gate.ends_at(state, arm)
    if why is None or arm.paused or arm.ready_at is None or ends is None or state.now < ends:
        return None
    limit = format_duration(state.spec.serving.load_timeout)
    message = f"not validated within loadTimeout {limit} of being ready: {held or 'its server was not asked'}"
    if gate.is_asked(state, arm):
        message = _unknown_in_the_shadow(state, arm)
    return Leave(Reason.VALIDATION_TIMEOUT, message, outcome="TakenBack", quarantine=False)


def _unknown_in_the_shadow(state: Pass, arm: Arm) -> str:
    """Nothing could be seen, or what could be seen decides nothing."""
    if arm.shadow.held_since is None:
        held, open_rows = format_duration(state.spec.analysis.max_hold), gate.open_in_shadow(arm)
        return (
            f"in the shadow it was undecided for maxHold {held} after its time whether it keeps to what is allowed: "
            f"{open_rows}; allow more, compare more, or release another model"
        )
    limit = format_duration(gate.longest_unseen(state, arm))
    name = "loadTimeout" if arm.shadow.since is None else "maxBlind"
    return f"its answers could not be compared in the shadow for {name} {limit}: {arm.shadow.message}"


def smoke_failed(case: Case) -> Leave | None:
    """Its smoke requests failed as often as is allowed."""
    state, smoke = case.state, case.arm.smoke
    check = state.strategy.smoke(state.settings)
    if check is None or smoke.passed or smoke.attempts < check.requests.attempts:
        return None
    tried = f"attempt {smoke.attempts} of {check.requests.attempts}"
    return Leave(Reason.SMOKE_FAILED, f"{smoke.failed or 'its smoke requests failed'} ({tried}); it gets no requests")


def lost(case: Case) -> Leave | None:
    """No ready pod while it has traffic. Where the control has none either, moving traffic would help nobody.

    Traffic leaves whatever the cause. To blame is who cannot come up by itself: pods that were taken away (a node that
    is drained, an eviction, a `kubectl delete`) say nothing of its model, and a server that ended once may have shared
    that with its node.
    """
    state, control, workload = case.state, case.state.control, case.state.workload(case.arm.version)
    if case.weight == 0 or control is None or workload.ready > 0 or state.workload(control.version).ready == 0:
        return None
    message = f"no pod of it is ready while it has {case.weight} % of the requests"
    if workload.failure is not None and not workload.unfetched:
        return Leave(Reason.CANDIDATE_LOST, f"{message}: {workload.failure}")
    why = f"{workload.failure or workload.waiting or 'they do not answer'}; once is not held against it"
    if workload.displaced:
        why = "its pods were taken away, by a node that was drained or by somebody, which is no fault of the model"
    elif (before := state.rollout.status.stable) is not None and before.missing_since is not None:
        why = f"pods of {control.version} were missing as well and are back first, which is no fault of the model"
    return Leave(Reason.CANDIDATE_LOST, f"{message}: {why}", outcome="TakenBack", quarantine=False)


def never_ready(case: Case) -> Leave | None:
    """It was given its time to load.

    It is to blame only for its own time. What no node has room for, or waits for an image or a volume, or is not taken
    by the API server, is taken back.
    """
    state, arm = case.state, case.arm
    workload, limit = state.workload(arm.version), state.spec.serving.load_timeout
    if arm.ready_at is not None or state.now < load_ends(state, arm):
        return None
    why = f": {workload.waiting}" if workload.waiting else ""
    message = f"not ready within loadTimeout {format_duration(limit)}{why}"
    if workload.refused:
        return Leave(Reason.OBJECT_REFUSED, message, outcome="TakenBack", quarantine=False)
    if workload.at_work_since is None or is_shared(case):
        return Leave(Reason.LOAD_TIMEOUT, message, outcome="TakenBack", quarantine=False)
    return Leave(Reason.LOAD_TIMEOUT, message)


def proven_worse(case: Case) -> Leave | None:
    """The evidence against it reached its bound."""
    if case.assessment.against is None or case.arm.recall is not None:
        return None
    return Leave(Reason.EVIDENCE_AGAINST, case.assessment.against)


def to_blame(case: Case) -> Leave | None:
    """It looked bad alone, and the fault left with it: the control that has the requests now does not show it."""
    state, taken = case.state, case.arm.recall
    if taken is None or taken.looks or state.now - taken.at < LEAST_SAMPLES * state.seen.scrape_interval:
        return None
    odds = blame.odds_of_the_same_fault(state, case.arm)
    if odds is None or odds > -blame.SURE:
        return None
    return Leave(Reason.EVIDENCE_AGAINST, f"{taken.message}; without it {blame.shown(state, case.arm)}")


def blind_too_long(case: Case) -> Leave | None:
    """Prometheus has been away for longer than the owner of the rollout wants to fly blind. Without requests to the
    arm nothing is at stake, and the release just does not begin."""
    analysis = case.state.spec.analysis
    if analysis.on_blind is not BlindPolicy.ROLLBACK or case.weight == 0 or not unseen_too_long(case.state, case.arm):
        return None
    return Leave(
        Reason.BLIND,
        f"{case.assessment.blind or 'no metrics'} for maxBlind "
        f"{format_duration(analysis.max_blind)}, and onBlind is Rollback",
    )


def undecided_too_long(case: Case) -> Leave | None:
    """A step could not be decided for as long as the owner wants to wait."""
    if not timed_out(case.state, TimeoutPolicy.ROLLBACK):
        return None
    held = format_duration(case.state.spec.analysis.max_hold)
    return Leave(Reason.UNDECIDED_TIMEOUT, f"undecided for maxHold {held}, onTimeout is Rollback")


CHECKS: tuple[Check, ...] = (
    aborted,
    unwanted,
    load_failed,
    changed,
    loads_too_long,
    not_fit,
    never_validated,
    smoke_failed,
    lost,
    never_ready,
    proven_worse,
    to_blame,
    blind_too_long,
    undecided_too_long,
)
