"""The strategies' settings: canary and blue/green."""

from __future__ import annotations

import itertools
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.base import Duration, PositiveDuration, SpecModel
from modelrollout.api.rules import OBJECT_NAME, HeaderName, rule, rules


class Approval(SpecModel):
    """A person goes on with ``modelrollout promote``."""


class Pause(SpecModel):
    """A wait at the present weight."""

    duration: PositiveDuration | None = Field(
        default=None,
        alias="for",
        description="Goes on after this time; without it, when a person says promote.",
    )


class CanaryStep(SpecModel):
    """One step: a weight and how long it is held, or a wait, or a person's approval. Exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.setWeight), has(self.pause), has(self.approval)].filter(given, given).size() == 1",
                "a step has exactly one of setWeight, pause and approval",
            ),
            rule(
                "!has(self.for) || has(self.setWeight)", "for belongs to setWeight; write pause: {for: 5m} for a wait"
            ),
        )
    )
    set_weight: int | None = Field(
        default=None, ge=0, le=100, description="Percent of the requests that the candidate gets."
    )
    duration: Duration | None = Field(
        default=None,
        alias="for",
        description="With setWeight: the shortest time at this weight. Without it, until the candidate is proven "
        "not worse.",
    )
    pause: Pause | None = None
    approval: Approval | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(value is not None for value in (self.set_weight, self.pause, self.approval)) != 1:
            raise ValueError("a step has exactly one of setWeight, pause and approval")
        if self.duration is not None and self.set_weight is None:
            raise ValueError("for belongs to setWeight; write pause: {for: 5m} for a wait")
        return self


_START = "(has(self.start) ? self.start : 1)"
_MAX = "(has(self.max) ? self.max : 50)"


class EvidenceSteps(SpecModel):
    """Weights that rise as soon as the candidate is proven not worse, with no step list."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"{_START} <= {_MAX}",
                "start is above max; lower start or raise max",
                shown=f"'start %d is above max %d; lower start or raise max'.format([{_START}, {_MAX}])",
            )
        )
    )
    start: int = Field(default=1, ge=1, le=100, description="The first weight, percent.")
    max: int = Field(default=50, ge=1, le=100, description="The last weight before promotion, percent.")
    factor: float = Field(default=2.0, gt=1, le=100, description="Each weight is the last one times this.")

    @model_validator(mode="after")
    def _start_below_max(self) -> Self:
        if self.start > self.max:
            raise ValueError(f"start {self.start} is above max {self.max}; lower start or raise max")
        return self


_HAS_STEPS = "(has(self.steps) && self.steps.size() > 0)"
_ASCENDING = "steps must ascend: each setWeight must be above the one before it"


class Canary(SpecModel):
    """A growing share of the requests. Either ``steps`` or ``evidence``."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(f"{_HAS_STEPS} != has(self.evidence)", "a canary has either steps or evidence"),
            rule(
                f"!{_HAS_STEPS} || self.steps.exists(step, has(step.setWeight))",
                "steps has no setWeight; the candidate would never get a request",
                field=".steps",
            ),
            rule(
                "!has(self.steps) || self.steps.filter(step, has(step.setWeight)).map(step, step.setWeight).isSorted()"
                " && self.steps.filter(step, has(step.setWeight)).all(step, self.steps.filter(other,"
                " has(other.setWeight) && other.setWeight == step.setWeight).size() == 1)",
                _ASCENDING,
                shown=f"'{_ASCENDING}; given: %s'.format([self.steps.filter(step, has(step.setWeight))"
                ".map(step, step.setWeight)])",
                field=".steps",
            ),
        )
    )
    steps: tuple[CanaryStep, ...] = Field(
        default=(), max_length=50, description="In this order, with rising weights; after the last all the traffic."
    )
    evidence: EvidenceSteps | None = None
    step_early: bool = Field(
        default=False,
        description="A step with a time ends before it when the candidate is proven not worse.",
    )
    bake: Duration = Field(
        default=0.0,
        description="Watch after full weight, while the old version stays warm, before the release is final.",
    )

    @model_validator(mode="after")
    def _steps_or_evidence(self) -> Self:
        if bool(self.steps) == (self.evidence is not None):
            raise ValueError("a canary has either steps or evidence")
        weights = [step.set_weight for step in self.steps if step.set_weight is not None]
        if self.steps and not weights:
            raise ValueError("steps has no setWeight; the candidate would never get a request")
        if any(later <= earlier for earlier, later in itertools.pairwise(weights)):
            raise ValueError(f"{_ASCENDING}; given: {weights}")
        return self


class Header(SpecModel):
    """A request header and its exact value."""

    name: HeaderName = Field(description="Its name; upper and lower case are the same.")
    value: str = Field(min_length=1, max_length=256, description="Its value, as a whole.")


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


class BlueGreen(SpecModel):
    """Green at weight 0, checked there, then one switch of all the traffic; blue stays warm until the bake ends."""

    preview: Header = Field(
        default=Header(name="x-model-preview", value="green"),
        description="Requests with this header reach green before the switch.",
    )
    smoke: Smoke | None = None
    approval: bool = Field(default=False, description="A person says promote before the switch.")
    bake: Duration = Field(
        default=600.0, description="Watch after the switch, with blue warm and the way back instant."
    )
