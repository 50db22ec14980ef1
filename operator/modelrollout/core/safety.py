"""Must traffic leave the candidate now? Asked first in every pass, in every phase.

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
from modelrollout.core.assessment import Assessment
from modelrollout.core.plan import Reason
from modelrollout.core.turn import Turn


@dataclass(frozen=True, slots=True)
class Leave:
    """Traffic must leave the candidate. ``message`` speaks of it without its name, which stands in front of it;
    ``quarantine`` when the version itself is to blame."""

    reason: Reason
    message: str
    outcome: str = "RolledBack"
    quarantine: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """What the checks look at: the turn, the verdicts, and the command that came with this pass."""

    turn: Turn
    assessment: Assessment
    command: Command | None = None


Check = Callable[[Case], Leave | None]


def must_leave(case: Case) -> Leave | None:
    """The first reason for traffic to leave the candidate, or None."""
    return next((leave for check in CHECKS if (leave := check(case)) is not None), None)


def stranded(case: Case, leave: Leave) -> str | None:
    """Why the way back would lead nowhere: stable has no ready pod and the candidate has. A person's abort is obeyed
    all the same."""
    turn, stable = case.turn, case.turn.status.stable
    if leave.reason is Reason.ABORTED or stable is None or turn.weight == 0:
        return None
    if turn.workload(stable.version).ready > 0 or turn.workload(turn.candidate.version).ready == 0:
        return None
    return (
        f"no pod of {stable.version} is ready, so {turn.candidate.version} keeps its requests though: {leave.message}"
    )


def aborted(case: Case) -> Leave | None:
    """A person said so."""
    command, version = case.command, case.turn.candidate.version
    if command is None or command.verb is not Verb.ABORT or not command.is_for(version):
        return None
    note = f": {command.note}" if command.note else ""
    return Leave(Reason.ABORTED, f"aborted by a person{note}", outcome="Aborted")


def unwanted(case: Case) -> Leave | None:
    """The spec names another version now."""
    wanted, candidate = case.turn.spec.model.version, case.turn.candidate.version
    stable = case.turn.status.stable
    if wanted == candidate:
        return None
    if stable is not None and wanted == stable.version:
        message = f"the spec went back to {wanted}, which serves"
        return Leave(Reason.RETURNED_TO_STABLE, message, outcome="Aborted", quarantine=False)
    message = f"the spec names {wanted} now; that one starts when this one has drained"
    return Leave(Reason.SUPERSEDED, message, outcome="Superseded", quarantine=False)


def load_failed(case: Case) -> Leave | None:
    """The version cannot come up by itself: its fetcher or its server ended with an error.

    While it has traffic and still has ready pods, a single failing pod is left to the evidence.
    """
    workload = case.turn.workload(case.turn.candidate.version)
    if workload.failure is None or (case.turn.weight > 0 and workload.ready > 0):
        return None
    reason = Reason.FETCH_FAILED if workload.unfetched else Reason.LOAD_FAILED
    return Leave(reason, f"it cannot be served: {workload.failure}")


def changed(case: Case) -> Leave | None:
    """A pod fetched something else than the first one did: the same version is two models now."""
    turn, known = case.turn, case.turn.candidate.digest
    other = next((found for found in turn.workload(turn.candidate.version).digests if found != known), None)
    if other is None or known is None:
        return None
    message = f"its model changed at {turn.candidate.uri}: first {known}, now {other}"
    return Leave(Reason.DIGEST_CHANGED, message)


def lost(case: Case) -> Leave | None:
    """No ready pod while it has traffic. Where stable has none either, moving traffic would help nobody."""
    turn, stable = case.turn, case.turn.status.stable
    if turn.weight == 0 or stable is None or turn.workload(turn.candidate.version).ready > 0:
        return None
    if turn.workload(stable.version).ready == 0:
        return None
    return Leave(Reason.CANDIDATE_LOST, f"no pod of it is ready while it has {turn.weight} % of the requests")


def never_ready(case: Case) -> Leave | None:
    """It was given its time to load."""
    turn, release = case.turn, case.turn.release
    limit = turn.spec.serving.load_timeout
    if release.ready_at is not None or turn.now - release.started_at < limit:
        return None
    workload = turn.workload(turn.candidate.version)
    why = f": {workload.waiting}" if workload.waiting else ""
    return Leave(Reason.LOAD_TIMEOUT, f"not ready within loadTimeout {format_duration(limit)}{why}")


def proven_worse(case: Case) -> Leave | None:
    """The evidence against it reached its bound."""
    if case.assessment.against is None:
        return None
    return Leave(Reason.EVIDENCE_AGAINST, case.assessment.against)


def blind_too_long(case: Case) -> Leave | None:
    """Prometheus has been away for longer than the owner of the rollout wants to fly blind. Without requests to the
    candidate nothing is at stake, and the release just does not begin."""
    turn, since = case.turn, case.turn.release.blind_since
    analysis = turn.spec.analysis
    if since is None or analysis.on_blind is not BlindPolicy.ROLLBACK or turn.weight == 0:
        return None
    if turn.now - since < analysis.max_blind:
        return None
    return Leave(
        Reason.BLIND,
        f"{case.assessment.blind or 'no metrics'} for maxBlind "
        f"{format_duration(analysis.max_blind)}, and onBlind is Rollback",
    )


def undecided_too_long(case: Case) -> Leave | None:
    """A step could not be decided for as long as the owner wants to wait."""
    turn, since = case.turn, case.turn.release.hold_since
    analysis = turn.spec.analysis
    if since is None or analysis.on_timeout is not TimeoutPolicy.ROLLBACK or turn.now - since < analysis.max_hold:
        return None
    held = format_duration(analysis.max_hold)
    return Leave(Reason.UNDECIDED_TIMEOUT, f"undecided for maxHold {held}, onTimeout is Rollback")


CHECKS: tuple[Check, ...] = (
    aborted,
    unwanted,
    load_failed,
    changed,
    lost,
    never_ready,
    proven_worse,
    blind_too_long,
    undecided_too_long,
)
