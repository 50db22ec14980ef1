"""The conditions, which Argo CD, Flux and ``kubectl wait`` look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from modelrollout.api.analysis import TimeoutPolicy
from modelrollout.api.status import Condition, Phase, Quarantined, Status, VersionStatus
from modelrollout.core.accept.acceptance import RESOLVED_REFS, is_accepted
from modelrollout.core.accept.missing import lacked
from modelrollout.core.judge.sight import silent_too_long
from modelrollout.core.observation import Refusal
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress.outlook import failed_versions, unrouted
from modelrollout.core.progress.timeout import timed_out
from modelrollout.core.report.drift import describe, foreign_owner
from modelrollout.core.validate import gate
from modelrollout.core.validate.finding import Verdict
from modelrollout.resource.rollout import SpecError

Fact = tuple[str, str, str, str]  # type, status, reason, message


def accepted(refusal: Refusal | None, unheeded: str | None = None) -> Fact:
    """Whether the newest spec is the one that is gone by, and what of it comes too late all the same."""
    if refusal is None:
        return "Accepted", "True", Reason.ACCEPTED, "; ".join(filter(None, ["the spec is in order", unheeded]))
    unchecked = refusal.reason is Reason.NOT_CHECKED
    return "Accepted", "Unknown" if unchecked else "False", refusal.reason, refusal.message


def resolved(state: Pass) -> list[Fact]:
    """Whether all that the spec names is there, as far as that was asked for, or is told by pods; as it was said last,
    while the answer is still to come."""
    found = lacking(state)
    if found:
        return [(RESOLVED_REFS, "False", found[0].reason, "; ".join(item.message for item in found))]
    if state.seen.unresolved is not None:
        return [(RESOLVED_REFS, "True", Reason.RESOLVED, "nothing that the spec names is known to be missing")]
    before = state.rollout.status
    if not is_accepted(before, state.rollout.generation):
        when = " when the spec is in order" if isinstance(state.rollout.spec, SpecError) else ""
        words = f"whether all that the spec names is there is asked{when}"
        return [(RESOLVED_REFS, "Unknown", Reason.NOT_CHECKED, words)]
    return [
        (item.type, item.status, item.reason, item.message) for item in before.conditions if item.type == RESOLVED_REFS
    ]


def lacking(state: Pass) -> list[Refusal]:
    """What the spec names and is not there, each once: what is waited for, and what was by those that were taken
    back."""
    return list({item.message: item for item in (*waited_for(state), *left(state))}.values())


def left(state: Pass) -> list[Refusal]:
    """What versions had waited for that were taken back."""
    found = (lacked(state.spec, state.rollout.namespace, item) for item in failed_versions(state))
    return [item for item in found if item is not None]


def waited_for(state: Pass) -> list[Refusal]:
    """What is not there now, by the cluster's answer, and by what pods wait for; not what takes a person's word, though
    it should come."""
    told = "; ".join(item.message for item in left(state))
    deployed = (state.control, *state.status.arms)
    by_pods = [state.workload(item.version).misnamed for item in deployed if item is not None]
    shut = state.seen.unreachable if state.spec.validate_only is None else None
    gateways = [shut] if shut is not None and shut.reason is Reason.REFERENCE_MISSING else []
    found = (*(state.seen.unresolved or ()), *filter(None, by_pods), *gateways)
    return list({item.message: item for item in found if item.message.partition('": ')[0] not in told}.values())


def progressing(state: Pass, phase: Phase, message: str) -> list[Fact]:
    """Ready, Progressing and Stalled."""
    ready = phase is Phase.HEALTHY
    stalled = phase in (Phase.DEGRADED, Phase.INVALID) or is_silent(state)
    moving = not (ready or stalled)
    reason = cause(state, phase)
    return [
        ("Ready", "True" if ready else "False", reason, message),
        ("Progressing", "True" if moving else "False", reason, message),
        ("Stalled", "True" if stalled else "False", reason, message),
    ]


def cause(state: Pass, phase: Phase) -> str:
    """Why it is so, in one word of ``Reason``; the phase itself where it says as much.

    A version that failed is what people look for first: the REASON column says why it did.
    """
    if phase in (Phase.ROLLING_BACK, Phase.DEGRADED):
        if failed := failed_versions(state):
            return failed[-1].reason
        answers = state.control is not None and state.workload(state.control.version).ready > 0
        if not answers:
            return Reason.STABLE_LOST
        if unrouted(state) is not None:
            return routed(state)[2]
        return Reason.GATEWAY if state.seen.unreachable is not None else Reason.PODS_MISSING
    if is_silent(state):
        return Reason.NO_TRAFFIC
    if any(arm.blind_since is not None for arm in state.status.arms):
        return Reason.BLIND
    if phase is Phase.PAUSED and not state.trial.paused and timed_out(state, TimeoutPolicy.PAUSE):
        return Reason.UNDECIDED_TIMEOUT
    return phase.value


def is_silent(state: Pass) -> bool:
    """Whether a release stands still because nobody has asked its candidate for as long as ``maxHold``."""
    return any(silent_too_long(state, arm) for arm in state.status.arms)


def routed(state: Pass) -> Fact:
    """Whether the live VirtualService is what was decided."""
    wanted, live = state.route, state.seen.route
    if wanted is None:
        alone = state.spec.validate_only is not None
        message = "nothing is routed: validateOnly" if alone else "no version can answer yet, so nothing is routed"
        return "TrafficApplied", "False", Reason.NOTHING_SERVES, message
    owner = foreign_owner(state)
    if owner is not None:
        message = f"the VirtualService of this name belongs to {owner}; delete it, and it is written anew"
        return "TrafficApplied", "False", Reason.FOREIGN_VIRTUAL_SERVICE, message
    if live is not None and live.refused is not None:
        return "TrafficApplied", "False", Reason.ROUTE_REFUSED, f"the VirtualService is refused: {live.refused}"
    if state.seen.scattered is not None:
        return "TrafficApplied", "False", Reason.MESH_FILTER_MISSING, state.seen.scattered
    if live is not None and live.route == wanted:
        if (shut := state.seen.unreachable) is not None:
            words = f"{describe(wanted)}, but callers do not reach it: {shut.message}"
            return "TrafficApplied", "False", Reason.GATEWAY, words
        return "TrafficApplied", "True", Reason.ROUTE_APPLIED, describe(wanted)
    return "TrafficApplied", "False", Reason.PROGRESSING, f"the route is being moved to {describe(wanted)}"


def analysed(state: Pass) -> Fact:
    """Whether the metrics can speak."""
    optional = {item.name for item in state.spec.analysis.metrics if not item.required}
    tests = [item for arm in state.status.arms for item in arm.metrics]
    tests = [item for item in tests if item.metric not in optional] or tests
    contest = state.status.trial.contest if state.status.trial is not None else None
    if contest is not None and contest.trouble is not None:
        return "AnalysisHealthy", "False", Reason.BLIND, f"{contest.metric}: {contest.trouble}"
    if not tests:
        return "AnalysisHealthy", "Unknown", Reason.HEALTHY, "no release is being judged"
    for verdict, reason in (
        ("Blind", Reason.BLIND),
        ("Invalid", Reason.INVALID_METRIC),
        ("NoTraffic", Reason.NO_TRAFFIC),
    ):
        words = list(dict.fromkeys(item.message for item in tests if item.verdict == verdict))
        if words:
            return "AnalysisHealthy", "False", reason, "; ".join(words)
    if broken := [item.broken for arm in state.status.arms for item in arm.shared if item.broken]:
        return "AnalysisHealthy", "False", Reason.SPLIT_BROKEN, "; ".join(broken)
    return "AnalysisHealthy", "True", Reason.HEALTHY, "every metric has fresh samples"


def validated(state: Pass) -> list[Fact]:
    """What the newest versions showed before any traffic. Nothing where nobody was asked."""
    by_reason = {item.reason: f"{item.version}: {item.message}" for item in failed_versions(state)}
    for status, reason in (("False", Reason.VALIDATION_FAILED), ("Unknown", Reason.VALIDATION_TIMEOUT)):
        if reason in by_reason:
            return [("Validated", status, reason, by_reason[reason])]
    if state.spec.validate_only is not None and (ended := _ended_alone(state)):
        return ended
    arms, first = state.status.arms, gate.is_first(state.spec, state.control)
    if not arms:
        return _shown([state.control] if state.control is not None else [])
    if not gate.asks_anything(state.spec.asked_before_traffic, first=first):
        return []
    waits = [words for arm in arms if (words := gate.waiting(state, arm)) is not None]
    if waits:
        held = any(arm.validation.held or arm.shadow.held for arm in arms)
        return [("Validated", "Unknown", Reason.VALIDATION_HELD if held else Reason.VALIDATING, "; ".join(waits))]
    return _shown(arms)


def _ended_alone(state: Pass) -> list[Fact]:
    """What came of a version that was only to be looked at; nothing while nothing has."""
    held = state.status.held(state.spec.model.version)
    if held is None:
        return []
    status = "False" if isinstance(held, Quarantined) else "True" if held.reason == Reason.VALIDATED else "Unknown"
    return [("Validated", status, held.reason, f"{held.version}: {held.message}")]


def _shown(versions: Sequence[VersionStatus]) -> list[Fact]:
    """Of versions that may have requests."""
    rows = [(known.version, item) for known in versions for item in known.validation.checks]
    words = "; ".join(f"{version}: {item.check}: {item.message}" for version, item in rows)
    verdicts = {item.verdict for _, item in rows}
    if not rows:
        return []
    if Verdict.REPORTED in verdicts:
        return [("Validated", "True", Reason.REPORTED, words)]
    if Verdict.UNKNOWN in verdicts:
        return [("Validated", "Unknown", Reason.NOT_CHECKED, words)]
    return [("Validated", "True", Reason.VALIDATED, words)]


def conditions(old: Status, generation: int, now: float, facts: list[Fact]) -> tuple[Condition, ...]:
    """The facts as conditions; the time of the last transition changes with the status alone."""
    before = {item.type: item for item in old.conditions}
    stamp = datetime.fromtimestamp(int(now), tz=UTC).isoformat().replace("+00:00", "Z")
    return tuple(
        Condition(
            type=kind,
            status=status,
            reason=str(reason),
            message=message,
            observed_generation=generation,
            last_transition_time=(
                before[kind].last_transition_time if kind in before and before[kind].status == status else stamp
            ),
        )
        for kind, status, reason, message in facts
    )
