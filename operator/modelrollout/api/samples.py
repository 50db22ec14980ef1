"""``spec.validation.samples``: requests that a version must answer well before any user asks it. Those that go through
the mesh, ``strategy.blueGreen.smoke``, are of the same kind (``smoke.py``)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.base import PositiveDuration, SpecModel
from modelrollout.api.rules import OBJECT_NAME, rule, rules

_ONE_PLACE = "samples has one of requests, configMap and fromModel"
_AS_MANY = "golden.answers must be as many as requests, in their order"
_GOLDEN_PLACE = "golden has either answers, as requests are written out, or configMap, as they are in one"
_GOLDEN_OF_MODEL = "golden goes with samples.requests or samples.configMap: what is in the model is not known before"
_WARM_UP_OF_MODEL = (
    "warmUpFile goes with samples.requests or samples.configMap: with fromModel the model has one already"
)
Json = dict[str, Any]


class Protocol(StrEnum):
    """How samples are sent."""

    REST = "REST"
    GRPC = "gRPC"


class Demand(StrEnum):
    """What a check that speaks against a version leads to."""

    REQUIRE = "Require"
    REPORT = "Report"
    IGNORE = "Ignore"


class Tolerance(SpecModel):
    """When two numbers are the same: they differ by at most atol + rtol times the expected one."""

    atol: float = Field(default=1e-6, ge=0, le=1e9, description="Absolute.")
    rtol: float = Field(default=1e-4, ge=0, le=1, description="Relative to the expected number.")


class Golden(SpecModel):
    """What the samples must be answered with."""

    answers: tuple[Json, ...] = Field(
        default=(),
        max_length=64,
        description="The answer to each of requests, in their order, for example {predictions: [[0.1, 0.9]]}.",
    )
    config_map: Annotated[str, OBJECT_NAME] | None = Field(
        default=None,
        max_length=253,
        description="Name of a ConfigMap in the same namespace: the answer to each key of the other configMap, in "
        "JSON, under the same key.",
    )
    top_k: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="Of each list of scores only the places of its K highest count, in order. None: every number.",
    )


class Agreement(SpecModel):
    """How often a version must decide as the one that serves."""

    with_control: float = Field(
        gt=0,
        le=1,
        description="The least part of all rows of the samples for which both versions say the same: the same place of "
        "the highest score, or the same number within the tolerance.",
    )


GOLDEN_RULES = (
    rule(
        "!has(self.golden) || ((has(self.golden.answers) && self.golden.answers.size() > 0) != "
        "has(self.golden.configMap) && has(self.golden.configMap) == has(self.configMap))",
        _GOLDEN_PLACE,
        field=".golden",
    ),
    rule(
        "!has(self.golden) || !has(self.golden.answers) || !has(self.requests) || "
        "self.golden.answers.size() == 0 || self.golden.answers.size() == self.requests.size()",
        _AS_MANY,
        field=".golden",
    ),
)


def _samples_rules(schema: dict[str, Any]) -> None:
    rules(
        rule(
            "[has(self.requests) && self.requests.size() > 0, has(self.configMap), has(self.fromModel) && "
            "self.fromModel].filter(given, given).size() == 1",
            _ONE_PLACE,
        ),
        rule(
            "!has(self.fromModel) || !self.fromModel || !has(self.golden)",
            _GOLDEN_OF_MODEL,
            field=".golden",
        ),
        rule(
            "!has(self.fromModel) || !self.fromModel || !has(self.warmUpFile) || !self.warmUpFile",
            _WARM_UP_OF_MODEL,
            field=".warmUpFile",
        ),
        *GOLDEN_RULES,
    )(schema)


class SampleSet(SpecModel):
    """Requests, and when their answers are good."""

    requests: tuple[Json, ...] = Field(
        default=(),
        max_length=64,
        description="Bodies of :predict requests, for example {instances: [[1, 2]]}.",
    )
    config_map: Annotated[str, OBJECT_NAME] | None = Field(
        default=None,
        max_length=253,
        description="Name of a ConfigMap in the same namespace: each key of data holds one request body in JSON.",
    )
    warm_up: int = Field(
        default=1,
        ge=0,
        le=100,
        description="How often the first sample is sent before anything counts. The first answer's time is the cold "
        "latency, and is reported.",
    )
    max_latency: PositiveDuration | None = Field(
        default=None, description="The slowest answer that is still good, after the warm-up."
    )
    tolerance: Tolerance = Field(default=Tolerance(), description="For every comparison of two answers.")
    same_twice: Demand = Field(
        default=Demand.REQUIRE, description="Whether the same request must be answered the same when it is sent again."
    )
    varied: Demand = Field(
        default=Demand.REPORT, description="Whether different requests must not all be answered the same."
    )
    golden: Golden | None = None

    @model_validator(mode="after")
    def _golden_of_these(self) -> Self:
        golden = self.golden
        if golden is None or not (self.requests or self.config_map):
            return self
        if bool(golden.answers) == (golden.config_map is not None):
            raise ValueError(_GOLDEN_PLACE)
        if (golden.config_map is None) != (self.config_map is None):
            raise ValueError(_GOLDEN_PLACE)
        if golden.answers and len(golden.answers) != len(self.requests):
            raise ValueError(_AS_MANY)
        return self


class Samples(SampleSet):
    """Requests sent to a pod of the version, not through the mesh, before any user's. Every one must be answered with
    status 200, in the form and with the types that the signature says, and with finite numbers."""

    model_config = ConfigDict(json_schema_extra=_samples_rules)

    config_map: Annotated[str, OBJECT_NAME] | None = Field(
        default=None,
        max_length=253,
        description="Name of a ConfigMap in the same namespace: each key of data holds one request body in JSON, each "
        "of binaryData recorded requests, as a TFRecord file of PredictionLogs. At most 64 together.",
    )
    from_model: bool = Field(
        default=False,
        description="The requests that the model has in assets.extra/tf_serving_warmup_requests: as many of the first "
        "64 as fit into 3 kB, compressed, which is what a pod can tell of itself.",
    )
    protocol: Protocol = Field(
        default=Protocol.REST,
        description="How bodies in JSON are sent; by gRPC as PredictRequests. Recorded requests always go by gRPC.",
    )
    warm_up_file: bool = Field(
        default=False,
        description="Whether the samples are written into the fetched model as its warm-up requests, which its server "
        "replays before it is ready. Where the model brings some, these stay.",
    )
    agreement: Agreement | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if [bool(self.requests), self.config_map is not None, self.from_model].count(True) != 1:
            raise ValueError(_ONE_PLACE)
        if self.from_model and self.warm_up_file:
            raise ValueError(_WARM_UP_OF_MODEL)
        if self.from_model and self.golden is not None:
            raise ValueError(_GOLDEN_OF_MODEL)
        return self
