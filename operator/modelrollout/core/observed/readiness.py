"""What was seen of the deployed versions, into the status: pods, digests, versions that are gone."""

from __future__ import annotations

from typing import TypeVar

from modelrollout.api.status import Retiring, VersionStatus
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress import departures
from modelrollout.core.progress.size import full_size

Deployed = TypeVar("Deployed", bound=VersionStatus)


def update_versions(state: Pass) -> Pass:
    """Control and arms with their pods as they are now."""
    if state.control is not None:
        control = _updated(state, state.control)
        missing = state.workload(control.version).is_ready is False
        since = (control.missing_since or state.now) if missing else None
        state = state.change(stable=control.model_copy(update={"missing_since": since}))
    return state.for_each_arm(lambda arm: _updated(state, arm)) if state.status.trial is not None else state


def _updated(state: Pass, deployed: Deployed) -> Deployed:
    """The digest of the first fetch stays."""
    workload = state.workload(deployed.version)
    seen = {
        "ready": f"{workload.ready}/{workload.desired}",
        "digest": deployed.digest or workload.digest,
        "message": workload.failure or workload.waiting,
    }
    return deployed.model_copy(update=seen)


def update_readiness(state: Pass) -> Pass:
    """Arms all of whose pods are ready for the first time."""
    for arm in state.status.arms:
        if arm.ready_at is None and state.workload(arm.version).is_ready:
            took = state.workload(arm.version).load_seconds
            state = state.change_arm(arm.version, ready_at=state.now, load_seconds=took)
            state = state.say(Reason.MODEL_READY, f"{arm.version} is loaded and ready")
    return state


def may_go_back(state: Pass, item: Retiring) -> bool:
    """Whether it is the version before and can have all requests again: at full size, and with its pods ready before
    one that is made anew would have to be."""
    since = item.wanted_at or state.now
    if item != state.status.previous or state.now - since >= state.spec.serving.load_timeout:
        return False
    return state.workload(item.version).desired >= full_size(state)


def forget_removed(state: Pass) -> Pass:
    """Retired versions whose objects are gone are forgotten; one that the spec wants again is not kept for its logs,
    unless it is the one before, which is warm; deployed versions that nobody knows any more are retired."""
    wanted = set(state.named)
    withheld = {item.version for item in state.status.withheld}
    kept = []
    for item in state.status.retiring:
        goes_back = wanted == {item.version} and may_go_back(state, item)
        if item.version in wanted - withheld and not goes_back:
            item = item.model_copy(update={"remove_at": item.drain_until})
        since = (item.wanted_at or state.now) if goes_back else None
        item = item.model_copy(update={"wanted_at": since}) if since != item.wanted_at else item
        if item.remove_at > state.now or item.version in state.seen.workloads:
            kept.append(item)
    known = {item.version for item in (*kept, state.control, *state.status.arms) if item is not None}
    # Deployed by a pass that was killed before it stored the status: its release begins now.
    known |= wanted - withheld - {departures.noted_previous(state)}
    if state.control is not None:
        unknown = (seen for name, seen in sorted(state.seen.workloads.items()) if name not in known)
        kept += [departures.retire_unknown(state, seen) for seen in unknown]
    return state.change(retiring=tuple(kept))
