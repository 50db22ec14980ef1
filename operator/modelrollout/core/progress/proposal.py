"""What the strategy would do now, by its own rules alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from modelrollout.api.analysis import TimeoutPolicy
from modelrollout.api.base import StatusModel
from modelrollout.core.judge.assess import Assessments
from modelrollout.core.judge.standing import best_for_all, of_segments, standing
from modelrollout.core.pass_state import Pass
from modelrollout.core.progress import clock
from modelrollout.core.progress.audience import is_last, narrowed
from modelrollout.core.progress.timeout import timed_out
from modelrollout.strategies import ArmView, Move, View


def propose(state: Pass, assessments: Assessments) -> Move[Any]:
    """What the strategy would do."""
    assert state.control is not None
    assert state.route is not None
    trial = state.trial
    route = narrowed(state, state.route)
    view = View(
        control=state.control.version,
        model=state.spec.model.version,
        arms=arms_of(state, assessments),
        route=route,
        memory=memory_of(state),
        now=clock.now(state),
        approved=trial.approved,
        skip=trial.promote_fully,
        is_last=is_last(state),
        standing=standing(state),
        segments=of_segments(state),
        best_for_all=best_for_all(state) if trial.segments else None,
    )
    move: Move[Any] = state.strategy.next(state.settings, view)
    return replace(move, until=clock.due(state, move.until), clocked=move.until is not None)


def arms_of(state: Pass, assessments: Assessments) -> tuple[ArmView, ...]:
    """The arms as the strategy sees them."""
    assert state.route is not None
    overdue, route = timed_out(state, TimeoutPolicy.PROMOTE), narrowed(state, state.route)
    return tuple(
        ArmView(
            version=arm.version,
            share=route.everybody.share(arm.version),
            ready=arm.ready_at is not None,
            proven=overdue or assessments[arm.version].proven,
            proven_share=100 if overdue else assessments[arm.version].proven_share,
            smoke_passed=arm.smoke.passed,
            smoke_obstacle=arm.smoke.obstacle,
        )
        for arm in state.trial.arms
    )


def memory_of(state: Pass) -> StatusModel:
    """What the strategy remembers; nothing when that cannot be read."""
    kind: type[StatusModel] = state.strategy.memory
    try:
        return kind.model_validate(state.trial.memory)
    except ValidationError:
        return kind()
