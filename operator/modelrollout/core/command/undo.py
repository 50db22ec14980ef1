"""``undo``: the way back after a promotion. The version before is warm for ``rollback.keepPrevious``, so that all
requests go back to it in one step, without a release of its own; what was undone is taken back, not to blame.

A spec that names the version before again (``git revert``) says the same."""

from __future__ import annotations

from modelrollout.api.command import Command
from modelrollout.api.status import HistoryEntry, Retiring, Status
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress import transitions

FIRST = "{} is the first version here, and none served before it"


def undo(state: Pass, command: Command) -> Pass:
    """The version before has all requests again; or the reason why not."""
    previous = state.status.previous
    if (objection := object_to(state, command, previous)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"undo of {command.version} does nothing: {objection}", warning=True)
    assert previous is not None
    note = f": {command.note}" if command.note else ""
    return transitions.go_back(state, previous, f"undone by {command.who}{note}")


def undo_by_spec(state: Pass) -> Pass:
    """The version before has all requests again, when the spec wants it back (``wanted_at``) and no release is under
    way."""
    previous, control = state.status.previous, state.control
    if previous is None or previous.wanted_at is None or not is_warm(state, previous):
        return state
    if control is None or state.status.trial is not None or state.rollout.deleting:
        return state
    return transitions.go_back(state, previous, f"undone: the spec names {previous.version} again")


def is_warm(state: Pass, previous: Retiring) -> bool:
    """Whether it can answer all requests at once, and is neither withheld nor on its way out."""
    withheld = {item.version for item in state.status.withheld}
    stays = previous.version not in withheld and previous.remove_at > state.now
    return stays and state.workload(previous.version).is_ready


GONE = (
    "the version before{} is gone; name it in the spec to release it again. rollback.keepPrevious keeps it for as "
    "long as you like"
)


def gone(status: Status) -> str:
    """That the version before is not there any more, by its name where the history has it."""
    control = status.stable.version if status.stable is not None else None
    served = [item.version for item in _served(status)]
    known = len(served) > 1 and served[-1] == control
    return GONE.format(f" {control}, {served[-2]}," if known else f" {control}")


def _served(status: Status) -> list[HistoryEntry]:
    """What came to serve, the oldest first, without what was undone."""
    served = list[HistoryEntry]()
    for item in status.history:
        if item.outcome in ("Installed", "Promoted"):
            served.append(item)
        elif item.outcome == "Undone" and served:
            served.pop()
    return served


def is_first(status: Status) -> bool:
    """Whether nothing served before the version that serves, as far as is known."""
    served = _served(status)
    control = status.stable.version if status.stable is not None else None
    return bool(served) and (served[-1].version, served[-1].outcome) == (control, "Installed")


def object_to(state: Pass, command: Command, previous: Retiring | None) -> str | None:
    """Why there is no way back, in words."""
    control = state.control.version if state.control is not None else None
    if state.status.trial is not None:
        return "a release is under way; abort takes it back"
    if control is None or not command.is_for(control):
        return f"{control or 'nothing'} serves"
    if previous is None and is_first(state.status):
        return FIRST.format(control)
    if previous is None or previous.remove_at <= state.now:
        return gone(state.status)
    if state.workload(previous.version).ready == 0:
        return f"no pod of {previous.version} is ready"
    return None
