"""What a person asked for, applied to the status. Abort is not here: taking traffic away is safety's business.

A command is carried out once: its text is copied to ``status.lastCommand`` in the same status write as its effect,
so a pass that is killed in between does both again or neither. Then its annotation is taken away
(``runtime/apply.py``), by this pass or, where that was killed, by the next: to write the same text where it stands
already would be no change, of which nobody hears. Once a pass has seen that it is gone, the same text is a new command.
"""

from __future__ import annotations

from modelrollout.api.command import Command, Verb, parse, problem
from modelrollout.core.command.going_on import go_on, skip, skip_all, without_pause
from modelrollout.core.command.lower import lower
from modelrollout.core.command.taken_back import retry
from modelrollout.core.command.undo import undo
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason


def pending(state: Pass) -> Command | None:
    """The command that has not been carried out yet."""
    return parse(state.rollout.command or "") if state.status.is_new(state.rollout.command) else None


def execute_command(state: Pass) -> Pass:
    """The pass after a person's command, if there is one. An abort is left for ``safety``. Why nothing came of one is
    kept for whoever gave it."""
    text = state.rollout.command
    if not text or not state.status.is_new(text):
        return _gone(state)
    told = len(state.events)
    state = _execute(state, text)
    ignored = [event.message for event in state.events[told:] if event.reason is Reason.COMMAND_IGNORED]
    return state.change(last_command=text, command_gone=False, command_ignored=ignored[-1] if ignored else None)


def _gone(state: Pass) -> Pass:
    """The same text is a new command, once the annotation of the last one has been seen to be gone."""
    if state.rollout.command or state.status.last_command is None or state.status.command_gone:
        return state
    return state.change(command_gone=True)


def answered(state: Pass) -> str | None:
    """The text of the annotation that has been carried out, or refused, and can be taken away."""
    text = state.rollout.command
    return text if text and not state.status.is_new(text) else None


def _execute(state: Pass, text: str) -> Pass:
    command = parse(text)
    if command is None:
        return state.say(Reason.COMMAND_IGNORED, problem(text), warning=True)
    if command.verb is Verb.RETRY:
        return retry(state, command)
    if command.verb is Verb.UNDO:
        return undo(state, command)
    if not any(command.is_for(arm.version) for arm in state.status.arms):
        arms = " and ".join(arm.version for arm in state.status.arms)
        under_way = f"the release under way is {arms}" if arms else "no release is under way"
        message = f"{command.verb} of {command.version} does nothing: {under_way}"
        return state.say(Reason.COMMAND_IGNORED, message, warning=True)
    return _VERBS[command.verb](state, command)


def _promote(state: Pass, command: Command) -> Pass:
    if any(arm.paused for arm in state.trial.arms if command.is_for(arm.version)):
        return _waits_anew(_resume(state, command))
    return go_on(state, command)


def _waits_anew(state: Pass) -> Pass:
    """The pause was the wait that was ended: pressed twice, the word does not end the step below it as well."""
    return state.change_trial(waiting_since=state.now) if state.trial.waiting is not None else state


def _pause(state: Pass, command: Command) -> Pass:
    why = f"paused by {command.who}{f': {command.note}' if command.note else ''}"
    state = state.for_each_arm(
        lambda arm: arm.model_copy(update={"paused": why}) if command.is_for(arm.version) else arm
    )
    return state.say(
        Reason.PAUSED,
        f"{_meant(state, command)}: {why}; weights are held, safety still watches; modelrollout resume goes on",
    )


def _resume(state: Pass, command: Command) -> Pass:
    return (
        without_pause(state, command)
        .change_trial(hold_since=None, held_for=0.0)
        .say(Reason.RESUMED, f"{_meant(state, command)}: {command.who} ended the pause")
    )


def _meant(state: Pass, command: Command) -> str:
    return " and ".join(arm.version for arm in state.status.arms if command.is_for(arm.version))


def _leave_to_safety(state: Pass, command: Command) -> Pass:
    return state


_VERBS = {
    Verb.PROMOTE: _promote,
    Verb.SKIP: skip,
    Verb.PROMOTE_FULL: skip_all,
    Verb.LOWER: lower,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.ABORT: _leave_to_safety,
    Verb.ABORT_QUARANTINE: _leave_to_safety,
}
