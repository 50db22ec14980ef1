"""From safe arms to the next route: the strategy's move, made as far as the guards let it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelrollout.api.route import EVERYBODY, MATCHED, Route
from modelrollout.api.status import Phase
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.judge.contest import compete
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress import transitions
from modelrollout.core.progress.audience import (
    CONTROL_KEEPS,
    is_last,
    next_round,
    of_the_first_round,
    update_audience,
    widened,
)
from modelrollout.core.progress.clock import update_clock
from modelrollout.core.progress.doubts import of_evidence, skipped_evidence
from modelrollout.core.progress.guards import before_any_traffic, guarded, looking, of_arm, of_service, of_the_route
from modelrollout.core.progress.hold import hold, stop_counting
from modelrollout.core.progress.obstacle import Obstacle, together
from modelrollout.core.progress.outlook import Outlook, Progress, at_rest, held_by_a_person, position
from modelrollout.core.progress.proposal import memory_of, propose
from modelrollout.core.progress.recalled import advance_recalled
from modelrollout.core.progress.size import of_size
from modelrollout.core.progress.way import heed, too_soon
from modelrollout.core.progress.word import answer, limit_approval, refuse
from modelrollout.strategies import Move

SEEN_FIRST = "all others follow when it has been seen with the matched requests"


def advance(state: Pass, assessments: Assessments) -> Progress:
    """One pass of a trial whose arms may keep their traffic."""
    if state.control is None:
        return install(refuse(state, "the first version serves as soon as it is ready"))
    state = compete(update_clock(update_audience(state), assessments))
    if state.trial.paused:
        state = stop_counting(state)
    after, outlook = go_on(state, assessments)
    return answer(state, after), outlook


def go_on(state: Pass, assessments: Assessments) -> Progress:
    """The next move of arms that stand beside a control."""
    if (recalled := next((arm for arm in state.status.arms if arm.recall is not None), None)) is not None:
        return advance_recalled(state, recalled, assessments)
    if state.trial.winner is not None and not is_last(state):
        return see_with_the_matched(state, state.trial.winner, assessments)
    state = limit_approval(heed(state, assessments), assessments)
    move = propose(state, assessments)
    wanted = widened(state, move.route)
    splits = tuple(split.name for split in wanted.splits)
    state, outlook = take(state, move, wanted, assessments)
    after = Route.to(move.winner) if move.winner is not None else wanted
    return state, replace(outlook, splits=(*outlook.splits, *splits), wanted=after)


def install(state: Pass) -> Progress:
    """The first version serves as soon as it is ready: there is nothing to compare it with."""
    arm = state.trial.arms[0]
    obstacle = of_arm(state, arm, EVERYBODY) or of_service(state, arm.version, EVERYBODY)
    if obstacle is not None:
        phase = looking(state) if before_any_traffic(state) is not None else Phase.PENDING
        return state, Outlook(Phase.PAUSED if arm.paused else phase, obstacle.message, obstacle.until)
    if state.spec.validate_only is not None:
        return at_rest(transitions.pass_by(state, arm))
    return at_rest(transitions.promote(state, arm.version))


def take(state: Pass, move: Move[Any], wanted: Route, assessments: Assessments) -> Progress:
    """The move, or as much of it as may be made now."""
    if state.trial.paused and state.trial.arms[0].ready_at is not None:
        return state, held_by_a_person(state.trial.paused)
    if (looked_at := before_any_traffic(state)) is not None:
        return state, Outlook(looking(state), looked_at.message, looked_at.until)
    if move.leaving:
        return give_up(state, move)
    state, move = tell_what_is_skipped(state, move, wanted, assessments)
    allowed, obstacles = guarded(state, wanted, assessments)
    if move.winner is not None and not obstacles:
        obstacles = of_winner(state, move.winner, assessments)
    if obstacles and (allowed == state.route or move.winner is not None or only_falls(state, move, wanted, allowed)):
        return hold(state, move, together(obstacles), assessments)
    if move.winner is not None:
        return won(state, move)
    after = remember(state, move)
    if allowed == state.route and after.trial == state.trial:
        return hold(state, move, None, assessments)
    return make(state, move, allowed, obstacles)


def only_falls(state: Pass, move: Move[Any], wanted: Route, allowed: Route) -> bool:
    """Whether shares that follow the rewards would only go back to the control, since whoever should rise may not: they
    wait together then."""
    rising = {version for _, version in wanted.rises(state.route)}
    return move.quiet and not any(version in rising for _, version in allowed.rises(state.route))


def give_up(state: Pass, move: Move[Any]) -> Progress:
    """Arms that were not chosen leave, and the others go on."""
    for version, why in move.leaving.items():
        state = transitions.leave(state, version, Reason.NOT_CHOSEN, why, outcome="NotChosen", quarantine=False)
    return at_rest(state)


def tell_what_is_skipped(
    state: Pass, move: Move[Any], wanted: Route, assessments: Assessments
) -> tuple[Pass, Move[Any]]:
    """A person may skip what is not known of an arm or speaks against it, and the Events say what that was."""
    skipped = skipped_evidence(state, wanted, move.winner, assessments)
    if skipped is None:
        return state, move
    word = replace(state.word, skipped=skipped) if state.word is not None else None
    return replace(state, word=word), replace(move, why=f"{move.why}; skipped: {skipped}")


def of_winner(state: Pass, version: str, assessments: Assessments) -> dict[str, Obstacle]:
    """What stands in the way of the end of a trial: no share may rise, and yet nothing is more final."""
    arm = state.status.arm(version)
    if arm is None:  # the control stays
        return {}
    found = of_the_route(state) or of_arm(state, arm, EVERYBODY) or of_size(state, arm, 100)
    for split in (*state.spec.segments, EVERYBODY):
        known = assessments[version].of(split)
        if found is None and not (state.spec.segments and known.no_traffic):
            found = of_evidence(state, arm, known, split, gets_all=True)
    return {version: found} if found is not None else {}


def remember(state: Pass, move: Move[Any]) -> Pass:
    """The strategy's memory and what is held now."""
    memory = move.memory.model_dump(mode="json", by_alias=True, exclude_none=True)
    approved = state.trial.approved if move.step == state.trial.step else None  # a word is for one step
    return state.change_trial(memory=memory, step=move.step, approved=approved)


def won(state: Pass, move: Move[Any]) -> Progress:
    """The trial is decided: for those whom it was for so far, or altogether."""
    assert move.winner is not None
    if state.status.arm(move.winner) is None:
        return at_rest(transitions.keep_control(state, move.why))
    if not is_last(state):
        return end_of_first_round(state, move, move.winner)
    if state.route is not None and not move.goes_on and state.route.everybody.share(move.winner) < 100:
        state = _tell_of_switch(state, move, move.winner)
    state = transitions.set_route(state, widened(state, move.route))
    return at_rest(transitions.promote(state, move.winner, move.goes_on, why=move.why))


def end_of_first_round(state: Pass, move: Move[Any], winner: str) -> Progress:
    """The matched requests go to the winner, but for what the control keeps to be compared with."""
    state = transitions.set_route(state, of_the_first_round(state, winner))
    state = state.change_trial(winner=winner, step=MATCHED, approved=None, next_step_at=None)
    share = f"{100 - CONTROL_KEEPS} % of the matched requests go to {winner}"
    state = state.say(Reason.WEIGHT_CHANGED, f"{share}: {move.why}; when that is seen to work, all others follow")
    return state, Outlook(Phase.PROGRESSING, f"{position(state)}: {SEEN_FIRST}", state.now)


def see_with_the_matched(state: Pass, winner: str, assessments: Assessments) -> Progress:
    """Nobody else follows before the winner was seen with nearly all of the matched requests."""
    if state.trial.paused:
        return state, held_by_a_person(state.trial.paused)
    if state.word is not None and (why := too_soon(state)) is not None:
        state = refuse(state, why)
    assert state.route is not None
    if obstacles := of_winner(state, winner, assessments):
        move = Move(state.route, memory_of(state), SEEN_FIRST, step=MATCHED)
        return hold(state, move, together(obstacles), assessments)
    message = f"{winner} has been through the matched requests; all others follow by the same steps"
    state = next_round(state).say(Reason.SWITCHED, message)
    return state, Outlook(Phase.PROGRESSING, f"{position(state)}: the matched requests are through", state.now)


def make(state: Pass, move: Move[Any], allowed: Route, obstacles: dict[str, Obstacle]) -> Progress:
    """The move itself. What is held back is tried again; the strategy then goes on from where it was."""
    before = state
    state = transitions.set_route(state, allowed)
    if move.quiet:  # whatever of it could be done: the next one has its time
        state = remember(state, move)
    if not obstacles:
        state = remember(state, move).change_trial(hold_since=None, held_for=0.0, next_step_at=move.until)
        if move.watched:  # a person skipped the steps, and nobody skips the watch
            state = state.change_trial(promote_fully=False)
    for arm in () if move.quiet else state.trial.arms:
        state = _tell_of_weight(before, state, arm.version, move)
    why = f"{move.why}; {together(obstacles).message}" if obstacles else move.why
    phase = Phase.BAKING if move.watched and not obstacles else Phase.PROGRESSING
    if move.quiet and move.settled and state.rollout.status.phase is Phase.HEALTHY:
        return hold(state, move, together(obstacles) if obstacles else None, {})
    wake_at = move.until if move.watched else state.now
    if move.approval and not obstacles:
        return hold(state, move, None, {})
    return state, Outlook(phase, f"{position(state)}: {why}", wake_at)


def _tell_of_weight(before: Pass, after: Pass, version: str, move: Move[Any]) -> Pass:
    old, new = before.audience_share(version), after.audience_share(version)
    if old == new:
        return after
    if new == 100:
        return _tell_of_switch(after, move, version)
    return after.say(Reason.WEIGHT_CHANGED, f"{version}: {old} % -> {new} %, {move.why}")


def _tell_of_switch(state: Pass, move: Move[Any], version: str) -> Pass:
    return state.say(Reason.SWITCHED, f"all requests go to {version}: {move.why}")
