"""A status that was lost is made anew from the cluster: who serves, who is under trial, and who failed before.

The note that every route carries (``plan.Recovery``) knows best, and the route in it: what somebody edited meanwhile is
drift. Without a note, the live route's weights tell. A version that is found this way is never promoted for it, and the
control is never removed: an arm goes on being judged from the beginning.
"""

from __future__ import annotations

from modelrollout.api.route import EVERYBODY, Route
from modelrollout.api.status import Alpha, Arm, Quarantined, TakenBack, Trial, VersionStatus
from modelrollout.api.validation_status import SmokeStatus
from modelrollout.core.judge.splits import audiences
from modelrollout.core.observation import LiveRoute, Workload
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason, Recovery


def recover(state: Pass) -> Pass:
    """The pass with control and trial as the cluster shows them, where the status knows of neither."""
    if state.status.stable is not None or state.status.trial is not None:
        return state
    live = state.seen.route
    if live is not None and live.foreign_owner is not None:
        live = None
    note = state.seen.note
    state = _with_failed(state, note)
    control = find_control(state, live, note)
    if control is None:
        return state
    state = state.change(stable=control)
    if state.status.last_command is None:  # else it is known whether the present one is new
        state = state.change(last_command=state.rollout.command, command_ignored=_unheard(state))
    noted, found = note.route if note is not None else None, live.route if live is not None else None
    return _announce(_with_trial(state, noted or found, note))


def _with_failed(state: Pass, note: Recovery | None) -> Pass:
    """What failed before stays in quarantine, and what was taken back does not begin by itself, though nobody knows any
    more why."""
    status, known = state.status, {item.version for item in state.status.withheld}
    if note is None:
        return state
    words = "it failed before the status was lost"
    failed = tuple(
        Quarantined(version=version, reason=Reason.STATUS_LOST, message=words, at=state.now)
        for version in note.failed
        if version not in known
    )
    words = "before the status was lost"
    taken = tuple(
        TakenBack(version=version, reason=reason, message=words, at=state.now)
        for reason, versions in ((Reason.ABORTED, note.taken_back), (Reason.NOT_CHOSEN, note.not_chosen))
        for version in versions or ()
        if version not in known
    )
    if not failed and not taken:
        return state
    return state.change(quarantined=(*status.quarantined, *failed), taken_back=(*status.taken_back, *taken))


def find_control(state: Pass, live: LiveRoute | None, note: Recovery | None) -> VersionStatus | None:
    """The version that served when the status was lost. None when none had served yet.

    The noted one is deployed again if it is gone. Without a note: of the versions that the route names the oldest is
    the one that was there first, also where it has no requests, as in a bake. Without a route the same among all that
    are deployed, but for that which the spec wants: it came last, and alone it may be a first version on its way.
    """
    deployed = _deployed(state)
    if note is not None and note.control in deployed:
        return _version(deployed[note.control])
    if note is not None and note.uri is not None:
        return VersionStatus(version=note.control, uri=note.uri, pinned=note.pinned, digest=note.pinned)
    wanted = state.spec.model.version
    named = live.named & deployed.keys() if live is not None else frozenset()
    found = min(
        named or deployed.keys() - {wanted},
        key=lambda name: (deployed[name].created_at, name == wanted, name),
        default=None,
    )
    return _version(deployed[found]) if found is not None else None


def _deployed(state: Pass) -> dict[str, Workload]:
    """What runs, without those that failed or were taken back: their pods may still be there."""
    gone = {item.version for item in state.status.withheld}
    return {name: item for name, item in state.seen.workloads.items() if item.uri is not None and name not in gone}


def _with_trial(state: Pass, route: Route | None, note: Recovery | None) -> Pass:
    """The arms that have requests, as the route has them; and those that had none yet, or none just then."""
    control, deployed = state.control, _deployed(state)
    if control is None or route is None:
        return state
    waiting = {version for version in note.arms if version in deployed} if note is not None else set()
    versions = sorted((route.versions | waiting) - {control.version})
    if not versions or any(version not in deployed for version in versions):
        return state
    total = note.alpha if note is not None and note.alpha is not None else state.spec.analysis.false_rollback / 2
    paused = (note.paused or {}) if note is not None else {}
    alpha = total / len(versions)
    arms = tuple(_arm(state, deployed[version], route, alpha, paused.get(version)) for version in versions)
    trial = Trial(
        started_at=state.now,
        epoch=int(state.now),
        strategy=state.strategy.name,
        arms=arms,
        route=route,
        audience=_audience(state, route, control.version),
        alpha=Alpha(total=total, left=total, asked=state.spec.analysis.false_rollback),
    )
    return state.change(trial=trial)


def _audience(state: Pass, route: Route, control: str) -> str:
    """Whom the release was for: the last that share requests; those whom it is for first, if none has any yet."""
    names = audiences(state.spec)
    shared = [split.name for split in route.splits if split.is_shared and split.name in names]
    if shared:
        return shared[-1]
    return names[0] if route.everybody.share(control) == 100 else EVERYBODY


def _arm(state: Pass, workload: Workload, route: Route, alpha: float, paused: str | None) -> Arm:
    """Its smoke requests passed before it got its first share."""
    served = route.largest_share(workload.version) > 0
    return Arm(
        **_version(workload).model_dump(),
        ready_at=state.now if served or workload.is_ready else None,
        weight_since=state.now if served else None,
        smoke=SmokeStatus(passed=served),
        paused=paused,
        alpha=alpha,
    )


def _version(workload: Workload) -> VersionStatus:
    """Pinned as its pods are, or they would be made anew."""
    digest = workload.pinned or workload.digest
    return VersionStatus(version=workload.version, uri=workload.uri or "", digest=digest, pinned=workload.pinned)


def _unheard(state: Pass) -> str | None:
    """Nobody knows any more whether the command was carried out, and an old one must not be again."""
    words = "the status was lost, so nobody knows whether it was carried out; say it again if it is meant"
    return words if state.rollout.command else None


def _announce(state: Pass) -> Pass:
    assert state.control is not None
    arms = [arm.version for arm in state.status.arms]
    rest = f"; {' and '.join(arms)} {'is' if len(arms) == 1 else 'are'} judged from the beginning" if arms else ""
    message = f"the status was lost and is made anew from the cluster: {state.control.version} is stable{rest}"
    return state.say(Reason.STATUS_LOST, message, warning=True)
