"""How long a version has to come up, and from when: a correction of what it is made from is a new beginning."""

from __future__ import annotations

from modelrollout.api.base import format_duration
from modelrollout.api.status import Arm
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.recipe import recipe_of
from modelrollout.core.validate import gate


def load_ends(state: Pass, arm: Arm) -> float:
    """When an arm has had its time to load, in seconds since the epoch. It counts from when its fetcher began: a node
    may have had to be started first."""
    entered = arm.entered_at or state.trial.started_at
    at_work = state.workload(arm.version).at_work_since
    return max(entered, arm.corrected_at or 0.0, at_work or 0.0) + state.spec.serving.load_timeout


def update_load_time(state: Pass) -> Pass:
    """Of arms that have not come up: what they are made from now, and how long they may wait for what is not theirs."""
    for arm in state.status.arms:
        state = _corrected(state, arm) if arm.ready_at is None else state
        known = state.arm(arm.version)
        waits = known.ready_at is None and state.workload(arm.version).at_work_since is None
        ends = load_ends(state, known) if waits else None
        state = state if ends == known.fails_at else state.change_arm(arm.version, fails_at=ends)
    return state


def update_time_held(state: Pass) -> Pass:
    """Of arms that are ready and held before any traffic: until when."""
    for arm in state.status.arms:
        if arm.ready_at is not None and gate.limit_of(state, arm) is not None:
            state = state.change_arm(arm.version, fails_at=gate.ends_at(state, arm))
    return state


def _corrected(state: Pass, arm: Arm) -> Pass:
    recipe = recipe_of(state.spec, arm.version)
    if recipe is None or recipe == arm.recipe:
        return state
    if arm.recipe is None:
        return state.change_arm(arm.version, recipe=recipe)
    limit = format_duration(state.spec.serving.load_timeout)
    message = f"the spec was corrected: {arm.version} is made anew, and has loadTimeout {limit} from now on"
    return state.change_arm(arm.version, recipe=recipe, corrected_at=state.now).say(Reason.RETRIED, message)
