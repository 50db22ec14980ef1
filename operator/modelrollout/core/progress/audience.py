"""Whom a release is for just now: the requests of ``traffic.match`` first, then everybody else's.

A strategy knows nothing of this. It moves the shares of "everybody"; here that becomes the split of the matched
requests, and whoever wins among them is released to all the others by a second round of the same strategy, compared
among their requests. So like is compared with like, and nobody is moved from 0 to 100 % unjudged.

Who comes through the first round gets the matched requests but for a share that the control keeps: they are watched to
the end, compared as always.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.core.judge.splits import audiences
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress import transitions
from modelrollout.strategies.shares import between

CONTROL_KEEPS = 5  # percent of the matched requests: enough to compare with, while all others follow


def update_audience(state: Pass) -> Pass:
    """The trial's audience after an edit of ``match``. Without one the release is for everybody, from its first step;
    with another one it begins again, for other people."""
    if state.trial.audience != MATCHED:
        return state
    if not state.spec.traffic.match:
        return next_round(state)
    split = state.route.split(MATCHED) if state.route is not None else None
    if split is None or split.who == state.spec.traffic.match:
        return state
    message = "traffic.match names other requests now: the release begins again, from its first step"
    state = transitions.set_route(state, Route.to(_control(state)))
    return from_the_first_step(state).say(Reason.WEIGHT_CHANGED, message)


def next_round(state: Pass) -> Pass:
    """The strategy begins again, for everybody else."""
    return from_the_first_step(state).change_trial(audience=EVERYBODY)


def first_round(state: Pass) -> Pass:
    """The strategy begins again with those whom a release is for first. It goes on from the share that there is."""
    return from_the_first_step(state).change_trial(audience=audiences(state.spec)[0])


def from_the_first_step(state: Pass) -> Pass:
    """Nothing that was reached or said so far counts any more."""
    state = state.for_each_arm(lambda arm: arm.model_copy(update={"seen": ()}))
    return state.change_trial(memory={}, step=None, approved=None, promote_fully=False, held=None, winner=None)


def is_last(state: Pass) -> bool:
    """Whether no further round follows."""
    return state.trial.audience != MATCHED


def of_the_first_round(state: Pass, winner: str) -> Route:
    """The route while a version that came through the matched requests is seen with nearly all of them."""
    return widened(state, between(_control(state), {winner: 100 - CONTROL_KEEPS}))


def narrowed(state: Pass, route: Route) -> Route:
    """The route as the strategy sees it: whoever the release is for is everybody."""
    found = route.split(state.trial.audience) or Route.to(_control(state)).everybody
    before = [split for split in route.splits if split.name not in (MATCHED, EVERYBODY)]
    return Route(splits=(*before, Split(name=EVERYBODY, shares=found.shares)))


def widened(state: Pass, route: Route) -> Route:
    """What the strategy wants, among all requests."""
    return Route(splits=tuple(_widened(state, route)))


def _widened(state: Pass, route: Route) -> Iterator[Split]:
    match = state.spec.traffic.match
    yield from route.splits[:-1]
    if not is_last(state):
        yield Split(name=MATCHED, shares=route.everybody.shares, who=match)
        yield Route.to(_control(state)).everybody
        return
    earlier = state.route.split(MATCHED) if state.route is not None else None
    if earlier is not None and earlier.who == match:  # other people have been through nothing yet
        yield earlier
    yield route.everybody


def _control(state: Pass) -> str:
    assert state.control is not None
    return state.control.version
