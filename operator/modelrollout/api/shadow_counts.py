"""What comparers that are gone had counted of an arm: a comparer is for certain arms, and counts from 0.

When one of several arms leaves, the others get another comparer; and one that is killed is started again. The counts go
on: a test that begins anew has its chance of an error once more.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelrollout.api.base import LATEST, StatusModel

Count = Annotated[float, Field(ge=0, le=1e12)]


class ReplayCounts(StatusModel):
    """The answers of one version; ``latency`` and ``scores`` by the bins of ``api/compared``, not cumulated."""

    answered: Count = 0.0
    failed: Count = 0.0
    latency: Annotated[tuple[Count, ...], Field(max_length=100)] = ()
    scores: Annotated[tuple[Count, ...], Field(max_length=100)] = ()


class ShadowCounts(StatusModel):
    """Of one arm beside stable. ``noise_different`` of ``noise_compared`` are stable's answers against its own.
    ``started`` is when the process that counted them began, seconds since 1970; 0 where several did."""

    compared: Count = 0.0
    different: Count = 0.0
    once: Count = 0.0
    always: Count = 0.0
    noise_different: Count = 0.0
    noise_compared: Count = 0.0
    arm: ReplayCounts = ReplayCounts()
    control: ReplayCounts = ReplayCounts()
    started: Annotated[float, Field(ge=0, le=LATEST)] = 0.0
