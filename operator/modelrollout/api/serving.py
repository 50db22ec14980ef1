"""``spec.serving``: the pods of each version."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from modelrollout.api.autoscaling import MOST_REPLICAS, ArmReplicas, Autoscaling
from modelrollout.api.base import Duration, PositiveDuration, SpecModel
from modelrollout.api.rules import OBJECT_NAME, VALIDATIONS, Form, rule, rules, text

PullPolicy = Literal["Always", "IfNotPresent", "Never"]

_QUANTITY = r"[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?"
_FORM = Form(_QUANTITY, "{} is no quantity; write for example 500m, 2 or 1Gi")
_QUANTITIES = {
    "type": "object",
    "maxProperties": 32,
    "additionalProperties": {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        "maxLength": 32,
        VALIDATIONS: [
            rule(
                f"type(self) == string ? self.matches({text(f'^({_QUANTITY})$')}) : self >= 0",
                _FORM.sentence.replace("{}", "this"),
            )
        ],
    },
}


def _quantity(given: object) -> int | str:
    """A whole number as it is, a string by its form, nothing else: the API server takes no fraction here."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    if not isinstance(given, str):
        raise ValueError(f"{given!r} must be a whole number or a string; write for example 500m, 2 or 1Gi")
    return _FORM.check(given)


Quantity = Annotated[int | str, PlainValidator(_quantity)]
Resources = Annotated[
    dict[Literal["limits", "requests"], dict[str, Quantity]],
    WithJsonSchema({"type": "object", "properties": {"limits": _QUANTITIES, "requests": _QUANTITIES}}),
]
"""``limits`` and ``requests``, each a quantity by the name of a resource."""


_TWO_NUMBERS = "replicas and autoscaling exclude each other; keep one of them"


def _one_number(schema: dict[str, Any]) -> None:
    rules(rule("!(has(self.replicas) && has(self.autoscaling))", _TWO_NUMBERS))(schema)


class Serving(SpecModel):
    """How each version is served: one Deployment and one Service of its own for each version. All but the number of
    pods and the times hold for versions that have not come up yet."""

    model_config = ConfigDict(json_schema_extra=_one_number)

    image: str = Field(
        default="tensorflow/serving:2.19.1",
        min_length=1,
        max_length=512,
        description="TensorFlow Serving, or what is started and answers like it. An edit holds for the next version.",
    )
    image_pull_policy: PullPolicy = Field(default="IfNotPresent", description="As in a Pod.")
    replicas: int | None = Field(
        default=None,
        ge=1,
        le=MOST_REPLICAS,
        description="Pods of each version. Left out, and without autoscaling, the number is left to whatever scales "
        "Deployments: the first version begins with one pod.",
    )
    autoscaling: Autoscaling | None = Field(
        default=None, description="A HorizontalPodAutoscaler for each version, in place of replicas."
    )
    arm_replicas: ArmReplicas = Field(
        default=ArmReplicas.FULL,
        description="Pods of a version under trial. Full: as many as stable has, from its start. ByShare: as many as "
        "its share of the requests needs; they come before a share rises, and only then it does.",
    )
    resources: Resources | None = Field(
        default=None, description="Of the serving container, as in a Pod: requests and limits."
    )
    args: tuple[Annotated[str, Field(max_length=1024)], ...] = Field(
        default=(), max_length=64, description="Further flags of tensorflow_model_server."
    )
    store_secret: Annotated[str, OBJECT_NAME] | None = Field(
        default=None,
        max_length=253,
        description="Name of a Secret in the same namespace that a store over https wants: its keys are host, and "
        "token or username and password. Only the fetcher sees it.",
    )
    template: dict[str, Any] | None = Field(
        default=None,
        description="A partial pod template (metadata, spec), merged over the operator's own: lists of containers, "
        "volumes and variables by name; another handler of a probe or another source of a volume takes the place of "
        "the one there is; everything else is replaced.",
    )
    load_timeout: PositiveDuration = Field(
        default=600.0, description="A version that is not ready after this time has failed."
    )
    drain: Duration = Field(
        default=20.0, description="Time between the last request routed to a version and the end of its pods."
    )

    @model_validator(mode="after")
    def _one_says_how_many(self) -> Self:
        if self.replicas is not None and self.autoscaling is not None:
            raise ValueError(_TWO_NUMBERS)
        return self
