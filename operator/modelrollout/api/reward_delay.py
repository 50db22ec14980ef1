"""``rewardDelay`` of a test or a bandit: a time, or the word that it is to be measured."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema

from modelrollout.api.base import DURATION_IN_CEL, format_duration, parse_duration_of_spec
from modelrollout.api.rules import VALIDATIONS, rule, text

REWARD_DELAY = (
    "Mean time from a request to its reward: younger requests are no failures yet. `Measured`: as the reward gateway "
    "measures it."
)
"""What the field says of itself."""

MEASURED: Literal["Measured"] = "Measured"
_WRONG = "{} is neither a duration nor Measured; write for example 2m, or Measured where the reward gateway counts"


def _parsed(given: object, info: ValidationInfo) -> object:
    if given == MEASURED:
        return given
    try:
        return parse_duration_of_spec(given, info)
    except ValueError as error:
        raise ValueError(_WRONG.format(repr(given))) from error


def _written(given: float | str) -> str:
    return given if isinstance(given, str) else format_duration(given)


RewardDelay = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)] | Literal["Measured"],
    BeforeValidator(_parsed),
    PlainSerializer(_written, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 32,
            VALIDATIONS: [
                rule(
                    f"self == '{MEASURED}' || ({DURATION_IN_CEL})",
                    _WRONG.replace("{}", "this"),
                    shown=f'"\'" + self + {text(_WRONG.replace("{}", chr(39)))}',
                )
            ],
        }
    ),
]
"""Seconds as a float inside, a string such as ``5m`` outside; or ``Measured`` in both."""


def mean_of(delay: float | str) -> float | None:
    """The mean in seconds; None: it is to be measured."""
    return None if isinstance(delay, str) else delay
