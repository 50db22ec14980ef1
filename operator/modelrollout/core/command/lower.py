"""``lower``: fewer requests for a version under trial, by a person's word, without taking it back.

For the night on which something looks odd and nothing is proven. The version is judged on with what it has left, and it
is paused, so that nothing raises it again before a person says so. Then it goes on from the step that it had reached
with such a share: what it went through with more, a bake that was under way and what a person had approved or skipped
are to be gone through again.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.command import Command, Weight
from modelrollout.api.status import Arm
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress import transitions
from modelrollout.core.progress.audience import first_round


def lower(state: Pass, command: Command) -> Pass:
    """The arms that are meant have no more than the weight, and are paused; or the reason why not."""
    asked = Weight.of(command.note)
    arms = [arm for arm in state.trial.arms if command.is_for(arm.version)]
    if asked is None or (objection := object_to(state, arms, asked.percent)) is not None:
        why = f"say to which weight, 1 to 99: lower {command.version} TOKEN 5" if asked is None else objection
        return state.say(Reason.COMMAND_IGNORED, f"lower of {command.version} does nothing: {why}", warning=True)
    for arm in arms:
        if state.weight(arm.version) > asked.percent:
            state = _lowered(state, arm, asked, command.who)
    return first_round(state)


def object_to(state: Pass, arms: Sequence[Arm], weight: int) -> str | None:
    """Why there is nothing to lower, in words."""
    if state.control is None:
        return "it is the first version, and nobody else could answer"
    if any(arm.recall is not None for arm in arms):
        return "its requests are back at stable for a while, to see whose fault it was; pause or abort it"
    if state.workload(state.control.version).ready == 0:
        return f"no pod of {state.control.version} is ready to answer more; only abort is obeyed all the same"
    if (most := max(state.weight(arm.version) for arm in arms)) <= weight:
        return f"it has {most} % of the requests, and {weight} % is no less"
    return None


def _lowered(state: Pass, arm: Arm, asked: Weight, who: str) -> Pass:
    assert state.route is not None
    assert state.control is not None
    why = f"lowered to {asked.percent} % by {who}{f': {asked.why}' if asked.why else ''}"
    version, before = arm.version, state.weight(arm.version)
    state = transitions.set_route(state, state.route.limited(version, asked.percent, state.control.version))
    state = state.change_arm(version, paused=f"{why}; modelrollout resume goes on")
    return state.say(Reason.WEIGHT_CHANGED, f"{version}: {before} % -> {state.weight(version)} %, {why}")
