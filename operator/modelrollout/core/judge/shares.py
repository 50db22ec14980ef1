"""Whether an arm and the control get the requests that the route gives them, by the counts that judge them.

Asked where every request is drawn by the shares and counted once: not where users stay with a version, for shares are
of users then; not where the mesh tries a request again, which counts twice; and not where requests that callers gave up
are left out, for the slower version loses more of these. Where arms compete the contest asks it (``judge/contest.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.analysis import ClientCancels
from modelrollout.api.status import Arm, SharedStatus
from modelrollout.core.evidence import BadCount, percent
from modelrollout.core.evidence.shared import Shared
from modelrollout.core.judge import splits
from modelrollout.core.judge.metric_state import MetricState
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason

WAY_OUT = "look for another route to it, or a caller that goes past this one"


def watch_shares(state: Pass, arm: Arm, states: Sequence[MetricState]) -> Pass:
    """What is known of every split that the arm shares with the control, and an Event when it breaks or is mended."""
    known = {item.split: item for item in arm.shared}
    found = [after(state, arm, split, states, known.get(split)) for split in shared_splits(state, arm)]
    state = state.change_arm(arm.version, shared=tuple(found)) if tuple(found) != arm.shared else state
    for item in found:
        before = known.get(item.split)
        if item.broken is not None and (before is None or before.broken is None):
            message, cause = f"{item.broken}: {WAY_OUT}", f"{arm.version} {item.split}"
            state = state.say(Reason.SPLIT_BROKEN, message, warning=True, cause=cause)
        if item.broken is None and before is not None and before.broken is not None:
            state = state.say(Reason.SPLIT_MENDED, f"the requests to {arm.version} go where its share says again")
    return state


def shared_splits(state: Pass, arm: Arm) -> tuple[str, ...]:
    """The splits in which it can be asked."""
    traffic, control = state.spec.traffic, state.control
    counted_once = traffic.affinity is None and not traffic.retries.attempts
    counted_all = state.spec.analysis.client_cancels is ClientCancels.BAD
    if control is None or state.strategy.competes or not (counted_once and counted_all):
        return ()
    return splits.compared(state.route, arm.version, control.version)


def after(state: Pass, arm: Arm, split: str, states: Sequence[MetricState], known: SharedStatus | None) -> SharedStatus:
    """One split with what this pass has seen of it."""
    shared = load(part_of(state, arm, split), known)
    item = next((item for item in states if item.split == split and item.metric.built_in), None)
    live = state.seen.route
    if item is not None and item.tick is not None and live is not None and live.route == state.route:
        shared = shared.after(item.tick.candidate.trials, item.tick.stable.trials)
    return SharedStatus(split=split, broken=sentence(arm.version, shared), state=tuple(shared.to_status()))


def of_these_shares(state: Pass, arm: Arm) -> tuple[SharedStatus, ...]:
    """Without the numbers of splits in which the arm has another part now than when they were counted."""
    parts = {split: part_of(state, arm, split) for split in shared_splits(state, arm)}
    return tuple(
        item if item.state[:1] == (parts.get(item.split),) else item.model_copy(update={"state": ()})
        for item in arm.shared
    )


def part_of(state: Pass, arm: Arm, split: str) -> float:
    """The arm's part of what it and the control get together, 0 to 1."""
    assert state.route is not None
    assert state.control is not None
    mine, other = (state.route.share(version, split) for version in (arm.version, state.control.version))
    return mine / (mine + other)


def load(part: float, known: SharedStatus | None) -> Shared:
    """As the status has it. By other shares it is another question."""
    try:
        shared = Shared.from_status(known.state) if known is not None else Shared(part)
    except (BadCount, ValueError, TypeError, OverflowError):
        return Shared(part)
    return shared if shared.part == part else Shared(part)


def sentence(version: str, shared: Shared) -> str | None:
    """Why no comparison can be trusted, with both numbers."""
    if not shared.broken:
        return None
    got, every = shared.asked.bad, shared.asked.trials
    numbers = f"{got} of {every} requests ({percent(got / every)}) where the route says {percent(shared.part)}"
    return f"{version} got {numbers}: they do not go where the shares say, or are not all counted"


def broken_in(arm: Arm, split: str | None = None) -> str | None:
    """That of a split, or the first of any."""
    return next((item.broken for item in arm.shared if item.broken and split in (None, item.split)), None)
