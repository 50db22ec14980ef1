"""From a safe candidate to its next step: the strategy's move, made only when the candidate is ready and the evidence
allows it.

The guards are here and not in the strategies: readiness, a person's pause, blindness, suspicion, and the least
evidence that a rise needs. None of them lowers a weight; lowering is ``safety``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelrollout.api.analysis import BlindPolicy, TimeoutPolicy
from modelrollout.api.base import format_duration
from modelrollout.api.rollout import Spec
from modelrollout.api.status import Phase
from modelrollout.core import transitions
from modelrollout.core.assess import rebase
from modelrollout.core.assessment import Assessment
from modelrollout.core.plan import Reason
from modelrollout.core.strategies import strategy_of
from modelrollout.core.strategies.base import Enter, Fail, Hold, Move, Position, Probed, Switch
from modelrollout.core.turn import Turn

FRESH_TICKS = 3  # samples at a weight before the next: one or two may still hold answers given at the old weight
SMOKE_PAUSE_SECONDS = 2.0  # between two sets of smoke requests


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the pass came to, for people, and when the clock itself will change it."""

    phase: Phase
    message: str
    wake_at: float | None = None


Progress = tuple[Turn, Outlook]


def progress(turn: Turn, assessment: Assessment) -> Progress:
    """One pass of a release whose candidate may keep its traffic."""
    waiting = wait_for_model(turn)
    if waiting is not None:
        return waiting
    if turn.release.ready_at is None:
        turn = turn.change_release(ready_at=turn.now).say(
            Reason.MODEL_READY, f"{turn.candidate.version} is loaded and ready"
        )
    settled = (turn.release.ready_at or turn.now) + transitions.SETTLE_SECONDS
    if turn.now < settled:
        return turn, Outlook(Phase.PENDING, f"{turn.candidate.version} is ready; the mesh learns of it", settled)
    if turn.status.stable is None:
        return rest(transitions.promote(turn))
    return advance(turn, assessment)


def wait_for_model(turn: Turn) -> Progress | None:
    """Before its first request a version needs all its pods; later, lost pods only hold it where it is."""
    workload = turn.workload(turn.candidate.version)
    if workload.is_ready or turn.release.ready_at is not None:
        return None
    why = f": {workload.waiting}" if workload.waiting else ""
    deadline = turn.release.started_at + turn.spec.serving.load_timeout
    return turn, Outlook(Phase.PENDING, f"{workload.version} is being fetched and loaded{why}", deadline)


def advance(turn: Turn, assessment: Assessment) -> Progress:
    """The strategy's move, if nothing holds it."""
    if turn.status.paused:
        return turn, Outlook(Phase.PAUSED, turn.status.paused)
    if turn.seen.smoke is not None:
        turn = turn.change_release(last_smoke_at=turn.now)
    move = propose(turn, assessment)
    match move:
        case Hold():
            return hold(turn, move, assessment)
        case Fail():
            left = transitions.leave(turn, move.reason, move.message, outcome="RolledBack", quarantine=True)
            return rest(left)
        case Probed():
            return probed(turn, move)
        case Enter() | Switch():
            obstacle = guard(turn, assessment)
            return hold(turn, obstacle, assessment) if obstacle else make(turn, move)


def propose(turn: Turn, assessment: Assessment) -> Move:
    """What the strategy would do; in the bake, the end of it."""
    release = turn.release
    if release.bake_until is not None:
        over = release.approved_bake or turn.now >= release.bake_until
        return Switch("the bake is over") if over else Hold("bake: watched with all requests", release.bake_until)
    if release.promote_fully:
        return Switch("a person asked for it")
    smoke = turn.seen.smoke
    if timed_out(turn, TimeoutPolicy.PROMOTE):
        assessment = replace(assessment, proven=True)
    position = Position(turn.spec.strategy, turn.spec.analysis, release, turn.weight, turn.now, assessment, smoke)
    return strategy_of(turn.spec.strategy).next(position)


def guard(turn: Turn, assessment: Assessment) -> Hold | None:
    """Why the candidate may not get more requests yet, or None. A person's word stands above the evidence that is
    still missing, never above readiness."""
    workload = turn.workload(turn.candidate.version)
    owner = turn.seen.route.foreign_owner if turn.seen.route is not None else None
    if owner is not None:
        return Hold(f"held: the VirtualService of this name belongs to {owner}")
    newest = turn.rollout.spec
    if isinstance(newest, Spec) and newest.model.version != turn.candidate.version:
        return Hold(f"held: the spec names {newest.model.version} now, and cannot be accepted")
    refused = turn.seen.route.refused if turn.seen.route is not None else None
    if refused is not None:
        return Hold(f"held: the VirtualService is refused: {refused}")
    if not workload.is_ready:
        return Hold(f"held: {workload.ready} of {workload.desired} pods of {workload.version} are ready")
    if said_so(turn) or timed_out(turn, TimeoutPolicy.PROMOTE):
        return None
    if assessment.blind:
        return Hold(f"held: {assessment.blind}")
    if assessment.missed:
        return Hold(f"held: Prometheus gave no answer about {assessment.missed} just now", under_way=True)
    if assessment.hold:
        return Hold(f"held: {assessment.hold}")
    return guard_counts(turn, assessment)


def guard_counts(turn: Turn, assessment: Assessment) -> Hold | None:
    """A weight above 0 must have been seen working: enough requests, and samples that are all of this weight."""
    if turn.weight == 0:
        return None
    if assessment.no_traffic:
        return Hold(f"held: {assessment.no_traffic}")
    needed, required = turn.spec.analysis.min_requests, {m.name for m in turn.spec.analysis.metrics if m.required}
    counted = [item for item in turn.status.analysis if item.metric in required] or list(turn.status.analysis)
    least = (min(item.requests_at_weight for item in counted), min(item.ticks_at_weight for item in counted))
    if least[0] < needed or least[1] < FRESH_TICKS:
        stable = turn.status.stable.version if turn.status.stable and turn.weight < 100 else None
        compared = f" that can be compared with {stable}'s" if stable else ""
        return Hold(
            f"held: needs minRequests {needed} and {FRESH_TICKS} samples of {turn.candidate.version} at {turn.weight} %"
            + compared
        )
    return None


def said_so(turn: Turn) -> bool:
    """Whether a person asked for the step that is next."""
    release = turn.release
    if release.bake_until is not None:
        return release.approved_bake
    return release.promote_fully or (release.approved_step is not None and release.approved_step >= release.step_index)


def timed_out(turn: Turn, policy: TimeoutPolicy) -> bool:
    """Whether ``maxHold`` is over and the owner declared this policy for it."""
    since, analysis = turn.release.hold_since, turn.spec.analysis
    return since is not None and analysis.on_timeout is policy and turn.now - since >= analysis.max_hold


def hold(turn: Turn, why: Hold, assessment: Assessment) -> Progress:
    """The weights stay. An undecided step has its own clock (``maxHold``); waiting for a person, for requests, for
    Prometheus or for the step's own time is not being undecided."""
    undecided = not (why.approval or why.until or why.under_way or assessment.blind or assessment.no_traffic)
    if not undecided:
        turn = turn.change_release(hold_since=None, next_step_at=why.until)
    elif turn.release.hold_since is None:
        turn = turn.change_release(hold_since=turn.now, next_step_at=None)
        if turn.release.held_step != turn.release.step_index:  # said once for each step, however often it starts anew
            turn = turn.change_release(held_step=turn.release.step_index).say(Reason.STEP_HELD, why.message)
    if why.approval and turn.rollout.status.phase is not Phase.AWAITING_APPROVAL:
        turn = turn.say(Reason.AWAITING_APPROVAL, f"{turn.candidate.version}: {why.message}")
    return turn, Outlook(phase_of_hold(turn, why), describe_hold(turn, why, assessment), why.until)


def phase_of_hold(turn: Turn, why: Hold) -> Phase:
    """The word for a hold."""
    blind, analysis = turn.release.blind_since, turn.spec.analysis
    if why.approval:
        return Phase.AWAITING_APPROVAL
    if timed_out(turn, TimeoutPolicy.PAUSE):
        return Phase.PAUSED
    if blind is not None and analysis.on_blind is BlindPolicy.PAUSE and turn.now - blind >= analysis.max_blind:
        return Phase.PAUSED
    return Phase.BAKING if turn.release.bake_until is not None else Phase.PROGRESSING


def describe_hold(turn: Turn, why: Hold, assessment: Assessment) -> str:
    """The sentence for a hold: what cannot be seen is said whatever else holds, and the way out where there is one."""
    parts = [f"{turn.candidate.version} at {turn.weight} %: {why.message}"]
    unseen = assessment.blind or assessment.no_traffic
    if unseen is not None and unseen not in why.message:
        parts.append(unseen)
    if phase_of_hold(turn, why) is Phase.PAUSED and turn.release.blind_since is not None:
        limit = format_duration(turn.spec.analysis.max_blind)
        parts.append(f"paused after maxBlind {limit}: it goes on by itself when the metrics are back")
    if timed_out(turn, TimeoutPolicy.PAUSE):
        limit = format_duration(turn.spec.analysis.max_hold)
        parts.append(f"undecided for maxHold {limit}: modelrollout promote or abort")
    return "; ".join(parts)


def probed(turn: Turn, move: Probed) -> Progress:
    """A set of smoke requests came back."""
    attempts = turn.release.smoke_attempts + 1
    turn = turn.change_release(smoke_attempts=attempts, smoke_passed=move.passed)
    turn = turn.say(Reason.SMOKE_PASSED if move.passed else Reason.SMOKE_FAILED, move.message, not move.passed)
    wake_at = turn.now if move.passed else turn.now + SMOKE_PAUSE_SECONDS
    return turn, Outlook(Phase.PROGRESSING, f"{turn.candidate.version}: {move.message}", wake_at)


def make(turn: Turn, move: Enter | Switch) -> Progress:
    """The move itself."""
    if isinstance(move, Enter):
        return enter(turn, move)
    if turn.release.bake_until is not None:
        return rest(transitions.promote(turn))
    bake = strategy_of(turn.spec.strategy).bake(turn.spec.strategy)
    turn = rebase(turn) if turn.weight == 0 else turn
    switched = transitions.set_weight(turn, 100).say(
        Reason.SWITCHED, f"all requests go to {turn.candidate.version}: {move.message}"
    )
    if bake <= 0:
        return rest(transitions.promote(switched))
    until = turn.now + bake
    switched = switched.change_release(bake_until=until, next_step_at=until, hold_since=None)
    stable = turn.status.stable.version if turn.status.stable else "none"
    message = f"{turn.candidate.version} has all requests and is watched for {format_duration(bake)}; {stable} is warm"
    return switched, Outlook(Phase.BAKING, message, until)


def enter(turn: Turn, move: Enter) -> Progress:
    """Into the next step."""
    turn = rebase(turn) if turn.weight == 0 else turn
    entered = turn.change_release(step_index=move.step_index, step_started_at=turn.now, hold_since=None)
    if move.weight is not None and move.weight != turn.weight:
        entered = transitions.set_weight(entered, move.weight).say(
            Reason.WEIGHT_CHANGED, f"{turn.candidate.version}: {turn.weight} % -> {move.weight} %, {move.message}"
        )
    return entered, Outlook(
        Phase.PROGRESSING, f"{turn.candidate.version} at {entered.weight} %: {move.message}", turn.now
    )


def well(turn: Turn, wanted: str, draining: float | None) -> Outlook:
    """The version of the spec serves; unless all its pods are gone, which no other version can make good."""
    workload = turn.workload(wanted)
    known = turn.status.stable.digest if turn.status.stable else None
    other = next((digest for digest in workload.digests if known is not None and digest != known), None)
    if other is not None:
        message = f"a pod of {wanted} serves another model than the version was released with: {other}, not {known}"
        return Outlook(Phase.DEGRADED, message, draining)
    if workload.ready > 0:
        return Outlook(Phase.HEALTHY, f"{wanted} serves all requests", draining)
    why = workload.failure or workload.waiting
    return Outlook(Phase.DEGRADED, f"no pod of {wanted} is ready" + (f": {why}" if why else ""), draining)


def rest(turn: Turn) -> Progress:
    """No candidate is under judgement (any more)."""
    stable, wanted = turn.status.stable, turn.spec.model.version
    draining = max((item.drain_until for item in turn.status.retiring if item.drain_until > turn.now), default=None)
    if stable is not None and stable.version == wanted:
        return turn, well(turn, wanted, draining)
    serving = f"{stable.version} serves" if stable else "nothing serves"
    failed = next((item for item in reversed(turn.status.quarantined) if item.version == wanted), None)
    if failed is None:
        return turn, Outlook(Phase.PENDING, f"{serving}; {wanted} is next", draining)
    phase = Phase.ROLLING_BACK if draining else Phase.DEGRADED
    way_out = "Fix it as a new version, or say modelrollout retry"
    return turn, Outlook(phase, f"{serving}; {wanted} is quarantined: {failed.message}. {way_out}", draining)
