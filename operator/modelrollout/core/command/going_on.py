"""Going on by a person's word: from a wait, from the present step, or from all the steps that are left.

A word skips waiting. It stands above neither readiness nor a check that has not passed, and the evidence against an
arm is looked at all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.base import format_timestamp
from modelrollout.api.command import Command
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress.advance import memory_of
from modelrollout.core.progress.guards import START
from modelrollout.core.validate import gate
from modelrollout.strategies import ArmView

DOUBLE_PRESS_SECONDS = 2.0  # a wait that is younger was not what a person saw


def go_on_from_wait(state: Pass, command: Command) -> Pass:
    """A wait that is under way ends. A running clock does not: who presses twice must not skip the next step."""
    if (objection := too_early(state, command) or nothing_waits(state)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"promote: {objection}", True)
    return _go_on(state, command)


def skip(state: Pass, command: Command) -> Pass:
    """The present step ends, whatever holds it."""
    if (objection := too_early(state, command)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"skip: {objection}", True)
    return _go_on(without_pause(state, command), command)


def _go_on(state: Pass, command: Command) -> Pass:
    step = state.trial.step or START
    words = step.partition(" ")[2] or step
    message = f"{command.version}: a person said go on from {words}"
    return state.change_trial(approved=step, approved_share=None).say(Reason.APPROVED, message)


def without_pause(state: Pass, command: Command) -> Pass:
    """Nothing holds the arms that are meant any more."""
    return state.for_each_arm(
        lambda arm: arm.model_copy(update={"paused": None}) if command.is_for(arm.version) else arm
    )


def too_early(state: Pass, command: Command) -> str | None:
    """What a person's word does not stand above: readiness, and checks that have not passed yet; and a strategy that
    has no steps."""
    if (objection := no_steps(state)) is not None:
        return objection
    if all(arm.ready_at is None for arm in state.trial.arms):
        return f"{command.version} is not ready yet"
    if any(gate.waiting(state, arm) is not None for arm in state.trial.arms):
        return f"{command.version} has not been validated yet; say it again when it has"
    check = state.strategy.smoke(state.settings) if state.control is not None else None
    if check is not None and not all(arm.smoke.passed for arm in state.trial.arms):
        return f"the smoke requests to {command.version} have not passed yet; say it again when they have"
    return None


def no_steps(state: Pass) -> str | None:
    """Why there is nowhere to go on to: shares that nobody judges are as the spec writes them."""
    if state.strategy.judges or state.control is None:
        return None
    return f"strategy {state.strategy.name} has no steps, its shares are as the spec writes them; edit them there"


def nothing_waits(state: Pass) -> str | None:
    """Why there is nothing to go on from: a clock runs, or the step has only just begun."""
    trial, step = state.trial, state.trial.step or START
    words = step.partition(" ")[2] or step
    if trial.next_step_at is not None and trial.next_step_at > state.now:
        ends = format_timestamp(trial.next_step_at)[11:19]
        return f"{words} ends by its clock at {ends} UTC; modelrollout skip ends it now"
    since = trial.waiting_since if trial.waiting == step else None
    if since is None or state.now - since < DOUBLE_PRESS_SECONDS:
        return f"{words} has only just begun; say it again if that is meant, or modelrollout skip"
    return None


def skip_all(state: Pass, command: Command) -> Pass:
    """All the steps that are left end; the bake is none of them."""
    if (objection := no_steps(state)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"promote --full: {objection}", True)
    left = steps_left(state)
    skipped = f": {', '.join(left)}" if left else ""
    message = f"{command.version}: a person said skip all the steps that are left{skipped}"
    return without_pause(state, command).change_trial(promote_fully=True).say(Reason.APPROVED, message)


def steps_left(state: Pass) -> Sequence[str]:
    """The steps that a full promotion skips, in words; the end is not one of them."""
    arms = [ArmView(arm.version, arm.weight, arm.ready_at is not None) for arm in state.trial.arms]
    outline = state.strategy.outline(state.settings, memory_of(state), arms)
    return list(outline.names[max(outline.at, 0) : outline.counted])
