"""Whether the live route has let go of a version that was taken back.

Pure. The status is written after the route, but also when the route could not be written: the operator's decision is
not yet what the mesh does. The condition ``TrafficApplied`` says when it is.
"""

from __future__ import annotations

from collections.abc import Collection

from modelrollout.api.status import Status
from modelrollout.cli.text import listed
from modelrollout.core.plan import Reason


def still_routed(status: Status, versions: Collection[str]) -> str | None:
    """That the live route may still lead to some of the versions though they have left, and why; None when it does not,
    and where nothing serves yet, so that there is no route."""
    left = list(dict.fromkeys(item.version for item in status.retiring if item.version in versions))
    applied = next((item for item in status.conditions if item.type == "TrafficApplied"), None)
    if not left or applied is None or applied.status != "False" or applied.reason == Reason.NOTHING_SERVES:
        return None
    return f"the live route may still lead to {listed(left)}: {applied.message}"
