"""What all types of the resource share: immutability, camelCase in JSON, strictness, and the Duration form.

Unknown fields are errors in a spec (a misspelt setting must not be ignored in silence) and are dropped in a status
(an older operator must be able to read the status of a newer one).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class SpecModel(BaseModel):
    """A part of the spec: frozen, camelCase in JSON, unknown fields refused."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="forbid")


class StatusModel(BaseModel):
    """A part of the status: frozen, camelCase in JSON, unknown fields dropped."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


def parse_duration(text: object) -> object:
    """Seconds of a duration such as ``90s``, ``1h30m`` or ``250ms``. Numbers pass through as seconds."""
    if not isinstance(text, str):
        return text
    if not re.match(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is not a duration; write for example 30s, 5m or 1h30m")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text))


def format_duration(seconds: float) -> str:
    """The shortest usual form: ``90`` -> ``1m30s``; below a second in milliseconds."""
    if seconds < 1 and seconds != 0:
        return f"{seconds * 1000:g}ms"
    if seconds != int(seconds):
        return f"{seconds:g}s"
    rest, parts = int(seconds), ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        count, rest = divmod(rest, size)
        parts += f"{count}{unit}" if count else ""
    return parts + (f"{rest}s" if rest or not parts else "")


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "maxLength": 32}),
]
"""Seconds as a float inside, a string such as ``5m`` outside."""


def to_json(model: BaseModel) -> dict[str, Any]:
    """The JSON form as the API server stores it: camelCase, absent instead of null."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _parse_timestamp(value: object) -> object:
    """Seconds since the epoch of an RFC 3339 string; numbers pass through."""
    if not isinstance(value, str):
        return value
    return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()


def format_timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(round(seconds, 3), tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    float,
    BeforeValidator(_parse_timestamp),
    PlainSerializer(format_timestamp, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""Seconds since the epoch (float) inside, RFC 3339 outside."""
