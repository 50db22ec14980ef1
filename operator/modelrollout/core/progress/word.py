"""A person's word to go on, in the pass in which it is given: what it stands above and what is answered. What it ends,
and which word would, is in ``way.py``.

``promote`` ends a wait and stands above evidence that is missing, never above the sight of an arm or what speaks
against it. With ``skip`` and ``promote --full`` a person takes more than that on himself, and the Events say what it
was. A word counts for what holds the release when it is given: where it is held all the same it is refused, and what
comes later it does not stand above. An approval alone stays given, and the rise waits for its moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelrollout.api.analysis import TimeoutPolicy
from modelrollout.api.command import Verb
from modelrollout.core.hint import with_name
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.pass_state import Pass, Word
from modelrollout.core.plan import Event, Reason
from modelrollout.core.progress.obstacle import Doubt
from modelrollout.core.progress.proposal import memory_of, propose
from modelrollout.core.progress.timeout import timed_out
from modelrollout.strategies import ArmView

START = "start"  # what a person approves before the first step
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


def answer(before: Pass, after: Pass) -> Pass:
    """The word told first, if it was not refused, and what it was said in spite of; then what came of it."""
    word, told = after.word, len(before.events)
    if word is None:
        return after
    skipped = f"; skipped: {word.skipped}" if word.skipped else ""
    words = f"{said(before, word)}{_ended_pauses(before, word)}{skipped}"
    approved = Event(Reason.APPROVED, with_name(words, after.rollout))
    return replace(after, events=(*after.events[:told], approved, *after.events[told:]), word=None)


def _ended_pauses(state: Pass, word: Word) -> str:
    """That the word has ended a person's pause as well, whose word that was."""
    known = (state.rollout.status.arm(arm.version) for arm in state.trial.arms if arm.paused is None)
    held = [arm.paused for arm in known if arm is not None and arm.paused and word.command.is_for(arm.version)]
    return f"; that ends the pause, too ({held[0]})" if held else ""


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
