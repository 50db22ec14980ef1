"""``spec.validation``: what a version must show before any request of a user reaches it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelrollout.api.base import PositiveDuration, SpecModel
from modelrollout.api.rules import OBJECT_NAME
from modelrollout.api.samples import Samples
from modelrollout.api.shadow import Shadow


class SignatureRule(StrEnum):
    """What a signature that callers of stable cannot use any more leads to."""

    REQUIRE_MAJOR_BUMP = "RequireMajorBump"
    REPORT = "Report"
    IGNORE = "Ignore"


class Infrastructure(SpecModel):
    """What the version's own pods must keep to, which are those of production: image, resources, template."""

    max_load_time: PositiveDuration | None = Field(
        default=None,
        description="The longest time from the start of a model server's container to its pod being ready, by the "
        "kubelet's clock, in whole seconds. Fetching is no part of it.",
    )
    max_memory_fraction: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="The most of its memory limit that a model server may have in use once it is loaded and has "
        "answered the samples, as Prometheus has it from the kubelets' cAdvisor.",
    )


class Validation(SpecModel):
    """What a version must show before any request of a user reaches it, whatever the strategy."""

    signature: SignatureRule = Field(
        default=SignatureRule.REQUIRE_MAJOR_BUMP,
        description="RequireMajorBump: a version whose signatures callers of stable cannot use any more gets no "
        "request unless its MAJOR is higher. Report: it is told, and nothing waits for it. Ignore: nobody looks. "
        "Without validation in the spec it is Report.",
    )
    infrastructure: Infrastructure = Infrastructure()
    samples: Samples | None = None
    shadow: Shadow | None = None
    allow_downgrade: bool = Field(
        default=False,
        description="Whether spec.model.version may be below the version that serves, or its PIPELINE below that "
        "one's, though it never served here.",
    )


class ValidateOnly(SpecModel):
    """The version of spec.model is deployed, looked at as spec.validation says, and removed. Nothing is released and
    nothing routed; hosts and steps are those of a release that may follow."""

    against: Annotated[str, OBJECT_NAME] | None = Field(
        default=None,
        max_length=253,
        description="Name of a ModelRollout in the same namespace: the version is compared with what that one serves, "
        "which is left alone. None, or one that serves nothing: it is compared with nothing, as a first version.",
    )


UNWRITTEN = Validation(signature=SignatureRule.REPORT)
"""Where the spec says nothing: who did not ask for a gate is told, and no release waits or ends for it."""
