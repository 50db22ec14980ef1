"""What a person asked for, applied to the status. Abort is not here: taking traffic away is safety's business.

A command is carried out once: its text is copied to ``status.lastCommand`` in the same status write as its effect,
so a pass that is killed in between does both again or neither.
"""

from __future__ import annotations

from modelrollout.api.command import Command, Verb, parse
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress.guards import START


def pending(state: Pass) -> Command | None:
    """The command that has not been carried out yet."""
    text = state.rollout.command
    return parse(text) if text and text != state.status.last_command else None


def execute_command(state: Pass) -> Pass:
    """The pass after a person's command, if there is one. An abort is left for ``safety``."""
    text = state.rollout.command
    if not text or text == state.status.last_command:
        return state
    command = parse(text)
    state = state.change(last_command=text)
    if command is None:
        message = f"command {text!r} is not VERB VERSION: promote, abort, pause ..."
        return state.say(Reason.COMMAND_IGNORED, message, warning=True)
    if command.verb is Verb.RETRY:
        return _retry(state, command)
    if not any(command.is_for(arm.version) for arm in state.status.arms):
        arms = " and ".join(arm.version for arm in state.status.arms)
        under_way = f"the release under way is {arms}" if arms else "no release is under way"
        message = f"{command.verb} of {command.version} does nothing: {under_way}"
        return state.say(Reason.COMMAND_IGNORED, message, warning=True)
    return _VERBS[command.verb](state, command)


def _retry(state: Pass, command: Command) -> Pass:
    """A version leaves quarantine; if the spec still names it, its release starts again."""
    kept = tuple(item for item in state.status.quarantined if not command.is_for(item.version))
    if len(kept) == len(state.status.quarantined):
        return state.say(Reason.COMMAND_IGNORED, f"retry: {command.version} is not quarantined", True)
    return state.change(quarantined=kept).say(Reason.RETRIED, f"{command.version} may be released again")


def _promote(state: Pass, command: Command) -> Pass:
    if any(arm.paused for arm in state.trial.arms if command.is_for(arm.version)):
        return _resume(state, command)
    if all(arm.ready_at is None for arm in state.trial.arms):
        return state.say(Reason.COMMAND_IGNORED, f"promote: {command.version} is not ready yet", True)
    step = state.trial.step or START
    words = step.partition(" ")[2] or step
    return state.change_trial(approved=step).say(
        Reason.APPROVED, f"{command.version}: a person said go on from {words}"
    )


def _promote_fully(state: Pass, command: Command) -> Pass:
    message = f"{command.version}: a person said skip all the steps that are left"
    return _resumed(state, command).change_trial(promote_fully=True).say(Reason.APPROVED, message)


def _pause(state: Pass, command: Command) -> Pass:
    why = f"paused by a person: {command.note}" if command.note else "paused by a person"
    state = state.for_each_arm(
        lambda arm: arm.model_copy(update={"paused": why}) if command.is_for(arm.version) else arm
    )
    return state.say(Reason.PAUSED, f"{why}; weights are held, safety still watches")


def _resume(state: Pass, command: Command) -> Pass:
    return (
        _resumed(state, command).change_trial(hold_since=None, held_for=0.0).say(Reason.RESUMED, "a person said go on")
    )


def _resumed(state: Pass, command: Command) -> Pass:
    return state.for_each_arm(
        lambda arm: arm.model_copy(update={"paused": None}) if command.is_for(arm.version) else arm
    )


def _leave_to_safety(state: Pass, command: Command) -> Pass:
    return state


_VERBS = {
    Verb.PROMOTE: _promote,
    Verb.PROMOTE_FULL: _promote_fully,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.ABORT: _leave_to_safety,
}
