"""Smoke requests: the samples that an arm is sent on users' way, before its first share of users' requests."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.rules import rule, rules
from modelrollout.api.samples import GOLDEN_RULES, Demand, Samples, SampleSet

_ONE_PLACE = "smoke has either requests or configMap"


def _smoke_rules(schema: dict[str, Any]) -> None:
    rules(
        rule("(has(self.requests) && self.requests.size() > 0) != has(self.configMap)", _ONE_PLACE),
        *GOLDEN_RULES,
    )(schema)


class Smoke(SampleSet):
    """Samples sent to the green version at weight 0 the way that users' requests come, by REST. Their answers are
    looked at as those of validation.samples are, which go to a pod."""

    model_config = ConfigDict(json_schema_extra=_smoke_rules)

    same_twice: Demand = Field(
        default=Demand.REPORT, description="Whether the same request must be answered the same when it is sent again."
    )
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
            raise ValueError(_ONE_PLACE)
        return self

    @property
    def samples(self) -> Samples:
        """The same, for who sends and checks samples."""
        return Samples(**{name: getattr(self, name) for name in SampleSet.model_fields})
