"""TensorProto to numpy as TensorFlow's `Tensor::FromProto` reads it, and back.

A TensorProto holds its values either as raw bytes (`tensor_content`, of exactly the right size) or in a field of its
type (`float_val`, ...): of too many values the first count, of too few the last repeats, and none are zeros. Answers
use the typed fields, as TensorFlow Serving's do.
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from e2e.tensorflow_serving.data_types import enum_name, type_name
from e2e.tensorflow_serving.session import MOST_DIMENSIONS, NUMPY, STRING, TYPE, Array
from e2e.tensorflow_serving.status import invalid

_FIELD = {
    1: "float_val",
    2: "double_val",
    3: "int_val",
    4: "int_val",
    5: "int_val",
    6: "int_val",
    7: "string_val",
    9: "int64_val",
    10: "bool_val",
    17: "int_val",
    19: "half_val",
    22: "uint32_val",
    23: "uint64_val",
}
_HALF = 19
_REFERENCES = 100  # from here on the types are references, which no value has
_MOST_VALUES = 2**63 - 1


class TensorProtos(Mapping[str, Array]):
    """The inputs of a request by their alias, each read when it is asked for: what comes first is told first."""

    def __init__(self, protos: Mapping[str, Any]) -> None:
        self._protos = protos

    def __getitem__(self, alias: str) -> Array:
        return from_proto(alias, self._protos[alias])

    def __contains__(self, alias: object) -> bool:
        return alias in self._protos  # without reading it, and a map of messages makes what it is asked for

    def __iter__(self) -> Iterator[str]:
        return iter(self._protos)

    def __len__(self) -> int:
        return len(self._protos)


def from_proto(alias: str, proto: Any) -> Array:
    """The array of a TensorProto; raises ServingError (INVALID_ARGUMENT) with its alias if it is none."""
    number, shape = proto.dtype, tuple(dimension.size for dimension in proto.tensor_shape.dim)
    known = enum_name(number) and 0 < number < _REFERENCES
    if not known or min(shape, default=0) < 0 or prod(shape) > _MOST_VALUES:
        raise invalid(f"tensor parsing error: {alias}")
    if number not in NUMPY:
        raise invalid(f"tensor parsing error: {alias}, the stand-in does not read tensors of {type_name(number)}")
    if len(shape) > MOST_DIMENSIONS:
        raise invalid(f"tensor parsing error: {alias}")
    try:
        return _values(proto, prod(shape)).reshape(shape)
    except (ValueError, MemoryError) as problem:
        raise invalid(f"tensor parsing error: {alias}") from problem


def _values(proto: Any, count: int) -> Array:
    """The values one after another. Raises ValueError if `tensor_content` does not fit."""
    if not count or not proto.tensor_content:
        return _from_field(proto, count)
    if proto.dtype == STRING:
        return _strings(proto.tensor_content, count)
    dtype = NUMPY[proto.dtype]
    if len(proto.tensor_content) != count * dtype.itemsize:
        raise ValueError(f"{len(proto.tensor_content)} bytes for {count} values of {dtype}")
    return np.frombuffer(proto.tensor_content, dtype)


def _from_field(proto: Any, count: int) -> Array:
    field = getattr(proto, _FIELD[proto.dtype])
    given = field[:count]
    if proto.dtype == STRING:
        array = np.full(count, given[-1] if given else b"", np.object_)
        array[: len(given)] = given
        return array
    stored = np.int32 if _FIELD[proto.dtype] in ("int_val", "half_val") else NUMPY[proto.dtype]
    values = np.array(given, stored).astype(np.uint16 if proto.dtype == _HALF else NUMPY[proto.dtype])
    full = np.zeros(count, values.dtype)
    full[: len(values)] = values
    full[len(values) :] = values[-1:] if len(values) else 0
    return full.view(NUMPY[proto.dtype])


def _strings(content: bytes, count: int) -> Array:
    """Strings as `port::EncodeStringList` packs them: the length of each as a varint, then all of them."""
    sizes, place = [], 0
    for _ in range(count):
        size, place = _varint(content, place)
        sizes.append(size)
    if sum(sizes) != len(content) - place:
        raise ValueError(f"{len(content) - place} bytes for strings of {sum(sizes)} in all")
    array = np.empty(count, np.object_)
    for index, size in enumerate(sizes):
        array[index], place = content[place : place + size], place + size
    return array


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """A number of 32 bits and where it ends."""
    for shift in range(0, 35, 7):
        byte = content[place + shift // 7] if place + shift // 7 < len(content) else 0x80
        if byte < 0x80:
            break
    else:
        raise ValueError("a length that does not end")
    end = place + shift // 7 + 1
    return sum((byte & 0x7F) << 7 * index for index, byte in enumerate(content[place:end])) & 0xFFFFFFFF, end


def fill_proto(proto: Any, array: Array, as_content: bool = False) -> None:
    """Write an array into an empty TensorProto; `as_content` for raw bytes instead of the typed field."""
    proto.dtype = TYPE[array.dtype]
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if as_content and proto.dtype != STRING:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
    elif proto.dtype == _HALF:
        proto.half_val.extend(array.ravel().view(np.uint16).tolist())
    else:
        getattr(proto, _FIELD[proto.dtype]).extend(array.ravel().tolist())
