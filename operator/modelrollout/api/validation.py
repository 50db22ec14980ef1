"""``spec.validation``: what a version must show before any request of a user reaches it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from modelrollout.api.base import SpecModel
from modelrollout.api.samples import Samples


class SignatureRule(StrEnum):
    """What a signature that callers of stable cannot use any more leads to."""

    REQUIRE_MAJOR_BUMP = "RequireMajorBump"
    REPORT = "Report"
    IGNORE = "Ignore"


class Validation(SpecModel):
    """What a version must show before any request of a user reaches it, whatever the strategy."""

    signature: SignatureRule = Field(
        default=SignatureRule.REQUIRE_MAJOR_BUMP,
        description="RequireMajorBump: a version whose signatures callers of stable cannot use any more gets no "
        "request unless its MAJOR is higher. Report: it is told, and nothing waits for it. Ignore: nobody looks. "
        "Without validation in the spec it is Report.",
    )
    samples: Samples | None = None
    allow_downgrade: bool = Field(
        default=False,
        description="Whether spec.model.version may be below the version that serves, though it never served here.",
    )


UNWRITTEN = Validation(signature=SignatureRule.REPORT)
"""Where the spec says nothing: who did not ask for a gate is told, and no release waits or ends for it."""
