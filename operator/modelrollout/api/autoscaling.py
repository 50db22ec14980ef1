"""``spec.serving``: how many pods a version has, and who decides that.

A number in ``replicas`` holds. ``autoscaling`` makes a HorizontalPodAutoscaler for each version. Without either the
number is left to whatever else scales Deployments (KEDA, an autoscaler of the user's own, ``kubectl scale``).
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.base import SpecModel
from modelrollout.api.rules import rule, rules

MOST_REPLICAS = 1000
_MIN_ABOVE_MAX = "min must not be above max"


class ArmReplicas(StrEnum):
    """How many pods a version under trial has."""

    FULL = "Full"
    BY_SHARE = "ByShare"


def _min_below_max(schema: dict[str, Any]) -> None:
    rules(rule("(has(self.min) ? self.min : 1) <= self.max", _MIN_ABOVE_MAX))(schema)


class Autoscaling(SpecModel):
    """A HorizontalPodAutoscaler for each version."""

    model_config = ConfigDict(json_schema_extra=_min_below_max)

    min: int = Field(
        default=1,
        ge=1,
        le=MOST_REPLICAS,
        description="Fewest pods of a version. While a release is under way stable keeps at least those that it has, "
        "and a version under trial at least those that armReplicas says.",
    )
    max: int = Field(ge=1, le=MOST_REPLICAS, description="Most pods of a version.")
    metrics: tuple[dict[str, Any], ...] = Field(
        default=(),
        max_length=16,
        description="What to scale by, as in a HorizontalPodAutoscaler (autoscaling/v2). Without any Kubernetes scales "
        "by 80 % of the processor time that the pods request, so set resources.requests.cpu then.",
    )
    behavior: dict[str, Any] | None = Field(
        default=None, description="How fast to scale, as in a HorizontalPodAutoscaler."
    )

    @model_validator(mode="after")
    def _min_is_not_above_max(self) -> Self:
        if self.min > self.max:
            raise ValueError(_MIN_ABOVE_MAX)
        return self

    def bounded(self, pods: int) -> int:
        """A number of pods within the bounds."""
        return min(max(pods, self.min), self.max)
