"""Whether the live route has let go of a version that was taken back.

Pure. The status is written after the route, but also when the route could not be written: the operator's decision is
not yet what the mesh does. The condition ``TrafficApplied`` says when it is.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from modelrollout.api.command import SEVERAL, Command, Verb
from modelrollout.api.status import Retiring, Status
from modelrollout.cli.text import listed
from modelrollout.core.plan import Reason

APPLIED = "TrafficApplied"


def not_done(command: Command, status: Status) -> str | None:
    """Why the requests that a command takes away from a version may still reach it; None when they do not, and for all
    other commands."""
    versions = command.version.split(SEVERAL)
    if command.verb is Verb.LOWER and any(arm.version in versions for arm in status.arms):
        moved = not_applied(status)
        return f"the live route may still be as before: {moved}" if moved is not None else None
    return still_routed(status, versions) if command.verb.takes_back else None


def still_routed(status: Status, versions: Collection[str]) -> str | None:
    """That the live route may still lead to some of the versions though they have left, and why; None when it does not,
    and where nothing serves yet, so that there is no route. A version that had left before the live route was last seen
    to be the one that was decided is out of it, however long its pods are kept."""
    moved, since = not_applied(status), _not_applied_since(status)
    gone = (item.version for item in status.retiring if item.version in versions and _left_at(status, item) >= since)
    left = list(dict.fromkeys(gone))
    return f"the live route may still lead to {listed(left)}: {moved}" if left and moved is not None else None


def _left_at(status: Status, item: Retiring) -> float:
    """When a version left, at the latest; the one before a promotion with that. Seconds since the epoch, whole."""
    ends = [entry.ended_at for entry in status.history if entry.version == item.version]
    return int(item.drain_until if item.reason == Reason.DRAINED or not ends else ends[-1])


def _not_applied_since(status: Status) -> float:
    """Since when the live route is another one than was decided, in whole seconds as conditions have it."""
    applied = next((item for item in status.conditions if item.type == APPLIED), None)
    return datetime.fromisoformat(applied.last_transition_time).timestamp() if applied is not None else 0.0


def not_applied(status: Status) -> str | None:
    """Why the live route is not the one that was decided; None when it is."""
    applied = next((item for item in status.conditions if item.type == APPLIED), None)
    if applied is None or applied.status != "False" or applied.reason == Reason.NOTHING_SERVES:
        return None
    return applied.message
