"""What the servers of an arm and of the control said when they were asked before any traffic."""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.api.signature import Signatures


@dataclass(frozen=True, slots=True)
class Probed:
    """Of one arm, at one time. ``unread`` says why signatures could not be read, the arm's or the control's: that is
    nobody's fault."""

    signatures: Signatures | None = None
    of_control: Signatures | None = None
    unread: str | None = None
