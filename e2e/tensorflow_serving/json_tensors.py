"""JSON to tensors and back, in the words of TensorFlow Serving's REST API (its util/json_tensor.cc).

Both row form (`instances` -> `predictions`) and column form (`inputs` -> `outputs`), base64 objects for bytes,
bare NaN and Infinity in both directions, floats in the fewest digits that read back the same, whole ones with
`.0`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e.tensorflow_serving.json_shown import shown
from e2e.tensorflow_serving.json_values import fill, is_object
from e2e.tensorflow_serving.session import MOST_DIMENSIONS, NUMPY, STRING, Array
from e2e.tensorflow_serving.status import ServingError, invalid

Inputs = Mapping[str, int]  # the DataType number of each input of a signature, by its name


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed predict request: the arrays by input name, and whether the answer goes by rows or by columns."""

    tensors: Mapping[str, Array]
    by_rows: bool


def signature_name(document: Mapping[str, Any]) -> str:
    """The optional `signature_name` of a request, or nothing."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def predict_request(document: Mapping[str, Any], inputs: Inputs) -> Request:
    """The tensors of a predict request to a signature with these inputs."""
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of 'inputs' or 'instances'"
            " keys to exist "
        )
    if "instances" in document:
        rows = document["instances"]
        if not isinstance(rows, list):
            raise invalid(f"JSON Value: {shown(document)} Expecting 'instances' to be an list/array")
        if not rows:
            raise invalid(f"JSON Value: {shown(document)} No values in 'instances' array")
        return Request(_from_rows(rows, inputs), by_rows=True)
    if "inputs" in document:
        return Request(_from_columns(document["inputs"], inputs), by_rows=False)
    raise invalid("Missing 'inputs' or 'instances' key")


def _from_rows(rows: list[Any], inputs: Inputs) -> dict[str, Array]:
    if not is_object(rows[0]):
        if len(inputs) > 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple input tensors required as per"
                " tensorinfo_map"
            )
        name, number = next(iter(inputs.items()))
        if any(map(is_object, rows)):
            place = next(place for place, row in enumerate(rows) if is_object(row))
            raise invalid(f"Expecting value/list but got object at item {place} of input list")
        where = "Failed to process element: {} of 'instances' list.".format
        return {name: _stack(name, rows, number, where)}
    _check_keys(rows, inputs)
    return {name: _stack(name, [row[name] for row in rows], number, _failed(name)) for name, number in inputs.items()}


def _failed(name: str) -> Callable[[int], str]:
    return lambda place: f"Failed to process element: {place} key: {name} of 'instances' list."


def _check_keys(rows: list[Any], inputs: Inputs) -> None:
    for place, row in enumerate(rows):
        if not is_object(row):
            raise invalid(f"Expecting object but got list at item {place} of input list")
        for name in row:
            if name not in inputs:
                problem = f"INVALID_ARGUMENT: JSON object: does not have named input: {name}"
                raise invalid(f"{_failed(name)(place)} Error: {problem}")
        if row.keys() != inputs.keys():
            raise invalid(
                f"Failed to process element: {place} of 'instances' list. JSON object: {shown(row)} keys must be"
                f" equal to: {','.join(sorted(inputs))}"
            )


def _stack(name: str, values: list[Any], number: int, where: Callable[[int], str]) -> Array:
    """One tensor of the values of all rows, which must agree in size and shape."""
    flat: list[Any] = []
    first: tuple[int, ...] | None = None
    for place, value in enumerate(values):
        before = len(flat)
        try:
            shape = fill(value, number, flat)
            if first is not None and len(flat) - before != before // place:
                raise invalid(f"Expecting tensor size: {before // place} but got: {len(flat) - before}")
            if first is not None and shape != first:
                raise invalid(f"Expecting shape {_shown_shape(first)} but got: {_shown_shape(shape)}")
        except ServingError as problem:
            raise invalid(f"{where(place)} Error: {problem.status}") from problem
        first = shape
    return _array(name, flat, (len(values), *(first or ())), number)


def _shown_shape(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _from_columns(value: Any, inputs: Inputs) -> dict[str, Array]:
    if not is_object(value):
        if len(inputs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per"
                " tensorinfo_map"
            )
        name, number = next(iter(inputs.items()))
        return {name: _whole(name, value, number)}
    for name in inputs:
        if name not in value:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _whole(name, value[name], number) for name, number in inputs.items()}


def _whole(name: str, value: Any, number: int) -> Array:
    flat: list[Any] = []
    return _array(name, flat, fill(value, number, flat), number)


def _array(name: str, flat: list[Any], shape: tuple[int, ...], number: int) -> Array:
    if len(shape) > MOST_DIMENSIONS:
        raise invalid(f"tensor parsing error: {name}")
    if number != STRING:
        with np.errstate(over="ignore"):  # what a double holds and a float does not is infinite
            return np.array(flat, NUMPY[number]).reshape(shape)
    strings = np.empty(len(flat), np.object_)
    strings[:] = flat
    return strings.reshape(shape)
