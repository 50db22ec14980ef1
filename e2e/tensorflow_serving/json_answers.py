"""Tensors, classifications and errors as the JSON text of TensorFlow Serving's answers.

The text is written here and not by the json module because TensorFlow Serving's differs in three ways that
clients see: floats are cut to the shortest form of their own width (a 32 bit 0.2 is `0.2`), whole floats end in
`.0`, and the lines break where RapidJSON's pretty printer breaks them.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from e2e.tensorflow_serving.data_types import type_name
from e2e.tensorflow_serving.session import TYPE, Array
from e2e.tensorflow_serving.status import invalid

Floats = NDArray[np.floating[Any]]


def error(message: str) -> str:
    """The body of every answer that is not 200."""
    return '{\n    "error": ' + json.dumps(message, ensure_ascii=False) + "\n}"


def predictions(outputs: Mapping[str, Array]) -> str:
    """Row form: one element for each row of the batch, an object if there are several outputs."""
    rows = _batch_size(outputs)
    many = len(outputs) > 1
    columns = {name: _rows(name, array) for name, array in outputs.items()}
    if not many:
        (only,) = columns.values()
        return '{\n    "predictions": [' + ", ".join(only) + "\n    ]\n}"
    items = [_object({name: column[row] for name, column in columns.items()}) for row in range(rows)]
    return '{\n    "predictions": [' + ",".join("\n        " + item for item in items) + "\n    ]\n}"


def _object(members: Mapping[str, str]) -> str:
    lines = ",".join(f"\n            {json.dumps(name)}: {text}" for name, text in members.items())
    return "{" + lines + "\n        }"


def outputs(tensors: Mapping[str, Array]) -> str:
    """Column form: every output as one nested list, under its name if there are several."""
    texts = {name: _nested(name, array, 4 if len(tensors) == 1 else 8) for name, array in tensors.items()}
    if len(texts) == 1:
        (only,) = texts.values()
        return '{\n    "outputs": ' + only + "\n}"
    members = ",".join(f"\n        {json.dumps(name)}: {text}" for name, text in texts.items())
    return '{\n    "outputs": {' + members + "\n    }\n}"


def classifications(result: Sequence[Sequence[tuple[str, float]]]) -> str:
    """One list of `[label, score]` for each example."""
    rows = [", ".join(f"[{json.dumps(label)}, {decimal(np.float32(score))}]" for label, score in row) for row in result]
    return '{\n    "results": [' + ", ".join(f"[{row}]" for row in rows) + "\n    ]\n}"


def regressions(values: Sequence[float]) -> str:
    """One number for each example."""
    return '{\n    "results": [' + ", ".join(decimal(np.float32(value)) for value in values) + "\n    ]\n}"


def decimal(value: np.floating[Any]) -> str:
    """A float in six digits if they read back the same, else in as many as its width can need."""
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    text = f"{number:.6g}"
    if type(value)(text) != value:
        text = f"{number:.9g}" if isinstance(value, np.float32) else f"{number:.17g}"
    return text if "." in text or "e" in text else text + ".0"


def _batch_size(tensors: Mapping[str, Array]) -> int:
    if not tensors:
        raise invalid("Cannot convert empty tensor map to JSON")
    size = -1
    for name, array in tensors.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if size not in (-1, len(array)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}")
        size = len(array)
    return size


def _rows(name: str, array: Array) -> list[str]:
    leaves = _leaves(name, array)
    width = len(leaves) // len(array) if len(array) else 0
    return [_flat(leaves[row * width : (row + 1) * width], array.shape[1:]) for row in range(len(array))]


def _flat(leaves: list[str], shape: tuple[int, ...]) -> str:
    """A nested list on a single line."""
    if not shape:
        return leaves[0]
    step = len(leaves) // shape[0] if shape[0] else 0
    return "[" + ", ".join(_flat(leaves[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])) + "]"


def _nested(name: str, array: Array, indent: int) -> str:
    return _lines(_leaves(name, array), array.shape, indent)


def _lines(leaves: list[str], shape: tuple[int, ...], indent: int) -> str:
    """A nested list with one value a line."""
    if not shape:
        return leaves[0]
    if not shape[0]:
        return "[]"
    step, deeper = len(leaves) // shape[0], indent + 4
    items = (_lines(leaves[i * step : (i + 1) * step], shape[1:], deeper) for i in range(shape[0]))
    return "[" + ",".join("\n" + " " * deeper + item for item in items) + "\n" + " " * indent + "]"


def _leaves(name: str, array: Array) -> list[str]:
    match array.dtype.kind:
        case "f" if array.dtype.itemsize > 2:
            return [decimal(value) for value in cast(Floats, array).ravel()]
        case "i" | "u" if array.dtype != np.uint16:
            return [str(value) for value in array.ravel()]
        case "b":
            return ["true" if value else "false" for value in array.ravel()]
        case "O":
            return [_text(name, value) for value in array.ravel()]
        case _:
            raise invalid(f"Failed to write JSON value for tensor type: {type_name(TYPE[array.dtype])}")


def _text(name: str, value: Any) -> str:
    """A string, or a base64 object where the output's name says that it is bytes."""
    if name.endswith("_bytes"):
        return json.dumps({"b64": base64.b64encode(value).decode()})
    return json.dumps(value.decode(errors="replace"), ensure_ascii=False)
