"""Which comparer a trial has now: none, or one for all arms that are in the shadow."""

from __future__ import annotations

from modelrollout.api.status import Trial
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import DesiredComparer
from modelrollout.core.validate import gate


def trial_name(trial: Trial) -> str:
    """Tells one trial's comparer from the next one's, and by its series what either has counted."""
    return str(int(trial.started_at))


def desired_comparer(state: Pass) -> DesiredComparer | None:
    """One for all arms together, once none of them is still looked at otherwise: another arm is another comparer, which
    begins to count anew."""
    trial, control = state.status.trial, state.control
    settings = gate.shadow_of(state.spec, control)
    if trial is None or control is None or settings is None or trial.paused:
        return None
    arms = [arm for arm in trial.arms if gate.failure(state, arm) is None]
    if any(not gate.is_asked(state, arm) or arm.ready_at is None for arm in arms):
        return None
    inside = tuple(sorted(arm.version for arm in arms if gate.is_in_shadow(state, arm)))
    if not inside:
        return None
    return DesiredComparer(trial_name(trial), control.version, inside, settings, state.seen.mirrors)
