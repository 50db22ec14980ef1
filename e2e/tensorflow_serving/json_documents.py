"""The JSON text of a request, with the limits of RapidJSON 1.1.0, which reads it in TensorFlow Serving.

Python's json module reads three things that RapidJSON refuses: whole numbers of any length, decimal numbers beyond a
double (as infinity), and `\\uD800` without its second half. Each of them would fail later, in a place that knows
nothing of JSON. They are rare, so a request is looked at closely only if a quick search finds what might be one.
"""

import json
import math
import re
from typing import Any

from e2e.tensorflow_serving.json_shown import shown
from e2e.tensorflow_serving.status import ServingError, invalid

_SPACE = " \t\r\n"
_SUSPECT = re.compile(rb"\d{200}|[eE]\+?0*[1-9]\d\d|\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


class TooBig(ValueError):
    """A number that no double holds."""

    def __init__(self, literal: str) -> None:
        super().__init__(literal)
        self.literal = literal


def _whole(literal: str) -> int:
    _decimal(literal)
    return int(literal)


def _decimal(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise TooBig(literal)
    return value


_DECODER = json.JSONDecoder()
_CAREFUL = json.JSONDecoder(parse_int=_whole, parse_float=_decimal)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; what follows it is ignored, as TensorFlow Serving does."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        text = body.decode()
    except UnicodeDecodeError as problem:
        raise _error("Invalid value.", problem.start) from problem
    document = _careful(text) if _SUSPECT.search(body) else _read(text, _DECODER)[0]
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    return document


def _read(text: str, decoder: json.JSONDecoder) -> tuple[Any, int]:
    """The first value in the text, and where it ends."""
    start = len(text) - len(text.lstrip(_SPACE))
    if start == len(text):
        raise _error("The document is empty.", start)
    try:
        return decoder.raw_decode(text, start)
    except json.JSONDecodeError as problem:
        raise _error("Invalid value.", problem.pos) from problem


def _careful(text: str) -> Any:
    """The first value in the text, if each of its numbers fits a double and each surrogate has its other half."""
    halves = (found.start() for found in _ESCAPE.finditer(text) if found[1])
    half = next(halves, len(text))
    try:
        document, end = _read(text, _CAREFUL)
    except TooBig as problem:
        place = text.find(problem.literal)
        if place < half:
            raise _error("Number too big to be stored in double.", place) from problem
        end = place
    if half < end:
        raise _error("The surrogate pair in string is invalid.", half)
    return document


def _error(reason: str, offset: int) -> ServingError:
    return invalid(f"JSON Parse error: {reason} at offset: {offset}")
