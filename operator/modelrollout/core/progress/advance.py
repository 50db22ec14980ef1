"""From safe arms to the next route: the strategy's move, made as far as the guards let it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from modelrollout.api.analysis import TimeoutPolicy
from modelrollout.api.base import StatusModel
from modelrollout.api.route import EVERYBODY, MATCHED, Route
from modelrollout.api.status import Phase
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.judge.contest import compete
from modelrollout.core.judge.standing import best_for_all, of_segments, standing
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress import clock, transitions
from modelrollout.core.progress.audience import (
    CONTROL_KEEPS,
    is_last,
    narrowed,
    next_round,
    of_the_first_round,
    update_audience,
    widened,
)
from modelrollout.core.progress.clock import update_clock
from modelrollout.core.progress.guards import (
    Obstacle,
    before_any_traffic,
    guarded,
    looking,
    of_arm,
    of_evidence,
    of_service,
    of_the_route,
    skipped_evidence,
    timed_out,
    together,
)
from modelrollout.core.progress.hold import hold, stop_counting
from modelrollout.core.progress.outlook import Outlook, Progress, at_rest, position
from modelrollout.core.progress.recalled import advance_recalled
from modelrollout.strategies import ArmView, Move, View

SEEN_FIRST = "all others follow when it has been seen with the matched requests"


def advance(state: Pass, assessments: Assessments) -> Progress:
    """One pass of a trial whose arms may keep their traffic."""
    if state.control is None:
        return install(state)
    state = compete(update_clock(update_audience(state), assessments))
    if state.trial.paused:
        state = stop_counting(state)
    if (recalled := next((arm for arm in state.status.arms if arm.recall is not None), None)) is not None:
        return advance_recalled(state, recalled, assessments)
    if state.trial.winner is not None and not is_last(state):
        return see_with_the_matched(state, state.trial.winner, assessments)
    state = limit_approval(state, assessments)
    move = propose(state, assessments)
    wanted = widened(state, move.route)
    splits = tuple(split.name for split in wanted.splits)
    state, outlook = take(state, move, wanted, assessments)
    return state, replace(outlook, splits=(*outlook.splits, *splits))


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


def limit_approval(state: Pass, assessments: Assessments) -> Pass:
    """A person's word is for what followed when it was given: where the steps were edited to lead further before it was
    carried out, another one is needed."""
    said, known = state.trial.approved, state.trial.approved_share
    if said is None:
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


def propose(state: Pass, assessments: Assessments) -> Move[Any]:
    """What the strategy would do."""
    assert state.control is not None
    assert state.route is not None
    trial, overdue = state.trial, timed_out(state, TimeoutPolicy.PROMOTE)
    route = narrowed(state, state.route)
    arms = tuple(
        ArmView(
            version=arm.version,
            share=route.everybody.share(arm.version),
            ready=arm.ready_at is not None,
            proven=overdue or assessments[arm.version].proven,
            proven_share=100 if overdue else assessments[arm.version].proven_share,
            smoke_passed=arm.smoke.passed,
            smoke_obstacle=arm.smoke.obstacle,
        )
        for arm in trial.arms
    )
    view = View(
        control=state.control.version,
        model=state.spec.model.version,
        arms=arms,
        route=route,
        memory=memory_of(state),
        now=clock.now(state),
        approved=trial.approved,
        skip=trial.promote_fully,
        is_last=is_last(state),
        standing=standing(state),
        segments=of_segments(state),
        best_for_all=best_for_all(state) if state.trial.segments else None,
    )
    move: Move[Any] = state.strategy.next(state.settings, view)
    return replace(move, until=clock.due(state, move.until))


def memory_of(state: Pass) -> StatusModel:
    """What the strategy remembers; nothing when that cannot be read."""
    kind: type[StatusModel] = state.strategy.memory
    try:
        return kind.model_validate(state.trial.memory)
    except ValidationError:
        return kind()


def take(state: Pass, move: Move[Any], wanted: Route, assessments: Assessments) -> Progress:
    """The move, or as much of it as may be made now."""
    if state.trial.paused and state.trial.arms[0].ready_at is not None:
        return state, Outlook(Phase.PAUSED, state.trial.paused)
    if (looked_at := before_any_traffic(state)) is not None:
        return state, Outlook(looking(state), looked_at.message, looked_at.until)
    if move.leaving:
        return give_up(state, move)
    move = tell_what_is_skipped(state, move, wanted, assessments)
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


def tell_what_is_skipped(state: Pass, move: Move[Any], wanted: Route, assessments: Assessments) -> Move[Any]:
    """A person may skip evidence that is missing, and the Event of the rise says which."""
    rising = [version for _, version in wanted.rises(state.route) if state.status.arm(version) is not None]
    skipped = skipped_evidence(state, rising, assessments)
    return replace(move, why=f"{move.why}; skipped: {skipped}") if skipped else move


def of_winner(state: Pass, version: str, assessments: Assessments) -> dict[str, Obstacle]:
    """What stands in the way of the end of a trial: no share may rise, and yet nothing is more final."""
    arm = state.status.arm(version)
    if arm is None:  # the control stays
        return {}
    found = of_the_route(state) or of_arm(state, arm, EVERYBODY)
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
    assert state.route is not None
    if state.trial.paused:
        return state, Outlook(Phase.PAUSED, state.trial.paused)
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
