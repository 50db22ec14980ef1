"""Values between JSON and tensors: every type, every nesting, and the shortest text of a float."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

protobufs = pytest.importorskip("e2e.tensorflow_serving.protobufs")
import numpy as np  # noqa: E402 (after the check that the environment has TensorFlow)

from e2e.tensorflow_serving import examples, json_answers  # noqa: E402
from e2e.tensorflow_serving.json_shown import shown  # noqa: E402
from e2e.tensorflow_serving.json_tensors import predict_request  # noqa: E402
from e2e.tensorflow_serving.session import NUMPY, STRING  # noqa: E402
from e2e.tensorflow_serving.status import ServingError  # noqa: E402

FLOAT, DOUBLE, INT32, UINT8, INT64, BOOL = 1, 2, 3, 4, 9, 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(np.float32(0.2), "0.2", id="short"),
        pytest.param(np.float32(0.1234567), "0.123456702", id="needs nine digits"),
        pytest.param(np.float64(0.1), "0.1", id="double"),
        pytest.param(np.float64(1 / 3), "0.33333333333333331", id="double in full"),
        pytest.param(np.float32(2), "2.0", id="whole"),
        pytest.param(np.float32(9000000), "9e+06", id="large"),
        pytest.param(np.float32(0.00003), "3e-05", id="small"),
        pytest.param(np.float32("nan"), "NaN", id="not a number"),
        pytest.param(np.float32("-inf"), "-Infinity", id="minus infinity"),
    ],
)
def test_decimal(value: Any, text: str) -> None:
    assert json_answers.decimal(value) == text


@given(st.floats(width=32))
def test_a_float_reads_back_the_same(value: float) -> None:
    read = np.float32(json.loads(json_answers.decimal(np.float32(value))))
    assert read == value or (math.isnan(value) and math.isnan(read))


@pytest.mark.parametrize(
    ("number", "value", "expected"),
    [
        pytest.param(FLOAT, [[1, 2.5]], np.array([[1, 2.5]], np.float32), id="float from whole numbers"),
        pytest.param(DOUBLE, 1.5, np.array(1.5), id="scalar"),
        pytest.param(INT32, [-1], np.array([-1], np.int32), id="int32"),
        pytest.param(INT64, [2**62], np.array([2**62]), id="int64"),
        pytest.param(UINT8, [300], np.array([44], np.uint8), id="small integers wrap"),
        pytest.param(BOOL, [True], np.array([True]), id="bool"),
        pytest.param(STRING, ["é"], np.array(["é".encode()], np.object_), id="text"),
        pytest.param(STRING, [{"b64": "AAE="}], np.array([b"\x00\x01"], np.object_), id="bytes"),
        pytest.param(FLOAT, [], np.zeros(0, np.float32), id="empty"),
    ],
)
def test_columns_of_every_type(number: int, value: Any, expected: Any) -> None:
    tensor = predict_request({"inputs": {"x": value}}, {"x": number}).tensors["x"]
    assert tensor.dtype == NUMPY[number]
    assert tensor.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("number", "value", "words"),
    [
        pytest.param(FLOAT, [True], "JSON Value: true Type: True is not of expected type: float", id="bool as float"),
        pytest.param(INT32, [1.5], "JSON Value: 1.5 Type: Number is not of expected type: int32", id="float as int"),
        pytest.param(INT32, [2**31], "JSON Value: 2147483648 Type: Number is not of", id="too large"),
        pytest.param(STRING, [1], "JSON Value: 1 Type: Number is not of expected type: string", id="number as text"),
        pytest.param(STRING, [{"b64": "?"}], "Unable to base64 decode", id="not base64"),
        pytest.param(FLOAT, [1, [2]], "Encountered list at unexpected level: 1 expected < 1", id="too deep"),
        pytest.param(FLOAT, [[1], 2], "JSON Value: 2 found at incorrect level: 2 in the JSON DOM.", id="flat"),
        pytest.param(19, [1], "Conversion of JSON Value: 1 to type: half", id="half floats only by gRPC"),
    ],
)
def test_columns_that_do_not_fit(number: int, value: Any, words: str) -> None:
    with pytest.raises(ServingError) as caught:
        predict_request({"inputs": value}, {"x": number})
    assert caught.value.status.message.startswith(words)


def test_several_inputs_and_outputs_go_by_name() -> None:
    rows = [{"a": 1, "b": [1, 2]}, {"a": 3, "b": [4, 5]}]
    tensors = predict_request({"instances": rows}, {"a": FLOAT, "b": FLOAT}).tensors
    assert json.loads(json_answers.predictions(tensors)) == {"predictions": rows}
    assert json.loads(json_answers.outputs(tensors)) == {"outputs": {"a": [1, 3], "b": [[1, 2], [4, 5]]}}
    assert json_answers.predictions({"a": tensors["a"], "b": tensors["a"]}).split("\n")[1:4] == [
        '    "predictions": [',
        "        {",
        '            "a": 1.0,',
    ]


def test_bytes_are_base64_where_the_name_says_so() -> None:
    texts = np.array([b"\x00\x01"], np.object_)
    assert json.loads(json_answers.predictions({"image_bytes": texts})) == {"predictions": [{"b64": "AAE="}]}
    assert json.loads(json_answers.predictions({"name": np.array([b"a"], np.object_)})) == {"predictions": ["a"]}


def test_outputs_must_agree_on_the_batch() -> None:
    with pytest.raises(ServingError, match="Tensor name: b has inconsistent batch size: 1 expecting: 2"):
        json_answers.predictions({"a": np.zeros(2, np.float32), "b": np.zeros(1, np.float32)})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param([1, [2.5, "é"]], '[1, [2.5, "é"]]', id="lists on one line"),
        pytest.param(
            {"a": [{"b": 1e300}], "c": {}},
            '{\n    "a": [{\n            "b": 1e300\n        }],\n    "c": {}\n}',
            id="objects on many",
        ),
        pytest.param(["x" * 300, 1], '["' + "x" * 300 + '"', id="cut after the piece that is too long"),
        pytest.param([[0] * 200], "[[" + ", ".join("0" * 86), id="cut between pieces"),
    ],
)
def test_quoted_in_an_error(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        pytest.param(2**63 - 1, "int64_list", id="int64"),
        pytest.param(2**64, "float_list", id="beyond 64 bits: a double"),
        pytest.param(-(2**63) - 1, "float_list", id="below 64 bits: a double"),
        pytest.param(True, "int64_list", id="bool"),
    ],
)
def test_numbers_of_an_example(value: Any, kind: str) -> None:
    feature = examples.example({"x": value}).features.feature["x"]
    assert feature.WhichOneof("kind") == kind
    assert list(getattr(feature, kind).value) == [pytest.approx(int(value))]


def test_uint64_is_no_feature() -> None:
    with pytest.raises(ServingError, match=r"Feature: x has uint64_t element\."):
        examples.example({"x": 2**63})
