"""PredictRequest and PredictResponse as what a person writes of them: the bodies of ``:predict``, in JSON.

As TensorFlow Serving's own REST API has them, so that a sample and its golden answer are the same by both ways: by row
(``instances``, ``predictions``) or by column (``inputs``, ``outputs``), and the name of a lone output is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from modelrollout.adapters.serving_probe import load
from modelrollout.adapters.tensors import Array, NoTensor, array_of, tensor_of
from modelrollout.core.validate.answer import COLUMNS, ROWS

USUAL = "serving_default"
_ROWS_IN, _COLUMNS_IN = "instances", "inputs"

Inputs = Mapping[str, Mapping[str, int]]
"""By signature, the number of the type of each input."""


def request_of(body: Any, model: str, inputs: Inputs) -> Any:
    """The message of a body. Raises NoTensor for what a server would refuse by REST, too."""
    if not isinstance(body, dict) or (_ROWS_IN in body) == (_COLUMNS_IN in body):
        raise NoTensor(f"it has not one of {_ROWS_IN} and {_COLUMNS_IN}")
    signature = str(body.get("signature_name") or USUAL)
    if signature not in inputs:
        raise NoTensor(f"there is no signature {signature[:60]}")
    request = load("tensorflow_serving.apis.predict_pb2").PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    given = _columns(body, inputs[signature])
    for name, value in given.items():
        if name not in inputs[signature]:
            raise NoTensor(f"there is no input {name[:60]}")
        request.inputs[name].CopyFrom(tensor_of(name, inputs[signature][name], value))
    return request


def _columns(body: Mapping[str, Any], inputs: Mapping[str, int]) -> Mapping[str, Any]:
    """Each input's values, however they are written."""
    if _ROWS_IN in body:
        rows = body[_ROWS_IN]
        if not isinstance(rows, list) or not rows:
            raise NoTensor(f"{_ROWS_IN} is no list with rows")
        if not all(map(_is_named, rows)):
            return {_lone(inputs): rows}
        if any(row.keys() != rows[0].keys() for row in rows):
            raise NoTensor(f"the rows of {_ROWS_IN} do not have the same inputs")
        return {name: [row[name] for row in rows] for name in rows[0]}
    columns = body[_COLUMNS_IN]
    return columns if _is_named(columns) else {_lone(inputs): columns}


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() != {"b64"}


def _lone(inputs: Mapping[str, int]) -> str:
    if len(inputs) != 1:
        raise NoTensor(f"the signature has {len(inputs)} inputs, and what is given has no names")
    return next(iter(inputs))


def answer_of(response: Any, *, by_row: bool) -> dict[str, Any]:
    """The outputs of a PredictResponse. Raises Unreadable."""
    arrays = {name: array_of(name, tensor) for name, tensor in response.outputs.items()}
    sizes = {len(array) if array.ndim else None for array in arrays.values()}
    values = {name: _shown(array) for name, array in arrays.items()}
    if by_row and len(sizes) == 1 and None not in sizes:
        if len(values) == 1:
            return {ROWS: next(iter(values.values()))}
        return {ROWS: [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]}
    return {COLUMNS: next(iter(values.values())) if len(values) == 1 else values}


def _shown(array: Array) -> Any:
    """As JSON has it: the shortest number that is read as the same one, and texts."""
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        shortest = [float(str(value)) for value in array.ravel()]
        return np.array(shortest, np.float64).reshape(array.shape).tolist()
    return _texts(array.tolist())


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(item) for item in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}
