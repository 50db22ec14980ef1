"""Single JSON values: their types and their place in a nested list."""

import base64
import binascii
from typing import Any

from e2e.tensorflow_serving.data_types import type_name
from e2e.tensorflow_serving.json_shown import shown
from e2e.tensorflow_serving.session import NUMPY, STRING
from e2e.tensorflow_serving.status import Code, ServingError, invalid

_BOOL = 10
# What the REST API can read. uint16 and half are tensors that only gRPC can carry.
_FLOATS = {1, 2}
# The 8 and 16 bit types are read as 32 bit integers.
_INTEGERS = {
    **dict.fromkeys((3, 4, 5, 6), (-(2**31), 2**31 - 1)),
    9: (-(2**63), 2**63 - 1),
    22: (0, 2**32 - 1),
    23: (0, 2**64 - 1),
}


def is_base64(value: Any) -> bool:
    """Whether it is `{"b64": "..."}` and nothing else."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def is_object(value: Any) -> bool:
    """Whether it names tensors: any object but a base64 one."""
    return isinstance(value, dict) and not is_base64(value)


def kind(value: Any) -> str:
    """The JSON type as error messages name it."""
    match value:
        case None:
            return "Null"
        case bool():
            return str(value)
        case dict():
            return "Object"
        case list():
            return "Array"
        case str():
            return "String"
        case _:
            return "Number"


def decode(value: dict[str, Any]) -> bytes:
    """The bytes of a base64 object."""
    if not is_base64(value):
        raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as problem:
        raise invalid("Unable to base64 decode") from problem


def fill(value: Any, number: int, flat: list[Any]) -> tuple[int, ...]:
    """Append the leaves of a nested list to `flat`, checked against DataType `number`; the shape of the list.

    The shape is that of the first element at each depth; every other element must agree with it.
    """
    shape = _shape(value)
    _fill(value, 0, shape, number, flat)
    return shape


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    return (len(value), *(_shape(value[0]) if value else ()))


def _fill(value: Any, level: int, shape: tuple[int, ...], number: int, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. Expected at level:"
                f" {len(shape)}"
            )
        flat.append(_leaf(value, number))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _fill(item, level + 1, shape, number, flat)


def _leaf(value: Any, number: int) -> Any:
    if number == STRING:
        if isinstance(value, dict):
            return decode(value)
        if isinstance(value, str):
            return value.encode()
    elif number == _BOOL:
        if isinstance(value, bool):
            return value
    elif number in _FLOATS:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
    elif number in _INTEGERS:
        low, high = _INTEGERS[number]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            # A value that the tensor's own small type cannot hold wraps around, as a C++ cast does.
            return value if number not in (4, 5, 6) else int(NUMPY[3].type(value).astype(NUMPY[number]))
    else:
        raise ServingError(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown(value)} to type: {type_name(number)}")
    raise invalid(f"JSON Value: {shown(value)} Type: {kind(value)} is not of expected type: {type_name(number)}")
