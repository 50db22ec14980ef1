"""The moves of a trial as changes of the status: begin, enter, set the route, promote, leave.

Each is one function, used by whoever decides that it is time. No move can be half done: it is one new status.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.model import Model
from modelrollout.api.route import Route
from modelrollout.api.status import (
    Alpha,
    Arm,
    Quarantined,
    Retiring,
    Trial,
    VersionStatus,
)
from modelrollout.api.validation_status import LastValidation
from modelrollout.core.accept.acceptance import known_digest
from modelrollout.core.judge import ledger
from modelrollout.core.judge.assess import begin_counting_in
from modelrollout.core.judge.metric_state import NOTHING_COUNTED
from modelrollout.core.judge.shares import of_these_shares
from modelrollout.core.judge.splits import audiences
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import BEFORE_ANY_REQUEST, NOT_RELEASED, Reason
from modelrollout.core.progress.departures import NEVER_UP, record, retire, take_back, withheld, without_older

TAKEN_BACK = (
    Reason.ABORTED,
    Reason.CANDIDATE_LOST,
    Reason.FETCH_FAILED,
    Reason.LOAD_TIMEOUT,
    Reason.OBJECT_REFUSED,
    Reason.VALIDATION_TIMEOUT,
)  # without quarantine, where the version is not to blame
WITHHELD = (*TAKEN_BACK, Reason.NOT_CHOSEN, Reason.VALIDATED)  # and who was not the best, or was only to be looked
# at: none begins again by itself
QUARANTINE_LENGTH = 20
PARTICIPLE = {
    "RolledBack": "was rolled back",
    "Aborted": "was taken back",
    "TakenBack": "was taken back",
    "NotChosen": "was not chosen",
}
BEFORE_TRAFFIC = {  # there is nothing to roll back, or to take back
    "RolledBack": "failed",
    "TakenBack": NOT_RELEASED,
}
VALIDATED = {  # in the words of who only validates
    "RolledBack": "failed its validation",
    "TakenBack": "could not be validated",
    "Validated": "passed its validation",
}


def begin(state: Pass, models: Sequence[Model]) -> Pass:
    """A trial of these models starts: they are deployed, at weight 0."""
    total, control = state.spec.analysis.false_rollback, state.control
    _, alpha = ledger.alphas((), len(models), total)
    arms = tuple(_arm(state, model, alpha) for model in models)
    trial = Trial(
        started_at=state.now,
        epoch=int(state.now),
        strategy=state.strategy.name,
        arms=arms,
        route=Route.to(control.version) if control is not None else None,
        audience=audiences(state.spec)[0],
        alpha=Alpha(total=total, left=total, asked=total),
    )
    return _tell_of_start(
        state.change(trial=trial, last_analysis=(), last_validation=None, last_contest=None, last_segments=()), arms
    )


def enter(state: Pass, models: Sequence[Model]) -> Pass:
    """More arms come to a trial that is under way. The others sell them their part of alpha."""
    kept, alpha = ledger.alphas(state.trial.arms, len(models), state.trial.alpha.total)
    new = tuple(_arm(state, model, alpha).model_copy(update={"entered_at": state.now}) for model in models)
    state = state.for_each_arm(lambda arm: ledger.sold(arm, kept))
    return _tell_of_start(state.change_trial(arms=(*state.trial.arms, *new)), new)


def _arm(state: Pass, model: Model, alpha: float) -> Arm:
    """A version that was fetched before is pinned to what it was then: a version never changes."""
    digest = model.digest or known_digest(state.status, model.version)
    return Arm(version=model.version, uri=model.uri, digest=digest, pinned=digest, alpha=alpha)


def _tell_of_start(state: Pass, arms: Sequence[Arm]) -> Pass:
    if state.spec.validate_only is not None:
        return state.say(Reason.RELEASE_STARTED, f"validation of {arms[0].version} started; nothing is released")
    relation = "to replace" if state.strategy.judges else "beside"
    against = f", {relation} {state.control.version}" if state.control else ", the first version"
    for arm in arms:
        state = state.say(Reason.RELEASE_STARTED, f"release of {arm.version} started{against}")
    return state


def set_route(state: Pass, route: Route) -> Pass:
    """The route changes; what was counted at the old shares of an arm does not speak for its new ones."""
    before = state.route
    if route == before:
        return state
    names = {
        split.name for split in (*route.splits, *(before.splits if before is not None else ())) if not split.is_preview
    }
    state = state.change_trial(route=route, hold_since=None, held_for=0.0)
    for arm in state.trial.arms:
        old = {name: before.share(arm.version, name) if before is not None else 0 for name in names}
        new = {name: route.share(arm.version, name) for name in names}
        if old == new:
            continue
        begun = [name for name in sorted(names) if new[name] and not old[name]]
        state = begin_counting_in(state, arm.version, begun)
        state = state.change_arm(
            arm.version,
            weight_since=state.now,
            metrics=_recounted(state.arm(arm.version)),
            shared=of_these_shares(state, arm),
        )
    return state


def _recounted(arm: Arm) -> tuple[MetricStatus, ...]:
    return tuple(item.model_copy(update=NOTHING_COUNTED) for item in arm.metrics)


def keep_control(state: Pass, why: str) -> Pass:
    """The trial ends with the control that there was: every arm leaves, and none is to blame."""
    for arm in state.trial.arms:
        state = leave(state, arm.version, Reason.NOT_CHOSEN, why, outcome="NotChosen", quarantine=False)
    return state


def promote(state: Pass, version: str, goes_on: bool = False, why: str = "") -> Pass:
    """An arm becomes the control; the old one drains. No pod is touched: only the pointer moves.

    The other arms stay under trial when it ``goes_on``; otherwise they leave: ``why`` says what decided it. So does an
    old control that the spec names as well: it took part, and does not begin again by itself.
    """
    arm, old = state.arm(version), state.control
    reason, outcome = (Reason.PROMOTED, "Promoted") if old else (Reason.INSTALLED, "Installed")
    message = f"{version} serves all requests" + (f"; {old.version} drains" if old else "")
    if goes_on and old is not None:
        message = f"{version} takes the place of {old.version}, which drains"
    else:
        for other in state.trial.arms:
            if other.version != version:
                state = leave(state, other.version, Reason.NOT_CHOSEN, why, outcome="NotChosen", quarantine=False)
    state = _end(state, arm, outcome, reason, message)
    if old is not None and state.status.trial is not None and state.trial.route is not None:
        state = state.change_trial(route=state.trial.route.without(old.version, version))
    if old is not None:
        state = retire(without_older(state), old, keep=state.spec.rollback.keep_previous, reason=Reason.DRAINED)
        if state.strategy.competes and old.version in state.named:
            state = take_back(state, old, Reason.NOT_CHOSEN, why)
    kept = {name: getattr(arm, name) for name in VersionStatus.model_fields}
    return state.change(stable=VersionStatus(**kept | {"weight": 100})).say(reason, message)


def leave(state: Pass, version: str, reason: Reason, message: str, *, outcome: str, quarantine: bool) -> Pass:
    """Traffic leaves an arm at once, for the control; it drains and, when it failed, is quarantined. One that a person
    took back, or whose pods were taken away, does not begin again by itself either.

    The trial ends with its last arm.
    """
    arm = _as_fetched(state, state.arm(version), reason)
    keep = state.spec.rollback.keep_failed_for if quarantine else 0.0
    state = retire(state, arm, keep=keep, reason=reason)
    state = _end(state, arm, outcome, reason, message)
    if quarantine:
        failed = Quarantined(**withheld(state, arm, reason, message))
        state = state.change(quarantined=(*state.status.quarantined, failed)[-QUARANTINE_LENGTH:])
    elif reason in WITHHELD:
        state = take_back(state, arm, reason, message)
    participles = PARTICIPLE | (BEFORE_TRAFFIC if reason in BEFORE_ANY_REQUEST else {})
    participles |= VALIDATED if state.spec.validate_only is not None else {}
    words = f"{version} {participles.get(outcome, 'is out of traffic')}: {message}"
    return state.say(reason, words, warning=quarantine or reason in TAKEN_BACK)


def pass_by(state: Pass, arm: Arm) -> Pass:
    """The version showed what it had to, and that is all that was wanted of it."""
    shown = "; ".join(f"{item.check}: {item.message}" for item in arm.validation.checks)
    message = shown or "it is loaded and ready; nothing else was asked of it"
    return leave(state, arm.version, Reason.VALIDATED, message, outcome="Validated", quarantine=False)


def _as_fetched(state: Pass, arm: Arm, reason: Reason) -> Arm:
    """A version that did not come as far as that is remembered by what was measured of it, if anything was: what the
    spec declared may have been the very mistake."""
    if reason not in NEVER_UP or arm.ready_at is not None:
        return arm
    return arm.model_copy(update={"digest": state.workload(arm.version).digest})


def go_back(state: Pass, previous: Retiring, message: str) -> Pass:
    """After a promotion: the version before is the control again, as it was, and what it had given way to is retired.

    No pod is touched: only the pointer moves.
    """
    undone, seen = state.control, state.workload(previous.version)
    assert undone is not None
    state = state.change(
        retiring=tuple(item for item in state.status.retiring if item is not previous),
        taken_back=tuple(item for item in state.status.taken_back if item.version != previous.version),
    )
    state = retire(state, undone, keep=state.spec.rollback.keep_failed_for, reason=Reason.UNDONE)
    state = take_back(state, undone, Reason.UNDONE, message)
    state = record(state, undone, "Undone", Reason.UNDONE, message, started_at=_serves_since(state, undone.version))
    serves = VersionStatus(
        version=previous.version,
        uri=previous.uri,
        digest=previous.digest,
        pinned=seen.pinned,
        serving=previous.serving,
        weight=100,
        ready=f"{seen.ready}/{seen.desired}",
    )
    words = f"{undone.version} was {message}; {serves.version} serves all requests"
    return state.change(stable=serves).say(Reason.UNDONE, words, warning=True)


def _serves_since(state: Pass, version: str) -> float:
    """When it became the control, as far as the history goes back."""
    came = ("Installed", "Promoted")
    found = (
        item.ended_at for item in reversed(state.status.history) if item.version == version and item.outcome in came
    )
    return next(found, state.now)


def _end(state: Pass, arm: Arm, outcome: str, reason: Reason, message: str) -> Pass:
    """An arm's trial is over: what it was goes to the history, its verdicts stay to be read, its memory goes."""
    state = record(state, arm, outcome, reason, message, started_at=arm.entered_at or state.trial.started_at)
    verdicts = tuple(item.model_copy(update={"state": {}, "counters": {}}) for item in arm.metrics)
    state = state.change(last_analysis=verdicts)
    if outcome not in ("Promoted", "Installed"):
        shown = LastValidation(version=arm.version, checks=arm.validation.checks)
        state = state.change(last_validation=shown if shown.checks else None)
    others = tuple(item for item in state.trial.arms if item.version != arm.version)
    if not others:
        contest, segments = state.trial.contest, state.trial.segments
        told = to_be_read(contest) if contest is not None else None
        return state.change(trial=None, last_contest=told, last_segments=tuple(map(to_be_read, segments)))
    state = state.change_trial(arms=others)
    if outcome == "Promoted" or state.control is None or state.trial.route is None:
        return state
    return state.change_trial(route=state.trial.route.without(arm.version, state.control.version))


def to_be_read(contest: ContestStatus) -> ContestStatus:
    """What came of a contest that is over, without the memory of its tests."""
    return contest.model_copy(update={"state": {}, "counters": {}})
