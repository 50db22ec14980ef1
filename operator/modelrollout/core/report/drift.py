"""Drift: the live route is neither the one that was decided last nor the one of this pass, so somebody edited it.

It is repaired by the very write that makes any route so; here people are told.
"""

from __future__ import annotations

from modelrollout.api.route import EVERYBODY, Route
from modelrollout.api.status import Status
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason


def announce_drift(state: Pass) -> Pass:
    """An Event for a route that was edited or deleted by somebody else."""
    live = state.seen.route
    if live is None:
        if decided_before(state.rollout.status) is None:
            return state
        message = "the VirtualService was missing and is written again"
        return state.say(Reason.ROUTE_RESTORED, message, warning=True)
    if foreign_owner(state) is not None or live.refused is not None or not has_drifted(state):
        return state
    had = f"{describe(live.route)}, which nobody decided" if live.route is not None else "rules that somebody edited"
    return state.say(Reason.ROUTE_RESTORED, f"the VirtualService had {had}; it is set right", warning=True)


def has_drifted(state: Pass) -> bool:
    """A pass that was killed between the route and the status leaves the route of this one."""
    before, live = decided_before(state.rollout.status), state.seen.route
    return live is not None and before is not None and live.route not in (before, state.route)


def decided_before(status: Status) -> Route | None:
    """The route of the last pass."""
    if status.trial is not None:
        return status.trial.route
    return Route.to(status.stable.version) if status.stable is not None else None


def foreign_owner(state: Pass) -> str | None:
    """Who the VirtualService belongs to when it is not ours."""
    return state.seen.route.foreign_owner if state.seen.route is not None else None


def describe(route: Route) -> str:
    """``1.0.1 90 %, 1.1.2 10 %``, by split where there are several."""
    parts = []
    for split in route.splits:
        shares = ", ".join(f"{version} {share} %" for version, share in sorted(split.shares.items()))
        parts.append(shares if split.name == EVERYBODY else f"{split.name}: {shares}")
    return "; ".join(parts)
