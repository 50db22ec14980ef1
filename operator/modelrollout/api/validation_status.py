"""What a version showed before its first request: by checks, by copies of requests, by smoke requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelrollout.api.base import StatusModel, Timestamp
from modelrollout.api.shadow_counts import ShadowCounts
from modelrollout.api.version import VERSION


class CheckStatus(StatusModel):
    """What came of one check before any traffic."""

    check: str
    verdict: str  # Pass Fail Reported Unknown
    message: str = ""


class ValidationStatus(StatusModel):
    """What a version showed before its first request."""

    passed: bool = False
    by: str = ""  # digest of what was asked for
    since: Timestamp | None = None  # since when that is looked at
    failed: str | None = None  # what speaks against it
    held: str | None = None  # why it could not be found out yet
    checks: tuple[CheckStatus, ...] = ()


class LastValidation(StatusModel):
    """What a version showed that is not deployed any more."""

    version: Annotated[str, VERSION]
    checks: tuple[CheckStatus, ...] = ()


class SmokeStatus(StatusModel):
    """The smoke requests to an arm before its first share."""

    passed: bool = False
    attempts: int = 0  # sets that were answered, well or not
    at: Timestamp | None = None  # when the last set came back
    obstacle: str | None = None  # why nothing is known of its answers
    failed: str | None = None  # what speaks against it, by the last set


class ShadowStatus(StatusModel):
    """What came of comparing an arm's answers with stable's, before its first request."""

    by: str = ""  # digest of what was asked for
    since: Timestamp | None = None  # since when answers are compared
    passed: bool = False
    failed: str | None = None  # what is proven against it
    held: str | None = None  # why nothing can be seen
    held_since: Timestamp | None = None
    undecided_since: Timestamp | None = None  # since when it could go on, but for what the spec limits and is not known
    compared: Annotated[float, Field(ge=0)] = 0.0
    before: ShadowCounts | None = None  # what was counted by comparers that are gone
    last: ShadowCounts | None = None  # and by the one that is there, as it was seen last
    message: str = ""  # how things stand
    checks: tuple[CheckStatus, ...] = ()
