"""What a person asked for, applied to the status. Abort is not here: taking traffic away is safety's business.

A command is carried out once: its text is copied to ``status.lastCommand`` in the same status write as its effect,
so a pass that is killed in between does both again or neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.base import format_timestamp
from modelrollout.api.command import Command, Verb, parse
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress.advance import memory_of
from modelrollout.core.progress.guards import START
from modelrollout.strategies import ArmView

DOUBLE_PRESS_SECONDS = 2.0  # a wait that is younger was not what a person saw


def pending(state: Pass) -> Command | None:
    """The command that has not been carried out yet."""
    text = state.rollout.command
    return parse(text) if text and text != state.status.last_command else None


def execute_command(state: Pass) -> Pass:
    """The pass after a person's command, if there is one. An abort is left for ``safety``. Why nothing came of one is
    kept for whoever gave it."""
    text = state.rollout.command
    if not text or text == state.status.last_command:
        return state
    told = len(state.events)
    state = _execute(state, text)
    ignored = [event.message for event in state.events[told:] if event.reason is Reason.COMMAND_IGNORED]
    return state.change(last_command=text, command_ignored=ignored[-1] if ignored else None)


def _execute(state: Pass, text: str) -> Pass:
    command = parse(text)
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
    """A wait that is under way ends. A running clock does not: who presses twice must not skip the next step."""
    if any(arm.paused for arm in state.trial.arms if command.is_for(arm.version)):
        return _resume(state, command)
    if (objection := too_early(state, command) or nothing_waits(state)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"promote: {objection}", True)
    return _go_on(state, command)


def _skip(state: Pass, command: Command) -> Pass:
    """The present step ends, whatever holds it."""
    if (objection := too_early(state, command)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"skip: {objection}", True)
    return _go_on(_resumed(state, command), command)


def _go_on(state: Pass, command: Command) -> Pass:
    step = state.trial.step or START
    words = step.partition(" ")[2] or step
    message = f"{command.version}: a person said go on from {words}"
    return state.change_trial(approved=step).say(Reason.APPROVED, message)


def too_early(state: Pass, command: Command) -> str | None:
    """What a person's word does not stand above: readiness, and checks that have not passed yet."""
    if all(arm.ready_at is None for arm in state.trial.arms):
        return f"{command.version} is not ready yet"
    check = state.strategy.smoke(state.settings) if state.control is not None else None
    if check is not None and not all(arm.smoke.passed for arm in state.trial.arms):
        return f"the smoke requests to {command.version} have not passed yet; say it again when they have"
    return None


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


def _promote_fully(state: Pass, command: Command) -> Pass:
    left = steps_left(state)
    skipped = f": {', '.join(left)}" if left else ""
    message = f"{command.version}: a person said skip all the steps that are left{skipped}"
    return _resumed(state, command).change_trial(promote_fully=True).say(Reason.APPROVED, message)


def steps_left(state: Pass) -> Sequence[str]:
    """The steps that a full promotion skips, in words; the end is not one of them."""
    arms = [ArmView(arm.version, arm.weight, arm.ready_at is not None) for arm in state.trial.arms]
    outline = state.strategy.outline(state.settings, memory_of(state), arms)
    return list(outline.names[max(outline.at, 0) : outline.counted])


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
    Verb.SKIP: _skip,
    Verb.PROMOTE_FULL: _promote_fully,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.ABORT: _leave_to_safety,
}
