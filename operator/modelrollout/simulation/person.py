"""The person whom a release asks for approval: nobody, or one who approves after the same time whenever asked."""

from __future__ import annotations

from modelrollout.api.command import SEVERAL, Command, Verb
from modelrollout.api.status import Phase, Status

AGAIN_SECONDS = 1.0  # before the word is said again, where it was not enough


class Person:
    """Says promote ``after`` seconds of waiting; None: never."""

    def __init__(self, after: float | None) -> None:
        self._after = after
        self._asked: float | None = None  # since when it is waited for
        self._words = 0

    def says(self, time: float, status: Status) -> str | None:
        """The command of this moment, or None."""
        due = self.next_word(time, status)
        if due is None or due > time:
            return None
        self._asked = time + AGAIN_SECONDS
        self._words += 1
        versions = SEVERAL.join(arm.version for arm in status.arms)
        return Command(Verb.PROMOTE, versions, f"approval-{self._words}").render()

    def next_word(self, time: float, status: Status) -> float | None:
        """When approval will be given, in seconds since the start; None while nothing waits for it."""
        if self._after is None or status.phase is not Phase.AWAITING_APPROVAL:
            self._asked = None
            return None
        if self._asked is None:
            self._asked = time
        return self._asked + self._after
