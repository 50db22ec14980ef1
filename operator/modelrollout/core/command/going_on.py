"""Going on by a person's word: from a wait, from the present step, or from all the steps that are left.

Here it is whether there is anything to go on from at all. What the word ends and what it stands above is seen when the
evidence of the pass is known (``progress/way.py``). It stands above neither readiness nor a check that has not passed.
"""

from __future__ import annotations

from dataclasses import replace

from modelrollout.api.command import Command
from modelrollout.core.pass_state import Pass, Word
from modelrollout.core.plan import Reason
from modelrollout.core.progress.word import START
from modelrollout.core.validate import gate


def go_on(state: Pass, command: Command) -> Pass:
    """The present step ends: by ``promote`` only where it waits."""
    if (objection := too_early(state, command)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"{command.verb.value}: {objection}", True)
    step = state.trial.step or START
    return replace(state, word=Word(command)).change_trial(approved=step, approved_share=None)


def skip(state: Pass, command: Command) -> Pass:
    """The present step ends, whatever holds it."""
    after = go_on(state, command)
    return without_pause(after, command) if after.word is not None else after


def skip_all(state: Pass, command: Command) -> Pass:
    """All the steps that are left end; the bake is none of them."""
    if (objection := no_steps(state)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"promote --full: {objection}", True)
    return replace(without_pause(state, command), word=Word(command)).change_trial(promote_fully=True)


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
