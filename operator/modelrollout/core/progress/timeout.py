"""How long the present step could not be decided, and which policy its owner declared for that."""

from __future__ import annotations

from modelrollout.api.analysis import TimeoutPolicy
from modelrollout.core.pass_state import Pass


def timed_out(state: Pass, policy: TimeoutPolicy) -> bool:
    """Whether ``maxHold`` is over and the owner declared this policy for it."""
    analysis = state.spec.analysis
    return analysis.on_timeout is policy and undecided_for(state) >= analysis.max_hold


def undecided_for(state: Pass) -> float:
    """Seconds that the present step could not be decided, taken together."""
    since = state.trial.hold_since
    return state.trial.held_for + (state.now - since if since is not None else 0.0)
