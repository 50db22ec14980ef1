"""Whether an arm can be seen at all: since when it cannot be, since when nobody asks it, and who is told."""

from __future__ import annotations

from modelrollout.api.base import format_duration
from modelrollout.api.status import Arm
from modelrollout.core.judge.assessment import Assessment
from modelrollout.core.judge.metric_state import NOTHING_COUNTED
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason


def watch_sight(state: Pass, arm: Arm, assessment: Assessment) -> Pass:
    """Since when nothing can be seen, and an Event when sight is lost and when it is back."""
    if assessment.blind and arm.blind_since is None:
        message = f"{arm.version} stays at {arm.weight} %: {assessment.blind}"
        state = state.change_arm(arm.version, blind_since=state.now)
        return state.say(Reason.BLIND, message, warning=True, cause=arm.version)
    if not assessment.blind and arm.blind_since is not None:
        # What was seen before is old: whoever rises next must have been seen again at this weight.
        metrics = tuple(item.model_copy(update=NOTHING_COUNTED) for item in arm.metrics)
        state = state.change_arm(arm.version, blind_since=None, metrics=metrics)
        return state.say(Reason.SIGHT_RESTORED, "the metrics are back")
    return state


def watch_traffic(state: Pass, arm: Arm, assessment: Assessment) -> Pass:
    """Since when nobody has asked the arm, and an Event when that has lasted for ``maxHold``: nobody may be looking."""
    if not assessment.no_traffic:
        return state.change_arm(arm.version, silent_since=None) if arm.silent_since is not None else state
    if arm.silent_since is None:
        return state.change_arm(arm.version, silent_since=state.now)
    if not silent_too_long(state, arm) or was_stalled(state):
        return state
    held = format_duration(state.spec.analysis.max_hold)
    message = f"{arm.version} stays at {arm.weight} %: {assessment.no_traffic}, and so it has been for maxHold {held}"
    return state.say(Reason.NO_TRAFFIC, message, warning=True, cause=arm.version)


def silent_too_long(state: Pass, arm: Arm) -> bool:
    """Whether a release stands still for want of requests, and somebody should know."""
    return arm.silent_since is not None and state.now - arm.silent_since >= state.spec.analysis.max_hold


def unseen_too_long(state: Pass, arm: Arm) -> bool:
    """Whether it could not be seen for ``maxBlind`` with the shares that it has: who changed them though nothing can be
    seen has the time anew."""
    since = arm.blind_since
    return since is not None and state.now - max(since, arm.weight_since or since) >= state.spec.analysis.max_blind


def was_stalled(state: Pass) -> bool:
    """Whether the pass before said so."""
    stalled = next((item for item in state.rollout.status.conditions if item.type == "Stalled"), None)
    return stalled is not None and (stalled.status, stalled.reason) == ("True", Reason.NO_TRAFFIC)
