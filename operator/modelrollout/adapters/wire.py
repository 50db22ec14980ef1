"""Messages of protobuf by their bytes alone: which fields there are, without the generated modules.

For who looks at little of a large message, as at the signatures of a model beside its graph, or wants no gRPC in its
memory. https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_LONGEST = 10  # bytes of a number


class NotProtobuf(Exception):
    """The bytes are no message."""


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field, in order: a number, or the bytes of a text, of a message or of eight or four
    bytes. Raises NotProtobuf."""
    offset = 0
    while offset < len(message):
        key, offset = _number(message, offset)
        kind, size = key & 7, {_EIGHT: 8, _FOUR: 4}.get(key & 7, 0)
        if kind == _VARINT:
            value, offset = _number(message, offset)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, offset = _number(message, offset)
        elif not size:
            raise NotProtobuf(f"a field of the kind {kind}")
        if offset + size > len(message):
            raise NotProtobuf("a field is cut off")
        yield key >> 3, message[offset : offset + size]
        offset += size


def messages(message: memoryview, number: int) -> list[memoryview]:
    """All messages or texts in a field. Raises NotProtobuf."""
    return [value for field, value in fields(message) if field == number and isinstance(value, memoryview)]


def text(message: memoryview, number: int) -> str:
    """The text in a field, empty where there is none. Raises NotProtobuf."""
    found = messages(message, number)
    return bytes(found[-1]).decode(errors="replace") if found else ""


def _number(message: memoryview, offset: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST):
        if offset + index >= len(message):
            break
        byte = message[offset + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, offset + index + 1
    raise NotProtobuf("a number is cut off")
