"""The shares stay as they are: why, for how long that may go on, and what a person can do about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from modelrollout.api.analysis import BlindPolicy, TimeoutPolicy
from modelrollout.api.base import format_duration
from modelrollout.api.status import Phase
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.judge.sight import unseen_too_long
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress.guards import of_the_route
from modelrollout.core.progress.obstacle import Obstacle
from modelrollout.core.progress.outlook import (
    Outlook,
    Progress,
    describe_failures,
    failed_versions,
    position,
    unrouted,
    way_out,
)
from modelrollout.core.progress.timeout import timed_out, undecided_for
from modelrollout.core.progress.way import met, way_on
from modelrollout.core.progress.word import START
from modelrollout.strategies import Move


def hold(state: Pass, move: Move[Any], obstacle: Obstacle | None, assessments: Assessments) -> Progress:
    """An undecided step has its own clock (``maxHold``); waiting for a person, for requests, for Prometheus or for the
    step's own time is not being undecided."""
    state = met(state, move, obstacle, assessments) if obstacle is not None else state
    why = obstacle.message if obstacle is not None else move.why
    until = obstacle.until if obstacle is not None else move.until
    if obstacle is not None and obstacle.unready:
        return state, Outlook(Phase.PAUSED if state.trial.paused else Phase.PENDING, why, until)
    approval = obstacle is None and move.approval
    unseen = next((text for item in assessments.values() if (text := item.blind or item.no_traffic)), None)
    undecided = obstacle.undecided if obstacle is not None else not (approval or move.under_way or move.settled)
    undecided = undecided and not move.quiet  # shares that follow something wait for their moment, and decide nothing
    runs = move.clocked and move.step == state.trial.step  # the clock of the step that is held, not of the next one
    by_itself = until is not None or runs or (obstacle is not None and obstacle.under_way)
    state = remember_wait(state, waits=not by_itself)
    if until or unseen or not undecided or of_the_route(state) is not None:
        state = stop_counting(state).change_trial(next_step_at=until)
    elif state.trial.hold_since is None:
        state = _undecided(state, why)
    if approval and state.rollout.status.phase is not Phase.AWAITING_APPROVAL:
        versions = " and ".join(arm.version for arm in state.trial.arms)
        state = state.say(Reason.AWAITING_APPROVAL, f"{versions}: {move.why}", cause=f"{versions}: {move.step}")
    unseen = unseen or next((text for item in assessments.values() if (text := item.skewed)), None)
    message = _words(state, why if move.settled else f"{position(state)}: {why}", unseen)
    if (obstacle is not None and obstacle.lasting) or timed_out(state, TimeoutPolicy.PAUSE):
        message = _with_way_out(state, message, way_on(state, assessments))
    waits_for_samples = move.quiet and obstacle is not None and obstacle.undecided
    phase = _phase(state, replace(move, settled=move.settled and (obstacle is None or waits_for_samples)), approval)
    if phase is Phase.HEALTHY and (elsewhere := unrouted(state)):
        phase, message = Phase.DEGRADED, f"{message}; but the requests go another way: {elsewhere}"
    if phase in (Phase.HEALTHY, Phase.DEGRADED) and (failed := failed_versions(state)):
        phase, message = Phase.DEGRADED, f"{describe_failures(failed)}; {message}. {way_out(state, failed)}"
    return state, Outlook(phase, message, until)


def remember_wait(state: Pass, *, waits: bool) -> Pass:
    """Since when the present step waits for something that no clock will bring. That is what ``promote`` may end."""
    step = (state.trial.step or START) if waits else None
    if state.trial.waiting == step:
        return state
    return state.change_trial(waiting=step, waiting_since=state.now if step is not None else None)


def stop_counting(state: Pass) -> Pass:
    """The clock of ``maxHold`` stands still, and does not begin anew: a question to Prometheus that fails now and then
    must not put the end off for ever."""
    if state.trial.hold_since is None:
        return state
    return state.change_trial(hold_since=None, held_for=undecided_for(state))


def _undecided(state: Pass, why: str) -> Pass:
    """Said once for each step, however often it starts anew."""
    state = state.change_trial(hold_since=state.now, next_step_at=None)
    if state.trial.held == (state.trial.step or ""):
        return state
    cause = " ".join((*(arm.version for arm in state.trial.arms), state.trial.step or START))
    return state.change_trial(held=state.trial.step or "").say(Reason.STEP_HELD, why, cause=cause)


def _phase(state: Pass, move: Move[Any], approval: bool) -> Phase:
    """The word for a hold."""
    if approval:
        return Phase.AWAITING_APPROVAL
    if state.trial.paused or timed_out(state, TimeoutPolicy.PAUSE) or _blind_too_long(state):
        return Phase.PAUSED
    if move.settled:
        return Phase.HEALTHY
    return Phase.BAKING if move.watched else Phase.PROGRESSING


def _blind_too_long(state: Pass) -> bool:
    paused = state.spec.analysis.on_blind is BlindPolicy.PAUSE
    return paused and any(unseen_too_long(state, arm) for arm in state.trial.arms)


def _words(state: Pass, why: str, unseen: str | None) -> str:
    """The sentence for a hold: what cannot be seen is said whatever else holds."""
    parts = [why]
    if unseen is not None and unseen not in why:
        parts.append(unseen)
    if _blind_too_long(state):
        limit = format_duration(state.spec.analysis.max_blind)
        parts.append(f"paused after maxBlind {limit}: it goes on by itself when the metrics are back")
    return "; ".join(parts)


def _with_way_out(state: Pass, message: str, way: str | None) -> str:
    """With the word that ends what neither a clock nor more requests will."""
    if timed_out(state, TimeoutPolicy.PAUSE):
        limit = format_duration(state.spec.analysis.max_hold)
        return f"{message}; undecided for maxHold {limit}: modelrollout {'abort' if way is None else f'{way} or abort'}"
    return f"{message}: modelrollout {way} goes on" if way is not None else message
