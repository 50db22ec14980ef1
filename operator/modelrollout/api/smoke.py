"""Smoke requests: what an arm is asked before its first share of users' requests."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.base import PositiveDuration, SpecModel
from modelrollout.api.rules import OBJECT_NAME, rule, rules


class Smoke(SpecModel):
    """Requests sent through the mesh to the green version at weight 0. Every one must be answered well:
    status 200, valid JSON, all numbers finite, in time."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(has(self.requests) && self.requests.size() > 0) != has(self.configMap)",
                "smoke has either requests or configMap",
            )
        )
    )
    requests: tuple[dict[str, Any], ...] = Field(
        default=(),
        max_length=64,
        description="Bodies of :predict requests, for example {instances: [[1, 2]]}.",
    )
    config_map: Annotated[str, OBJECT_NAME] | None = Field(
        default=None,
        max_length=253,
        description="Name of a ConfigMap in the same namespace: each key holds one request body in JSON.",
    )
    max_latency: PositiveDuration | None = Field(default=None, description="The slowest answer that is still good.")
    attempts: int = Field(
        default=3,
        ge=1,
        le=20,
        description="How often the whole set is sent before its failures count, a few seconds apart: the route may "
        "need a moment to reach the gateway.",
    )

    @model_validator(mode="after")
    def _requests_or_config_map(self) -> Self:
        if bool(self.requests) == (self.config_map is not None):
            raise ValueError("smoke has either requests or configMap")
        return self
