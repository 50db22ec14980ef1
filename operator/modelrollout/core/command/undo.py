"""``undo``: the way back after a promotion. The version before is warm for ``rollback.keepPrevious``, so that all
requests go back to it in one step, without a release of its own; what was undone is taken back, not to blame."""

from __future__ import annotations

from modelrollout.api.command import Command
from modelrollout.api.status import Retiring, Status
from modelrollout.core.pass_state import Pass
from modelrollout.core.plan import Reason
from modelrollout.core.progress import transitions


def undo(state: Pass, command: Command) -> Pass:
    """The version before has all requests again; or the reason why not."""
    previous = previous_version(state.status)
    if (objection := object_to(state, command, previous)) is not None:
        return state.say(Reason.COMMAND_IGNORED, f"undo of {command.version} does nothing: {objection}", warning=True)
    assert previous is not None
    note = f": {command.note}" if command.note else ""
    return transitions.go_back(state, previous, f"undone by a person{note}")


def previous_version(status: Status) -> Retiring | None:
    """The version that the control took the place of last, while its pods are kept."""
    drained = [item for item in status.retiring if item.reason == Reason.DRAINED]
    return drained[-1] if drained else None


def object_to(state: Pass, command: Command, previous: Retiring | None) -> str | None:
    """Why there is no way back, in words."""
    control = state.control.version if state.control is not None else None
    if state.status.trial is not None:
        return "a release is under way; abort takes it back"
    if control is None or not command.is_for(control):
        return f"{control or 'nothing'} serves"
    if previous is None:
        return "the version before is gone; rollback.keepPrevious keeps it for as long as you like"
    if state.workload(previous.version).ready == 0:
        return f"no pod of {previous.version} is ready"
    return None
