"""Answers of TensorFlow Serving's gRPC API: the rows of a message, as ``read_json`` gives those of a body.

A server may be hostile: a tensor of a million million values fits in a few bytes, so sizes are looked at first.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelrollout.adapters.serving_probe import load
from modelrollout.comparison.read_json import RESULTS, Unreadable
from modelrollout.comparison.reply import Ranked, Row

SERVICE = "tensorflow.serving.PredictionService"
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


def rows_of_message(method: str, message: bytes) -> tuple[Row, ...]:
    """The rows that a method of the service answered. Raises Unreadable."""
    try:
        match method:
            case "Predict":
                return _of_outputs(_parsed("predict_pb2", "PredictResponse", message).outputs)
            case "Classify":
                return _of_result(RESULTS, _parsed("classification_pb2", "ClassificationResponse", message).result)
            case "Regress":
                return _of_result(RESULTS, _parsed("regression_pb2", "RegressionResponse", message).result)
            case _:
                return _of_tasks(_parsed("inference_pb2", "MultiInferenceResponse", message).results)
    except Unreadable:
        raise
    except Exception as error:  # whatever a server may send
        raise Unreadable(f"it is no answer to {method}: {type(error).__name__}") from error


def _parsed(module: str, kind: str, message: bytes) -> Any:
    return getattr(load(f"tensorflow_serving.apis.{module}"), kind).FromString(message)


def _of_outputs(outputs: Mapping[str, Any]) -> tuple[Row, ...]:
    """By row where all outputs have as many; otherwise all of it is one row."""
    if not outputs:
        raise Unreadable("it has no outputs")
    arrays = {name: _array(name, tensor) for name, tensor in outputs.items()}
    sizes = {len(array) if array.ndim else None for array in arrays.values()}
    (size,) = sizes if len(sizes) == 1 else (None,)
    values = {name: array.tolist() for name, array in arrays.items()}
    if size is None:
        return (values,)
    return tuple({name: column[index] for name, column in values.items()} for index in range(size))


def _array(name: str, tensor: Any) -> Array:
    """Raises Unreadable."""
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


def _of_result(name: str, result: Any) -> tuple[Row, ...]:
    """Classes or values of each example."""
    if hasattr(result, "regressions"):
        return tuple({name: row.value} for row in result.regressions)
    rows = ([(entry.label, entry.score) for entry in row.classes] for row in result.classifications)
    return tuple({name: Ranked.of(row)} for row in rows)


def _of_tasks(results: Any) -> tuple[Row, ...]:
    """What several signatures say of the same examples, by their names."""
    columns = [_of_task(result) for result in results]
    if not columns or len({len(column) for column in columns}) != 1:
        raise Unreadable("its tasks have no rows in common")
    return tuple({name: value for row in rows for name, value in row.items()} for rows in zip(*columns, strict=True))


def _of_task(result: Any) -> tuple[Row, ...]:
    kind = result.WhichOneof("result")
    if kind is None:
        raise Unreadable("a task has no result")
    return _of_result(result.model_spec.signature_name or RESULTS, getattr(result, kind))
