"""What becomes of a test's outcome: carried out by itself, or left to a person."""

from __future__ import annotations

from enum import StrEnum


class OnWinner(StrEnum):
    """Whether the winner of a test takes all requests by itself (Promote), or waits for `modelrollout promote`
    (Pause)."""

    PROMOTE = "Promote"
    PAUSE = "Pause"


class OnNoDifference(StrEnum):
    """What happens when the versions are proven not to differ, or the time is over with nothing proven: the version
    that serves stays and the others leave (KeepControl), or a person is waited for (Pause)."""

    KEEP_CONTROL = "KeepControl"
    PAUSE = "Pause"
