"""How an error message quotes a JSON value: as RapidJSON prints it, lists on one line, cut after 256 bytes."""

import json
from collections.abc import Iterator
from typing import Any

_MOST = 256  # bytes; the piece that goes beyond is still written, what follows it is not


def shown(value: Any) -> str:
    """The beginning of a value. It may be cut in the middle, so it need not be JSON."""
    text = ""
    for piece in _pieces(value, 0, ""):
        if len(text.encode()) >= _MOST:
            break
        text += piece
    return text


def _pieces(value: Any, depth: int, before: str) -> Iterator[str]:
    """Brackets, names and single values in order, each with what is printed in front of it."""
    match value:
        case dict():
            yield before + "{"
            for place, (name, member) in enumerate(value.items()):
                yield f"{',' if place else ''}{_line(depth + 1)}{_single(name)}"
                yield from _pieces(member, depth + 1, ": ")
            yield (_line(depth) if value else "") + "}"
        case list():
            yield before + "["
            for place, item in enumerate(value):
                yield from _pieces(item, depth + 1, ", " if place else "")
            yield "]"
        case _:
            yield before + _single(value)


def _line(depth: int) -> str:
    return "\n" + " " * (4 * depth)


def _single(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("e+", "e") if isinstance(value, float) else text
