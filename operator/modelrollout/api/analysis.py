"""How a candidate is judged: metrics, where they come from, and what to do when they cannot speak."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, field_validator, model_validator

from modelrollout.api.base import Duration, SpecModel


class Provider(StrEnum):
    """Where the built-in metrics come from."""

    ISTIO = "istio"
    ENVOY = "envoy"
    TENSORFLOW_SERVING = "tensorflow-serving"


class Direction(StrEnum):
    """Which way is better, of the share successes / trials."""

    HIGHER_IS_BETTER = "HigherIsBetter"
    LOWER_IS_BETTER = "LowerIsBetter"


class BlindPolicy(StrEnum):
    """What to do when Prometheus has been away for ``maxBlind``."""

    PAUSE = "Pause"
    ROLLBACK = "Rollback"


class TimeoutPolicy(StrEnum):
    """What to do when a step could not be decided for ``maxHold``."""

    PAUSE = "Pause"
    PROMOTE = "Promote"
    ROLLBACK = "Rollback"


class Metric(SpecModel):
    """One metric. ``errors`` and ``latency`` are built in; any other name brings its own PromQL."""

    name: str = Field(pattern=r"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$")
    over: Duration | None = Field(
        default=None,
        description="latency only: an answer slower than this is a bad one. The next histogram bucket bound at or "
        "above it is used.",
    )
    successes: str | None = Field(
        default=None,
        max_length=4096,
        description="PromQL, a counter of one version: {{ version }}, {{ workload }}, {{ rollout }} and "
        "{{ namespace }} are filled in.",
    )
    trials: str | None = Field(default=None, max_length=4096, description="PromQL, as successes.")
    direction: Direction = Direction.HIGHER_IS_BETTER
    required: bool = Field(
        default=True, description="Without fresh samples of this metric the candidate gets no more traffic."
    )

    @property
    def built_in(self) -> bool:
        """Whether the provider knows its queries."""
        return self.name in ("errors", "latency")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.name == "latency" and self.over is None:
            raise ValueError("metric latency needs over, for example over: 70ms")
        if self.name != "latency" and self.over is not None:
            raise ValueError(f"over belongs to metric latency, not to {self.name}")
        if self.built_in and (self.successes or self.trials):
            raise ValueError(f"metric {self.name} is built in and takes no successes or trials; rename it")
        if not self.built_in and not (self.successes and self.trials):
            raise ValueError(f"metric {self.name} is not built in and needs successes and trials")
        return self


class Analysis(SpecModel):
    """The judgement of a candidate against the stable version, by sequential tests under one alpha."""

    provider: Provider = Provider.ISTIO
    false_rollback: float = Field(
        default=0.01,
        gt=0,
        le=0.2,
        description="alpha: the chance that a release as good as stable is rolled back, for the whole release, "
        "however often it is looked at.",
    )
    margin: float = Field(
        default=1.1, ge=1, le=10, description="Odds of a bad answer up to this times stable's are tolerated."
    )
    floor: float = Field(
        default=0.001, ge=0, lt=1, description="A share of bad answers up to this is always tolerated."
    )
    not_worse_than: float = Field(
        default=2.0,
        gt=1,
        le=100,
        description="Proven not worse means: odds of a bad answer proven below this times stable's.",
    )
    metrics: tuple[Metric, ...] = Field(default=(Metric(name="errors"),), min_length=1, max_length=8)
    min_requests: int = Field(
        default=50,
        ge=0,
        description="Requests that a candidate must have answered at a weight before the next.",
    )
    no_traffic_after: Duration = Field(default=60.0)
    on_blind: BlindPolicy = BlindPolicy.PAUSE
    max_blind: Duration = Field(default=300.0, description="How long Prometheus may be away before onBlind holds.")
    on_timeout: TimeoutPolicy = TimeoutPolicy.PAUSE
    max_hold: Duration = Field(default=3600.0, description="How long an undecided step is held before onTimeout holds.")

    @field_validator("metrics")
    @classmethod
    def _names_differ(cls, metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
        names = [metric.name for metric in metrics]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"metric {name} is given twice")
        return metrics
