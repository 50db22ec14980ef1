"""A person's word to go on, in the pass in which it is given: what it ends, what it stands above, what is answered.

``promote`` ends a wait and stands above evidence that is missing, never above the sight of an arm or what speaks
against it. With ``skip`` and ``promote --full`` a person takes more than that on himself, and the Events say what it
was. A word counts for what holds the release when it is given: where it is held all the same it is refused, and what
comes later it does not stand above. An approval alone stays given, and the rise waits for its moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelrollout.api.analysis import TimeoutPolicy
from modelrollout.api.base import clock_time
from modelrollout.api.command import Verb
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.pass_state import Pass, Word
from modelrollout.core.plan import Event, Reason
from modelrollout.core.progress.obstacle import Doubt, Obstacle
from modelrollout.core.progress.proposal import memory_of, propose
from modelrollout.core.progress.timeout import timed_out
from modelrollout.strategies import ArmView, Move

START = "start"  # what a person approves before the first step
DOUBLE_PRESS_SECONDS = 2.0  # a wait that is younger was not what a person saw
SPOKEN = {Verb.PROMOTE_FULL: "promote --full"}
ABOVE: Mapping[Verb, frozenset[Doubt]] = {
    Verb.PROMOTE: frozenset({Doubt.MISSING}),
    Verb.SKIP: frozenset(Doubt) - {Doubt.FINAL, Doubt.BLAME},
    Verb.PROMOTE_FULL: frozenset(Doubt) - {Doubt.BLAME},
}
LEFT = frozenset({Doubt.MISSING, Doubt.FINAL})  # of a full promotion that is still on its way


def stands_above(state: Pass) -> frozenset[Doubt]:
    """The doubts that hold nothing in this pass."""
    above = ABOVE[state.word.command.verb] if state.word is not None else frozenset()
    if state.trial.promote_fully:
        above |= LEFT
    if timed_out(state, TimeoutPolicy.PROMOTE):
        above |= {Doubt.MISSING, Doubt.GROWS}
    return above


def heed(state: Pass, assessments: Assessments) -> Pass:
    """The word, if there is something that it can end."""
    if state.word is None:
        return state
    present = propose(unsaid(state), assessments)
    if (why := objection(state, present)) is not None:
        return refuse(state, why)
    return replace(state, word=replace(state.word, approves=present.approval))


def unsaid(state: Pass) -> Pass:
    """As if nobody had said anything: what holds then is what a word is for."""
    return state.change_trial(approved=None, promote_fully=False)


def objection(state: Pass, present: Move[Any]) -> str | None:
    """Why a word ends nothing of what holds now."""
    assert state.word is not None
    verb, held = state.word.command.verb, present.step == (state.trial.step or START)
    if verb is Verb.PROMOTE:
        return (clock_or_bake(state, present) if held else None) or too_soon(state)
    if verb is Verb.PROMOTE_FULL and held and present.watched and present.clocked:
        return "the bake is none of the steps; modelrollout skip ends it"
    return None


def clock_or_bake(state: Pass, present: Move[Any]) -> str | None:
    """A clock is not ended by ``promote``, whether it runs or stands still, and neither is a bake: who presses twice
    must not skip the next step, and nobody what has yet to be seen."""
    words = in_words(state)
    if present.watched and not present.clocked:
        return f"{words} is over, and what holds it now is not for promote to end; modelrollout skip ends it"
    if not present.clocked:
        return None
    if present.until is None:
        return f"the clock of {words} stands still while nothing can be seen; modelrollout skip ends it now"
    return f"{words} ends by its clock at {clock_time(present.until)}; modelrollout skip ends it now"


def too_soon(state: Pass) -> str | None:
    """Whether the step has only just begun to wait, so that another one may have been meant."""
    trial, step = state.trial, state.trial.step or START
    since = trial.waiting_since if trial.waiting == step else None
    if since is not None and state.now - since >= DOUBLE_PRESS_SECONDS:
        return None
    return f"{in_words(state)} has only just begun; say it again if that is meant, or modelrollout skip"


def in_words(state: Pass) -> str:
    """The present step, for people."""
    step = state.trial.step or START
    return step.partition(" ")[2] or f"the {step}"


def refuse(state: Pass, why: str) -> Pass:
    """The word is not carried out, now or later. Whoever gave it is told why."""
    if state.word is None:
        return state
    command, verb = state.word.command, state.word.command.verb
    told = f"{SPOKEN.get(verb, verb.value)}: {why}"
    taken = {"promote_fully": False} if verb is Verb.PROMOTE_FULL else {"approved": None, "approved_share": None}
    state = paused_as_before(replace(state, word=None).change_trial(**taken).change(command_ignored=told))
    return state.say(Reason.COMMAND_IGNORED, told, warning=True, cause=f"{verb.value} {command.version}")


def paused_as_before(state: Pass) -> Pass:
    """A word that is not carried out has not ended a pause either."""
    known = state.rollout.status
    return state.for_each_arm(
        lambda arm: arm.model_copy(update={"paused": before.paused}) if (before := known.arm(arm.version)) else arm
    )


def met(state: Pass, move: Move[Any], obstacle: Obstacle) -> Pass:
    """A word met by an obstacle. What is known of the arm would have to be skipped by another word; a bake is never
    ended later than when that was said."""
    if state.word is None or state.word.approves or (obstacle.doubt is None and not move.watched):
        return state
    ends = state.trial.next_step_at
    if obstacle.doubt is None or (move.watched and ends is not None and ends > state.now):
        return refuse(state, f"{obstacle.message}; say it again when that is over")
    way = word_above(move, obstacle)
    words = "it ends by itself, or by modelrollout abort" if way is None else f"modelrollout {way} goes on all the same"
    return refuse(state, f"{obstacle.message}; {words}")


def word_above(move: Move[Any], obstacle: Obstacle | None) -> str | None:
    """The least word that stands above an obstacle, if any does."""
    doubt = obstacle.doubt if obstacle is not None else None
    verbs = [verb for verb in ABOVE if doubt is None or doubt in ABOVE[verb]]
    verb = next((verb for verb in verbs if verb is not Verb.PROMOTE or not move.watched), None)
    return SPOKEN.get(verb, verb.value) if verb is not None else None


def answer(before: Pass, after: Pass) -> Pass:
    """The word told first, if it was not refused, and what it was said in spite of; then what came of it."""
    word, told = after.word, len(before.events)
    if word is None:
        return after
    skipped = f"; skipped: {word.skipped}" if word.skipped else ""
    approved = Event(Reason.APPROVED, f"{said(before, word)}{skipped}")
    return replace(after, events=(*after.events[:told], approved, *after.events[told:]), word=None)


def said(state: Pass, word: Word) -> str:
    """What a person said."""
    if word.command.verb is not Verb.PROMOTE_FULL:
        return f"{word.command.version}: {word.command.who} said go on from {in_words(state)}"
    arms = [ArmView(arm.version, arm.weight, arm.ready_at is not None) for arm in state.trial.arms]
    outline = state.strategy.outline(state.settings, memory_of(state), arms)
    left = ", ".join(outline.names[max(outline.at, 0) : outline.counted])
    return (
        f"{word.command.version}: {word.command.who} said skip all the steps that are left{f': {left}' if left else ''}"
    )


def limit_approval(state: Pass, assessments: Assessments) -> Pass:
    """A person's word is for what followed when it was given: where the steps were edited to lead further before it was
    carried out, another one is needed."""
    approved, known = state.trial.approved, state.trial.approved_share
    if approved is None:
        return state.change_trial(approved_share=None, approved_end=False)
    move = propose(state, assessments)
    share = max((move.route.everybody.share(arm.version) for arm in state.trial.arms), default=0)
    ends = move.winner is not None
    if known is None:
        return state.change_trial(approved_share=share, approved_end=ends)
    if share <= known and (state.trial.approved_end or not ends):
        return state
    names = " and ".join(arm.version for arm in state.trial.arms)
    follows = "now the end of the release" if ends else f"now {share} %"
    message = f"{names}: a person said go on to {known} %, and {follows} would follow; say it again"
    state = state.change_trial(approved=None, approved_share=None, approved_end=False)
    return state.say(Reason.AWAITING_APPROVAL, message)
