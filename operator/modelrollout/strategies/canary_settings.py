"""``spec.strategy.canary``: steps that a person lists, or weights that rise by evidence, and the bake."""

from __future__ import annotations

import itertools
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.bake import Bake, BakeField
from modelrollout.api.base import Duration, PositiveDuration, SpecModel
from modelrollout.api.rules import rule, rules


class Approval(SpecModel):
    """A person goes on with ``modelrollout promote``."""


class Pause(SpecModel):
    """A wait at the present weight."""

    duration: PositiveDuration | None = Field(
        default=None,
        alias="for",
        description="Goes on after this time; without it, when a person says promote.",
    )


_NOBODY_IS_JUDGED = (
    "setWeight 0 gives the candidate no requests to be judged by; write pause: {for: 5m} or approval: {} for a wait"
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
            rule("!has(self.setWeight) || self.setWeight != 0", _NOBODY_IS_JUDGED),
        )
    )
    set_weight: int | None = Field(
        default=None, ge=0, le=100, description="Percent of the requests that the candidate gets."
    )
    duration: Duration | None = Field(
        default=None,
        alias="for",
        description="With setWeight: the shortest time at this weight. Without it, until the candidate is proven good "
        "enough for the next one: not worse than stable or, for less than all requests, with so few bad answers that "
        "their part of all requests stays below analysis.floor.",
    )
    pause: Pause | None = None
    approval: Approval | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(value is not None for value in (self.set_weight, self.pause, self.approval)) != 1:
            raise ValueError("a step has exactly one of setWeight, pause and approval")
        if self.duration is not None and self.set_weight is None:
            raise ValueError("for belongs to setWeight; write pause: {for: 5m} for a wait")
        if self.set_weight == 0:
            raise ValueError(_NOBODY_IS_JUDGED)
        return self


_START = "(has(self.start) ? self.start : 1)"
_MAX = "(has(self.max) ? self.max : 50)"


class EvidenceSteps(SpecModel):
    """Weights that rise as soon as the candidate is proven good enough for the next one, with no step list."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"{_START} <= {_MAX}",
                "start is above max; lower start or raise max",
                shown=f"'start %d is above max %d; lower start or raise max'.format([{_START}, {_MAX}])",
            )
        )
    )
    start: int = Field(default=1, ge=1, le=99, description="The first weight, percent.")
    max: int = Field(default=50, ge=1, le=100, description="The last weight before promotion, percent.")
    factor: float = Field(default=2.0, gt=1, le=100, description="Each weight is the last one times this.")

    @model_validator(mode="after")
    def _start_below_max(self) -> Self:
        if self.start > self.max:
            raise ValueError(f"start {self.start} is above max {self.max}; lower start or raise max")
        return self


_HAS_STEPS = "(has(self.steps) && self.steps.size() > 0)"
_SWITCH = (
    "the first setWeight is 100; begin below 100, or nobody compares the candidate with stable before it has all "
    "requests, or take strategy blueGreen"
)
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
                f"!{_HAS_STEPS} || !self.steps.exists(step, has(step.setWeight))"
                " || self.steps.exists(step, has(step.setWeight) && step.setWeight != 100)",
                _SWITCH,
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
    bake: BakeField = Field(
        default=Bake(duration=0.0),
        description="Watch after the last step, while the old version stays warm, before the release is final: a time, "
        "or {for: 10m, control: 5}. Without control stable keeps 5 %.",
    )

    @model_validator(mode="after")
    def _steps_or_evidence(self) -> Self:
        if bool(self.steps) == (self.evidence is not None):
            raise ValueError("a canary has either steps or evidence")
        weights = [step.set_weight for step in self.steps if step.set_weight is not None]
        if self.steps and not weights:
            raise ValueError("steps has no setWeight; the candidate would never get a request")
        if self.steps and min(weights) == 100:
            raise ValueError(_SWITCH)
        if any(later <= earlier for earlier, later in itertools.pairwise(weights)):
            raise ValueError(f"{_ASCENDING}; given: {weights}")
        return self
