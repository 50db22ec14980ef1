"""Answers by gRPC: the rows of TensorFlow Serving's messages, and messages that no server should send."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelrollout.adapters.serving_probe import load
from modelrollout.adapters.tensors import Unreadable
from modelrollout.comparison.read_protobuf import rows_of_message
from modelrollout.comparison.reply import Ranked

API = "tensorflow_serving.apis."
PREDICT: Any = load(f"{API}predict_pb2")
CLASSIFY: Any = load(f"{API}classification_pb2")
REGRESS: Any = load(f"{API}regression_pb2")
INFERENCE: Any = load(f"{API}inference_pb2")
FLOAT, DOUBLE, INT8, STRING, INT64, BOOL, BFLOAT16, HALF, UINT64, COMPLEX = 1, 2, 6, 7, 9, 10, 14, 19, 23, 8


def response(*tensors: tuple[str, int, tuple[int, ...], dict[str, Any]]) -> bytes:
    """Of Predict: name, type, shape and fields of each output."""
    made = PREDICT.PredictResponse()
    for name, kind, shape, fields in tensors:
        tensor = made.outputs[name]
        tensor.dtype = kind
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        for field, value in fields.items():
            if isinstance(value, bytes):
                setattr(tensor, field, value)
            else:
                getattr(tensor, field).extend(value)
    return bytes(made.SerializeToString())


HALVES = np.array([0.5, 2.0], np.float16).view(np.uint16).tolist()
# One output -> its rows
TENSORS: dict[str, tuple[int, tuple[int, ...], dict[str, Any], list[Any]]] = {
    "floats": (FLOAT, (2, 2), {"float_val": [1, 2, 3, 4]}, [[1.0, 2.0], [3.0, 4.0]]),
    "floats as bytes": (FLOAT, (2,), {"tensor_content": np.array([0.5, 2], "<f4").tobytes()}, [0.5, 2.0]),
    "the last repeats": (DOUBLE, (3,), {"double_val": [1, 2]}, [1.0, 2.0, 2.0]),
    "none are zeros": (INT64, (2,), {}, [0, 0]),
    "surplus values": (INT64, (1,), {"int64_val": [1, 2]}, [1]),
    "small whole numbers": (INT8, (2,), {"int_val": [-1, 7]}, [-1, 7]),
    "large whole numbers": (UINT64, (1,), {"uint64_val": [2**64 - 1]}, [2**64 - 1]),
    "texts": (STRING, (2,), {"string_val": [b"a", b"\xff"]}, [b"a", b"\xff"]),
    "truth values": (BOOL, (2,), {"bool_val": [True, False]}, [True, False]),
    "halves": (HALF, (2,), {"half_val": HALVES}, [0.5, 2.0]),
    "brain floats": (BFLOAT16, (2,), {"half_val": [0x3F00, 0x4000]}, [0.5, 2.0]),
    "no rows": (FLOAT, (0, 3), {}, []),
}


@pytest.mark.parametrize(("kind", "shape", "fields", "rows"), TENSORS.values(), ids=TENSORS)
def test_rows_of_an_output(kind: int, shape: tuple[int, ...], fields: dict[str, Any], rows: list[Any]) -> None:
    found = rows_of_message("Predict", response(("y", kind, shape, fields)))
    assert list(found) == [{"y": row} for row in rows]


def test_outputs_with_as_many_rows_are_taken_row_by_row() -> None:
    scores = ("scores", FLOAT, (2, 1), {"float_val": [1, 2]})
    assert rows_of_message("Predict", response(scores, ("label", INT64, (2,), {"int64_val": [7, 8]}))) == (
        {"scores": [1.0], "label": 7},
        {"scores": [2.0], "label": 8},
    )
    assert rows_of_message("Predict", response(scores, ("all", INT64, (), {"int64_val": [7]}))) == (
        {"scores": [[1.0], [2.0]], "all": 7},
    )


def test_classes_values_and_several_tasks() -> None:
    classes = CLASSIFY.ClassificationResponse()
    row = classes.result.classifications.add()
    row.classes.add(label="cat", score=0.25)
    row.classes.add(label="dog", score=0.75)
    ranked = Ranked(("dog", "cat"), (0.75, 0.25))
    assert rows_of_message("Classify", classes.SerializeToString()) == ({"results": ranked},)
    values = REGRESS.RegressionResponse()
    values.result.regressions.add(value=0.5)
    assert rows_of_message("Regress", values.SerializeToString()) == ({"results": 0.5},)
    several = INFERENCE.MultiInferenceResponse()
    for name, field, result in (("a", "classification_result", classes), ("b", "regression_result", values)):
        task = several.results.add()
        task.model_spec.signature_name = name
        getattr(task, field).CopyFrom(result.result)
    assert rows_of_message("MultiInference", several.SerializeToString()) == ({"a": ranked, "b": 0.5},)


UNREADABLE: dict[str, tuple[str, bytes]] = {
    "no message": ("Predict", b"\xff\xff\xff"),
    "nothing": ("Predict", b""),
    "more values than there is memory": ("Predict", response(("y", FLOAT, (10**6, 10**6), {"float_val": [1]}))),
    "dimensions without end": ("Predict", response(("y", FLOAT, (1,) * 40, {}))),
    "a size below nothing": ("Predict", response(("y", FLOAT, (-1,), {}))),
    "too few bytes": ("Predict", response(("y", FLOAT, (4,), {"tensor_content": b"1234"}))),
    "too many bytes": ("Predict", response(("y", FLOAT, (1,), {"tensor_content": b"12345678"}))),
    "a type of no numbers": ("Predict", response(("y", COMPLEX, (1,), {}))),
    "packed texts": ("Predict", response(("y", STRING, (1,), {"tensor_content": b"\x01a"}))),
    "no tasks": ("MultiInference", b""),
}


@pytest.mark.parametrize(("method", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_answer(method: str, message: bytes) -> None:
    with pytest.raises(Unreadable):
        rows_of_message(method, message)
