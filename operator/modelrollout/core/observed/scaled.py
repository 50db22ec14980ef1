"""A number of pods that somebody else set although the spec says another: it is put back, and not without a word."""

from __future__ import annotations

from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress.size import is_elastic


def tell_of_scales(state: Pass) -> Pass:
    """Each version that was scaled by others than this operator. Where the spec leaves the number to them, none was."""
    if is_elastic(state.spec.serving):
        return state
    for item in (state.control, *state.status.arms):
        seen = state.seen.workloads.get(item.version) if item is not None else None
        if item is None or seen is None or seen.applied in (None, seen.desired):
            continue
        message = (
            f"{item.version} was scaled to {seen.desired} pods, and the spec decides how many it has: {seen.applied} "
            "before; change spec.serving.replicas, or leave it out so that others may scale"
        )
        state = state.say(Reason.SCALE_UNDONE, message, warning=True, cause=f"{item.version} scaled")
    return state
