"""A size in bytes as a setting: ``1Mi`` outside, an int inside, within what may be copied without harm to users."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from modelrollout.api.rules import VALIDATIONS, Form, rule

LEAST, MOST = 1024, 4 * 1024**2
"""Bytes. Copies of more than 4 MB have been seen to hold up the users' own requests (envoy#24365)."""

_UNITS = {"": 1, "k": 1000, "M": 1000**2, "Ki": 1024, "Mi": 1024**2}
_SIZE = Form(r"[1-9][0-9]{0,9}(k|M|Ki|Mi)?", "{} is no size in bytes; write for example 256Ki or 1Mi")
_BOUNDS = "must be from 1Ki to 4Mi"
_IN_BYTES = (
    "(self.endsWith('Ki') ? 1024 : self.endsWith('Mi') ? 1048576 : self.endsWith('k') ? 1000 : self.endsWith('M') ? "
    "1000000 : 1) * int(self.replace('Ki', '').replace('Mi', '').replace('k', '').replace('M', ''))"
)


def _parse_size(given: object) -> object:
    """Bytes of ``1Mi``; numbers pass through as bytes. Raises ValueError with the way out."""
    if not isinstance(given, str):
        return given
    digits = _SIZE.check(given).rstrip("kKMi")
    return int(digits) * _UNITS[given[len(digits) :]]


def format_size(size: int) -> str:
    """The shortest form that gives the same number."""
    for unit, factor in sorted(_UNITS.items(), key=lambda item: -item[1]):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    raise AssertionError("every number is a multiple of 1")


def _within(size: int) -> int:
    if not LEAST <= size <= MOST:
        raise ValueError(_BOUNDS)
    return size


BodySize = Annotated[
    int,
    BeforeValidator(_parse_size),
    AfterValidator(_within),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 12,
            VALIDATIONS: [
                _SIZE.rule,
                rule(
                    f"!self.matches('^({_SIZE.pattern})$') || ({_IN_BYTES} >= {LEAST} && {_IN_BYTES} <= {MOST})",
                    _BOUNDS,
                ),
            ],
        }
    ),
]
"""Bytes as an int inside, a string such as ``1Mi`` outside."""
