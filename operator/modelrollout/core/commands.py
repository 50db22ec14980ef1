"""What a person asked for, applied to the status. Abort is not here: taking traffic away is safety's business.

A command is carried out once: its text is copied to ``status.lastCommand`` in the same status write as its effect,
so a pass that is killed in between does both again or neither.
"""

from __future__ import annotations

from modelrollout.api.command import Command, Verb, parse
from modelrollout.core.plan import Reason
from modelrollout.core.turn import Turn


def pending(turn: Turn) -> Command | None:
    """The command that has not been carried out yet."""
    text = turn.rollout.command
    return parse(text) if text and text != turn.status.last_command else None


def obey(turn: Turn) -> Turn:
    """The turn after a person's command, if there is one. An abort is left for ``safety``."""
    text = turn.rollout.command
    if not text or text == turn.status.last_command:
        return turn
    command = parse(text)
    turn = turn.change(last_command=text)
    if command is None:
        return turn.say(
            Reason.COMMAND_IGNORED, f"command {text!r} is not VERB VERSION: promote, abort, pause ...", True
        )
    if command.verb is Verb.RETRY:
        return retry(turn, command)
    candidate = turn.status.candidate
    if candidate is None or not command.is_for(candidate.version):
        under_way = f"the release under way is {candidate.version}" if candidate else "no release is under way"
        return turn.say(Reason.COMMAND_IGNORED, f"{command.verb} of {command.version} does nothing: {under_way}", True)
    return _VERBS[command.verb](turn, command)


def retry(turn: Turn, command: Command) -> Turn:
    """A version leaves quarantine; if the spec still names it, its release starts again."""
    kept = tuple(item for item in turn.status.quarantined if item.version != command.version)
    if len(kept) == len(turn.status.quarantined):
        return turn.say(Reason.COMMAND_IGNORED, f"retry: {command.version} is not quarantined", True)
    return turn.change(quarantined=kept).say(Reason.RETRIED, f"{command.version} may be released again")


def _promote(turn: Turn, command: Command) -> Turn:
    if turn.status.paused:
        return _resume(turn, command)
    if turn.release.ready_at is None:
        return turn.say(Reason.COMMAND_IGNORED, f"promote: {turn.candidate.version} is not ready yet", True)
    step = turn.release.step_index
    return turn.change_release(approved_step=step, approved_bake=turn.release.bake_until is not None).say(
        Reason.APPROVED,
        f"{turn.candidate.version}: a person said go on from {f'step {step + 1}' if step >= 0 else 'the start'}",
    )


def _promote_fully(turn: Turn, command: Command) -> Turn:
    return (
        turn.change(paused=None)
        .change_release(promote_fully=True)
        .say(Reason.APPROVED, f"{turn.candidate.version}: a person said skip all the steps that are left")
    )


def _pause(turn: Turn, command: Command) -> Turn:
    why = f"paused by a person: {command.note}" if command.note else "paused by a person"
    return turn.change(paused=why).say(Reason.PAUSED, f"{why}; weights are held, safety still watches")


def _resume(turn: Turn, command: Command) -> Turn:
    return turn.change(paused=None).change_release(hold_since=None).say(Reason.RESUMED, "a person said go on")


def _leave_to_safety(turn: Turn, command: Command) -> Turn:
    return turn


_VERBS = {
    Verb.PROMOTE: _promote,
    Verb.PROMOTE_FULL: _promote_fully,
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.ABORT: _leave_to_safety,
}
