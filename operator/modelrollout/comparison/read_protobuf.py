"""Answers of TensorFlow Serving's gRPC API: the rows of a message, as ``read_json`` gives those of a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelrollout.adapters.serving_probe import load
from modelrollout.adapters.tensors import Unreadable, array_of
from modelrollout.comparison.read_json import RESULTS
from modelrollout.comparison.reply import Ranked, Row

SERVICE = "tensorflow.serving.PredictionService"


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
    arrays = {name: array_of(name, tensor) for name, tensor in outputs.items()}
    sizes = {len(array) if array.ndim else None for array in arrays.values()}
    (size,) = sizes if len(sizes) == 1 else (None,)
    values = {name: array.tolist() for name, array in arrays.items()}
    if size is None:
        return (values,)
    return tuple({name: column[index] for name, column in values.items()} for index in range(size))


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
