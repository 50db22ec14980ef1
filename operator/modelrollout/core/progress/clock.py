"""The trial's own clock, by which strategies wait. It stands still while an arm that has requests cannot be seen.

Otherwise a bake of ten minutes would be over after ten minutes without Prometheus. Strategies know nothing of this:
all the times that they are told, and that they remember, are by this clock.
"""

from __future__ import annotations

from modelrollout.core.judge.assess import Assessments
from modelrollout.core.pass_state import Pass


def update_clock(state: Pass, assessments: Assessments) -> Pass:
    """The clock stopped, or going again."""
    since = state.trial.stopped_since
    if must_stand(state, assessments) == (since is not None):
        return state
    if since is None:
        return state.change_trial(stopped_since=state.now)
    return state.change_trial(stopped_since=None, stopped_for=state.trial.stood_still(state.now))


def must_stand(state: Pass, assessments: Assessments) -> bool:
    """Whether any arm that has requests cannot be seen, or has handed them back for now."""
    unseen = any(state.weight(version) and found.blind for version, found in assessments.items())
    return unseen or any(arm.recall is not None for arm in state.status.arms)


def now(state: Pass) -> float:
    """The time by this clock, in seconds since the epoch less what it stood still."""
    return state.now - state.trial.stood_still(state.now)


def due(state: Pass, at: float | None) -> float | None:
    """When it will be that time, in seconds since the epoch; None while the clock stands still."""
    return None if at is None or state.trial.stopped_since is not None else at + state.trial.stopped_for
