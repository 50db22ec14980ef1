"""What all types of the resource share: immutability, camelCase in JSON, strictness, and the Duration form.

Unknown fields are errors in a spec (a misspelt setting must not be ignored in silence) and are dropped in a status
(an older operator must be able to read the status of a newer one).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from math import floor, log10
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from modelrollout.api.rules import VALIDATIONS, rule, text

_NUMBER = r"[0-9]{1,%d}(\.[0-9]{1,3})?"
_PARTS = {"d": (5, 86_400_000), "h": (5, 3_600_000), "m": (7, 60_000), "s": (9, 1000)}  # digits, milliseconds
DURATION_PATTERN = "".join(f"({_NUMBER % digits}{unit})?" for unit, (digits, _) in _PARTS.items()) + "([0-9]{1,9}ms)?"
"""From days to milliseconds, each at most once. So many digits that the sum of all stays below 400 years: a time in
the status must remain a date that RFC 3339 can write. Nothing below a millisecond: Istio and Envoy refuse that."""

_DURATION = re.compile(DURATION_PATTERN)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_MILLISECONDS = {unit: size for unit, (_, size) in _PARTS.items()} | {"ms": 1}
_NO_DURATION = "{} is not a duration; write for example 30s, 5m or 1h30m"


class SpecModel(BaseModel):
    """A part of the spec: frozen, camelCase in JSON, unknown fields refused."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="forbid")


class StatusModel(BaseModel):
    """A part of the status: frozen, camelCase in JSON, unknown fields dropped."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


def parse_duration(text: object) -> object:
    """Seconds of a duration such as ``90s``, ``1h30m`` or ``250ms``. Numbers pass through as seconds.

    Raises ValueError, with the way out, for a string of another form.
    """
    if not isinstance(text, str):
        return text
    if not text or not _DURATION.fullmatch(text):
        raise ValueError(_NO_DURATION.format(repr(text)))
    milliseconds = sum(Decimal(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))
    return float(milliseconds / 1000)


def format_amount(value: float) -> str:
    """A sum or a mean in a unit of its own, with four significant digits at least and no exponent: "3.087", "12345"."""
    digits = max(0, 3 - floor(log10(abs(value)))) if value else 0
    return f"{value:.{digits}f}"


def format_duration(seconds: float) -> str:
    """The usual form, such that parsing gives the same number: ``90`` -> ``1m30s``, ``0.25`` -> ``250ms``.

    Rounded to whole milliseconds, the resolution of the form.
    """
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    written = ""
    for unit in ("d", "h", "m"):
        count, milliseconds = divmod(milliseconds, _MILLISECONDS[unit])
        written += f"{count}{unit}" if count else ""
    return written + (f"{milliseconds / 1000:.15g}s" if milliseconds else "")


def parse_duration_of_spec(given: object, info: ValidationInfo) -> object:
    """In JSON a number has no unit, and the API server refuses it; inside the program it is seconds."""
    if info.mode == "json" and not isinstance(given, str):
        raise ValueError(_NO_DURATION.format(repr(given)))
    return parse_duration(given)


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError(_NOT_POSITIVE)
    return seconds


_NOT_POSITIVE = "must be longer than 0s"
DURATION_IN_CEL = f"self.matches({text(f'^({DURATION_PATTERN})$')}) && self != ''"
_DURATION_RULE = rule(
    DURATION_IN_CEL,
    _NO_DURATION.replace("{}", "this"),
    shown=f'"\'" + self + {text(_NO_DURATION.replace("{}", chr(39)))}',
)
_POSITIVE_RULE = rule("self.matches('[1-9]')", _NOT_POSITIVE)


def _duration_schema(*validations: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "maxLength": 32, VALIDATIONS: list(validations)})


Duration = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False),
    BeforeValidator(parse_duration_of_spec),
    PlainSerializer(format_duration, return_type=str),
    _duration_schema(_DURATION_RULE),
]
"""Seconds as a float inside, a string such as ``5m`` outside."""

PositiveDuration = Annotated[Duration, AfterValidator(_positive), _duration_schema(_DURATION_RULE, _POSITIVE_RULE)]
"""A duration that must not be zero."""


def to_json(model: BaseModel) -> dict[str, Any]:
    """The JSON form as the API server stores it: camelCase, absent instead of null."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


LATEST = 221_845_392_000.0
"""The year 9000, in seconds since the epoch: any time that can be read can be written, and a duration later, too."""


def _parse_timestamp(value: object) -> object:
    """Seconds since the epoch of an RFC 3339 string; numbers pass through."""
    seconds = datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() if isinstance(value, str) else value
    if isinstance(seconds, int | float) and not 0 <= seconds <= LATEST:
        raise ValueError(f"{value!r} is no time between 1970 and 9000")
    return seconds


def format_timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(round(seconds, 3), tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock_time(seconds: float) -> str:
    """The time of day, for sentences: ``14:03:10 UTC``. Unlike an age it stays while nothing happens."""
    return f"{format_timestamp(seconds)[11:19]} UTC"


Timestamp = Annotated[
    float,
    BeforeValidator(_parse_timestamp),
    PlainSerializer(format_timestamp, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Seconds since the epoch (float) inside, RFC 3339 outside."""
