"""Tensors of TensorFlow's messages: arrays from what servers answer, and messages of what is written in JSON.

A server may be hostile: a tensor of a million million values fits in a few bytes, so sizes are looked at first.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelrollout.adapters.serving_probe import load

MOST_VALUES = 1_000_000  # of one tensor
MOST_DIMENSIONS = 32  # as numpy has it
_STRING, _HALF, _BFLOAT16 = 7, 19, 14

Array = NDArray[Any]
_FIELDS: Mapping[int, tuple[str, str]] = {
    1: ("float_val", "<f4"),
    2: ("double_val", "<f8"),
    3: ("int_val", "<i4"),
    4: ("int_val", "<u1"),
    5: ("int_val", "<i2"),
    6: ("int_val", "<i1"),
    9: ("int64_val", "<i8"),
    10: ("bool_val", "?"),
    _BFLOAT16: ("half_val", "<u2"),
    17: ("int_val", "<u2"),
    _HALF: ("half_val", "<u2"),
    22: ("uint32_val", "<u4"),
    23: ("uint64_val", "<u8"),
}
"""By number of the type: the field that holds its values, and what they are in ``tensor_content``."""
_BYTES = {"b64"}  # the keys of a text that is no text


class Unreadable(Exception):
    """It is no answer of a model; the message says why."""


class NoTensor(Exception):
    """What is written is no tensor of the type that is wanted; the message says why."""


def array_of(name: str, tensor: Any) -> Array:
    """The values of a message. Raises Unreadable."""
    shape = tuple(dimension.size for dimension in tensor.tensor_shape.dim)
    if min(shape, default=0) < 0 or len(shape) > MOST_DIMENSIONS or prod(shape) > MOST_VALUES:
        raise Unreadable(f"output {name} has a shape of {len(shape)} dimensions that is not read")
    values = _strings(tensor, prod(shape)) if tensor.dtype == _STRING else _numbers(name, tensor, prod(shape))
    return values.reshape(shape)


def _numbers(name: str, tensor: Any, count: int) -> Array:
    """Raises Unreadable."""
    if tensor.dtype not in _FIELDS:
        raise Unreadable(f"output {name} is of type {tensor.dtype}, which is not compared")
    field, stored = _FIELDS[tensor.dtype]
    if tensor.tensor_content:
        values: Array = np.frombuffer(tensor.tensor_content, stored)  # of another size: no such shape
    else:
        given = getattr(tensor, field)[:count]
        values = _filled(
            np.array(given, np.int64 if field in ("int_val", "half_val") else stored).astype(stored), count
        )
    if tensor.dtype == _HALF:
        return values.view("<f2")
    return (values.astype("<u4") << 16).view("<f4") if tensor.dtype == _BFLOAT16 else values


def _filled(given: Array, count: int) -> Array:
    """As TensorFlow does: of too few values the last repeats, and none are zeros."""
    full = np.zeros(count, given.dtype)
    full[: len(given)] = given
    full[len(given) :] = given[-1:] if len(given) else 0
    return full


def _strings(tensor: Any, count: int) -> Array:
    """Raises Unreadable for the packed form, which no server writes."""
    if tensor.tensor_content:
        raise Unreadable("texts as tensor_content are not read")
    values = np.full(count, tensor.string_val[-1] if tensor.string_val else b"", np.object_)
    given = tensor.string_val[:count]
    values[: len(given)] = given
    return values


def tensor_of(name: str, kind: int, value: Any) -> Any:
    """The message of what JSON has for an input of a type. Raises NoTensor."""
    tensor = load("tensorflow.core.framework.tensor_pb2").TensorProto(dtype=kind)
    if kind == _STRING:
        sizes, texts = _shape(value), list(_leaves(value))
        if len(texts) != prod(sizes):
            raise NoTensor(f"input {name}: its lists are not of one length")
        tensor.string_val.extend(_text(name, item) for item in texts)
    else:
        array = _written(name, kind, value)
        sizes, tensor.tensor_content = array.shape, array.tobytes()
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def _written(name: str, kind: int, value: Any) -> Array:
    stored = "<f2" if kind == _HALF else _FIELDS.get(kind, ("", ""))[1]
    if not stored or kind == _BFLOAT16:
        raise NoTensor(f"input {name} is of type {kind}, which is sent by REST alone")
    try:
        found = np.array(value)
        fits = found.dtype.kind in {"f": "fiu", "b": "b"}.get(np.dtype(stored).kind, "iu")
        array: Array = found.astype(stored)
    except (ValueError, TypeError, OverflowError) as error:
        raise NoTensor(f"input {name}: its values are no tensor") from error
    if not fits and found.size:
        raise NoTensor(f"input {name}: its values are not of the type that the signature says")
    return array


def _is_leaf(value: Any) -> bool:
    return not isinstance(value, list)


def _shape(value: Any) -> tuple[int, ...]:
    """By the first of each list."""
    if _is_leaf(value):
        return ()
    return (len(value), *(_shape(value[0]) if value else ()))


def _leaves(value: Any) -> Iterator[Any]:
    if _is_leaf(value):
        yield value
    else:
        for item in value:
            yield from _leaves(item)


def _text(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == _BYTES:
        return base64.b64decode(str(value["b64"]))
    raise NoTensor(f"input {name}: {str(value)[:40]} is no text")
