"""The way on: whether a person's word ends what holds a release, and which word does, where that one does not.

No sentence names a word that would be refused: each is tried here before, on values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modelrollout.api.base import clock_time
from modelrollout.api.command import Command, Verb
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.pass_state import Pass, Word
from modelrollout.core.progress.audience import is_last, widened
from modelrollout.core.progress.doubts import of_evidence, rising
from modelrollout.core.progress.obstacle import Obstacle
from modelrollout.core.progress.proposal import propose
from modelrollout.core.progress.word import ABOVE, SPOKEN, START, in_words, refuse
from modelrollout.strategies import Move

DOUBLE_PRESS_SECONDS = 2.0  # a wait that is younger was not what a person saw
_NO_WORD = "no word ends it but modelrollout abort"


def heed(state: Pass, assessments: Assessments) -> Pass:
    """The word, if there is something that it can end."""
    if state.word is None:
        return state
    present = propose(unsaid(state), assessments)
    if (why := objection(state, present, assessments)) is not None:
        return refuse(state, why)
    return replace(state, word=replace(state.word, approves=present.approval))


def unsaid(state: Pass) -> Pass:
    """As if nobody had said anything: what holds then is what a word is for."""
    return state.change_trial(approved=None, promote_fully=False)


def objection(state: Pass, present: Move[Any], assessments: Assessments) -> str | None:
    """Why a word ends nothing of what holds now."""
    assert state.word is not None
    verb = state.word.command.verb
    if verb is Verb.PROMOTE:
        return (clock_or_bake(state, present, assessments) if is_held(state, present) else None) or too_soon(state)
    if verb is Verb.PROMOTE_FULL and not may_end(state, present, verb):
        return f"the bake is none of the steps; {_ends(state, assessments)}"
    return None


def is_held(state: Pass, present: Move[Any]) -> bool:
    """Whether the strategy stays in the step that it is in."""
    return bool(present.step == (state.trial.step or START))


def may_end(state: Pass, present: Move[Any], verb: Verb) -> bool:
    """Whether a word is one for what holds now, whatever is known of the arms. A clock is not ended by ``promote``,
    whether it runs or stands still, and neither is a bake: who presses twice must not skip the next step, and nobody
    what has yet to be seen. A bake is none of the steps."""
    if not is_held(state, present):
        return True
    if verb is Verb.PROMOTE:
        return not (present.watched or present.clocked)
    return verb is not Verb.PROMOTE_FULL or not (present.watched and present.clocked)


def clock_or_bake(state: Pass, present: Move[Any], assessments: Assessments) -> str | None:
    """Why ``promote`` ends neither, and what does."""
    words = in_words(state)
    if may_end(state, present, Verb.PROMOTE):
        return None
    if not present.clocked:
        return f"{words} is over, and what holds it now is not for promote to end; {_ends(state, assessments)}"
    if present.until is None:
        stands = f"the clock of {words} stands still while nothing can be seen"
        return f"{stands}; {_ends(state, assessments, ' now')}"
    way = way_on(state, assessments)
    ends = f"; modelrollout {way} ends it now" if way is not None else ""
    return f"{words} ends by its clock at {clock_time(present.until)}{ends}"


def _ends(state: Pass, assessments: Assessments, when: str = "") -> str:
    """The word that ends what holds, in words."""
    way = way_on(state, assessments)
    return f"modelrollout {way} ends it{when}" if way is not None else _NO_WORD


def too_soon(state: Pass) -> str | None:
    """Whether the step has only just begun to wait, so that another one may have been meant."""
    trial, step = state.trial, state.trial.step or START
    since = trial.waiting_since if trial.waiting == step else None
    if since is not None and state.now - since >= DOUBLE_PRESS_SECONDS:
        return None
    return f"{in_words(state)} has only just begun; say it again if that is meant"


def met(state: Pass, move: Move[Any], obstacle: Obstacle, assessments: Assessments) -> Pass:
    """A word met by an obstacle. What is known of the arm would have to be skipped by another word; a bake is never
    ended later than when that was said."""
    if state.word is None or state.word.approves or (obstacle.doubt is None and not move.watched):
        return state
    ends = state.trial.next_step_at
    if obstacle.doubt is None or (move.watched and ends is not None and ends > state.now):
        return refuse(state, f"{obstacle.message}; say it again when that is over")
    way = way_on(state, assessments)
    words = "it ends by itself, or by modelrollout abort" if way is None else f"modelrollout {way} goes on all the same"
    return refuse(state, f"{obstacle.message}; {words}")


def way_on(state: Pass, assessments: Assessments) -> str | None:
    """The least word that would go on from what holds now, if any would."""
    verb = next((verb for verb in ABOVE if would_go_on(state, verb, assessments)), None)
    return SPOKEN.get(verb, verb.value) if verb is not None else None


def would_go_on(state: Pass, verb: Verb, assessments: Assessments) -> bool:
    """Whether a word would not be refused for what is known now."""
    before = replace(unsaid(state), word=None)
    word = Word(Command(verb, ",".join(arm.version for arm in state.trial.arms)))
    step = state.trial.step or START
    given = {"promote_fully": True} if verb is Verb.PROMOTE_FULL else {"approved": step}
    after = replace(before, word=word).change_trial(**given)
    recalled = next((arm.recall for arm in state.trial.arms if arm.recall is not None), None)
    if recalled is not None:  # nobody's word stands above what stable has yet to show, and then one may give it back
        return recalled.over and not _held(after, rising(after, recalled.route, None), assessments)
    if state.trial.winner is not None and not is_last(state):  # of the matched requests, before others follow
        assert state.route is not None
        return not _held(after, rising(after, state.route, state.trial.winner), assessments)
    if not may_end(state, propose(before, assessments), verb):
        return False
    move = propose(after, assessments)
    return not _held(after, rising(after, widened(after, move.route), move.winner), assessments)


def _held(state: Pass, rises: Sequence[tuple[str, str, bool]], assessments: Assessments) -> bool:
    """Whether anything that is known of those who would rise stands in their way."""
    return any(
        of_evidence(state, state.arm(version), assessments[version].of(split), split, gets_all=gets_all) is not None
        for split, version, gets_all in rises
        if version in assessments
    )
