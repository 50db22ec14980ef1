"""Why a reward is not counted: one word for programs, a sentence for people, a status for HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The words, each with its HTTP status in ``STATUS``."""

    MALFORMED = "Malformed"  # it is not of the form
    NOT_A_NUMBER = "NotANumber"  # the reward is none, or not a finite one
    UNSIGNED = "Unsigned"  # a key is given, and the request is not signed with it
    UNKNOWN = "Unknown"  # nothing of that name is on trial
    DUPLICATE = "Duplicate"  # it was counted already
    LATE = "Late"  # the decision is older than the window
    EARLY = "Early"  # the decision is from the future
    TOO_LARGE = "TooLarge"  # more than one request may hold
    UNAVAILABLE = "Unavailable"  # nothing is wrong with it: send it again


STATUS = {
    Reason.MALFORMED: 400,
    Reason.NOT_A_NUMBER: 400,
    Reason.UNSIGNED: 401,
    Reason.UNKNOWN: 404,
    Reason.DUPLICATE: 409,
    Reason.LATE: 410,
    Reason.EARLY: 422,
    Reason.TOO_LARGE: 413,
    Reason.UNAVAILABLE: 503,
}


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """One reward, or one request, that is not counted."""

    reason: Reason
    message: str

    @property
    def status(self) -> int:
        """Of the answer to a single reward."""
        return STATUS[self.reason]

    @property
    def body(self) -> dict[str, str]:
        """For the answer."""
        return {"reason": self.reason.value, "message": self.message}
