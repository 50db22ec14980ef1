"""Bodies of :predict as messages and back: what a person writes is the same by REST and by gRPC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelrollout.adapters.predict_messages import answer_of, request_of
from modelrollout.adapters.tensors import NoTensor, array_of, tensor_of
from tests.adapters.predict import BOOL, COMPLEX, DOUBLE, FLOAT, HALF, INT32, INT64, PREDICT, STRING

INPUTS = {"serving_default": {"x": FLOAT}, "two": {"a": INT64, "b": STRING}}

WRITTEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rows": ({"instances": [[1, 2], [3, 4.5]]}, {"x": [[1, 2], [3, 4.5]]}),
    "a column": ({"inputs": [[1, 2]]}, {"x": [[1, 2]]}),
    "a column by its name": ({"inputs": {"x": [[1, 2]]}}, {"x": [[1, 2]]}),
    "rows by name": (
        {"signature_name": "two", "instances": [{"a": 1, "b": "u"}, {"a": 2, "b": {"b64": "dg=="}}]},
        {"a": [1, 2], "b": [b"u", b"v"]},
    ),
}


@pytest.mark.parametrize(("body", "inputs"), WRITTEN.values(), ids=WRITTEN)
def test_a_body_as_a_message(body: dict[str, Any], inputs: dict[str, Any]) -> None:
    request = request_of(body, "fraud", INPUTS)
    assert request.model_spec.name == "fraud"
    assert {name: array_of(name, tensor).tolist() for name, tensor in request.inputs.items()} == inputs


REFUSED: dict[str, tuple[Any, str]] = {
    "no object": ([1], "it has not one of instances and inputs"),
    "both": ({"instances": [1], "inputs": [1]}, "it has not one of instances and inputs"),
    "another signature": ({"signature_name": "three", "instances": [1]}, "there is no signature three"),
    "another input": ({"inputs": {"y": [1]}}, "there is no input y"),
    "no rows": ({"instances": []}, "instances is no list with rows"),
    "no names": ({"signature_name": "two", "instances": [1]}, "the signature has 2 inputs, and what is given has no"),
    "rows that differ": (
        {"signature_name": "two", "instances": [{"a": 1, "b": "u"}, {"a": 1}]},
        "the rows of instances do not have the same inputs",
    ),
    "lists of two lengths": ({"instances": [[1, 2], [3]]}, "input x: its values are no tensor"),
    "a text for a number": ({"instances": ["one"]}, "input x: its values are no tensor"),
}


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_no_message_can_be_made_of(body: Any, words: str) -> None:
    with pytest.raises(NoTensor) as caught:
        request_of(body, "fraud", INPUTS)
    assert str(caught.value).startswith(words)


KINDS: dict[str, tuple[int, Any]] = {
    "float": (FLOAT, [[0.5, 1.0]]),
    "double": (DOUBLE, [0.1]),
    "int": (INT32, [[1], [2]]),
    "truth": (BOOL, [True, False]),
    "half": (HALF, [0.5, 2.0]),
    "lone": (INT64, 7),
    "texts": (STRING, [[b"a"], [b"b"]]),
}


@pytest.mark.parametrize(("kind", "value"), KINDS.values(), ids=KINDS)
def test_every_type_is_read_as_it_was_written(kind: int, value: Any) -> None:
    written = [[text.decode() for text in row] for row in value] if kind == STRING else value
    assert array_of("x", tensor_of("x", kind, written)).tolist() == value


OF_NO_TYPE: dict[str, tuple[int, Any, str]] = {
    "a fraction for a whole number": (INT64, [1.5], "input x: its values are not of the type"),
    "a number for a truth": (BOOL, [1], "input x: its values are not of the type"),
    "a number for a text": (STRING, [1], "input x: 1 is no text"),
    "texts of two lengths": (STRING, [["a"], ["b", "c"]], "input x: its lists are not of one length"),
    "a type that is not sent": (COMPLEX, [1], "input x is of type 8, which is sent by REST alone"),
}


@pytest.mark.parametrize(("kind", "value", "words"), OF_NO_TYPE.values(), ids=OF_NO_TYPE)
def test_what_is_no_tensor_of_a_type(kind: int, value: Any, words: str) -> None:
    with pytest.raises(NoTensor) as caught:
        tensor_of("x", kind, value)
    assert str(caught.value).startswith(words)


def response(**outputs: Any) -> Any:
    found = PREDICT.PredictResponse()
    for name, (kind, value) in outputs.items():
        found.outputs[name].CopyFrom(tensor_of(name, kind, value))
    return found


def test_an_answer_is_as_rest_has_it() -> None:
    scores = response(scores=(FLOAT, [[0.1, 0.9], [0.3, 0.7]]))
    assert answer_of(scores, by_row=True) == {"predictions": [[0.1, 0.9], [0.3, 0.7]]}
    assert answer_of(scores, by_row=False) == {"outputs": [[0.1, 0.9], [0.3, 0.7]]}
    both = response(digit=(INT64, [3]), name=(STRING, ["three"]))
    assert answer_of(both, by_row=True) == {"predictions": [{"digit": 3, "name": "three"}]}
    uneven = response(digit=(INT64, [3]), total=(DOUBLE, 0.25))
    assert answer_of(uneven, by_row=True) == {"outputs": {"digit": [3], "total": 0.25}}


def test_texts_that_are_none_and_numbers_that_are_none() -> None:
    odd = response(text=(STRING, [{"b64": "/w=="}]))
    assert answer_of(odd, by_row=True) == {"predictions": [{"b64": "/w=="}]}
    infinite = answer_of(response(x=(FLOAT, [float("inf")])), by_row=True)
    assert np.isinf(infinite["predictions"][0])
