"""TensorProto to numpy and back, as gRPC carries tensors.

A TensorProto holds its values either as raw bytes (`tensor_content`) or in a field of its type (`float_val`,
...), which may be shorter than the tensor: then the last value repeats. Answers use the typed fields, as
TensorFlow Serving's do.
"""

from typing import Any

import numpy as np

from e2e.tensorflow_serving.session import NUMPY, STRING, TYPE, Array
from e2e.tensorflow_serving.status import Code, ServingError, invalid

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


def from_proto(proto: Any) -> Array:
    """The array of a TensorProto."""
    if proto.dtype not in NUMPY:
        raise ServingError(Code.UNIMPLEMENTED, f"DataType {proto.dtype} is not supported by the stand-in")
    shape = tuple(dimension.size for dimension in proto.tensor_shape.dim)
    count = int(np.prod(shape, dtype=np.int64))
    if proto.tensor_content and proto.dtype != STRING:
        return _from_content(proto, count).reshape(shape)
    values = list(getattr(proto, _FIELD[proto.dtype]))
    if len(values) > count or (not values and count):
        raise invalid(f"tensor parsing error: {len(values)} values for a tensor of shape {list(shape)}")
    values += values[-1:] * (count - len(values))
    if proto.dtype == _HALF:
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    array = np.empty(count, NUMPY[proto.dtype])
    array[:] = values
    return array.reshape(shape)


def _from_content(proto: Any, count: int) -> Array:
    dtype = NUMPY[proto.dtype]
    if len(proto.tensor_content) != count * dtype.itemsize:
        raise invalid(f"tensor parsing error: {len(proto.tensor_content)} bytes for {count} values of {dtype}")
    return np.frombuffer(proto.tensor_content, dtype)


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
