"""Do users stay with their version, where the spec asks for it? When they did not, and when they do again.

By the hash of a header they stay as long as the mesh has a filter for it, which somebody may take away at any time.
"""

from __future__ import annotations

from modelrollout.core.judge.metric_state import NOTHING_COUNTED
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason


def watch_stickiness(state: Pass) -> Pass:
    """An Event when users stay no longer, and when they do again. What was seen meanwhile was of users by chance:
    whoever rises next must have been seen again at this weight."""
    before, scattered = were_scattered(state), state.seen.scattered
    if scattered is not None and not before:
        return state.say(Reason.MESH_FILTER_MISSING, scattered, warning=True)
    if scattered is None and before:
        if state.status.trial is not None:
            state = state.for_each_arm(
                lambda arm: arm.model_copy(
                    update={"metrics": tuple(item.model_copy(update=NOTHING_COUNTED) for item in arm.metrics)}
                )
            )
        return state.say(Reason.MESH_FILTER_BACK, "the mesh has its filter again: users stay with their version")
    return state


def were_scattered(state: Pass) -> bool:
    """Whether the pass before said so."""
    known = next((item for item in state.rollout.status.conditions if item.type == "TrafficApplied"), None)
    return known is not None and known.reason == Reason.MESH_FILTER_MISSING
