"""What `classify` and `regress` ask of a signature, and what they make of its outputs.

The checks and words of TensorFlow Serving's classifier.cc and regressor.cc, which multi_inference.cc uses as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from e2e.tensorflow_serving.data_types import enum_name
from e2e.tensorflow_serving.session import FLOAT, STRING, TYPE, Array
from e2e.tensorflow_serving.status import invalid

PREDICT, CLASSIFY, REGRESS = (f"tensorflow/serving/{name}" for name in ("predict", "classify", "regress"))
Classification = list[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Ends:
    """Where serialized Examples go into a graph, and the outputs of the signature by their alias."""

    input: str
    outputs: Mapping[str, str]


def classify_ends(signature: Any, check_method_name: bool) -> Ends:
    """The tensors of a signature that classifies; raises ServingError if it does not."""
    entry = _input(signature, check_method_name, CLASSIFY, "classification")
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    found = {alias: signature.outputs[alias].name for alias in ("classes", "scores") if alias in signature.outputs}
    if not found:
        raise invalid(
            'Expected classification signature outputs to contain at least one of "classes" or "scores".'
            f" Signature was: {signature}"
        )
    return Ends(entry, found)


def regress_ends(signature: Any, check_method_name: bool) -> Ends:
    """The tensors of a signature that regresses; raises ServingError if it does not."""
    entry = _input(signature, check_method_name, REGRESS, "regression")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if "outputs" not in signature.outputs:
        raise invalid(f"No regression outputs found in SignatureDef: {signature}")
    return Ends(entry, {"outputs": signature.outputs["outputs"].name})


def _input(signature: Any, check_method_name: bool, method: str, word: str) -> str:
    if check_method_name and signature.method_name != method:
        raise invalid(f"Expected {word} signature method_name to be {method}. Was: {signature.method_name}")
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if "inputs" not in signature.inputs:
        raise invalid(f"No {word} inputs found in SignatureDef: {signature}")
    return str(signature.inputs["inputs"].name)


def classifications(outputs: Mapping[str, Array], examples: int) -> list[Classification]:
    """For each example its labels with their scores, "" or 0.0 where the signature has none."""
    for alias, array in outputs.items():
        _expect_table(alias, array, examples)
    classes, scores = outputs.get("classes"), outputs.get("scores")
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise invalid(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    width = next(iter(outputs.values())).shape[1]
    labels = (
        [""] * width * examples
        if classes is None
        else [text.decode(errors="replace") for text in classes.ravel().tolist()]
    )
    numbers = [0.0] * width * examples if scores is None else scores.ravel().tolist()
    pairs = list(zip(labels, numbers, strict=True))
    return [pairs[row * width : (row + 1) * width] for row in range(examples)]


def _expect_table(alias: str, array: Array, examples: int) -> None:
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
    wanted = STRING if alias == "classes" else FLOAT
    if TYPE[array.dtype] != wanted:
        got = enum_name(TYPE[array.dtype])
        raise invalid(f"Expected {alias} Tensor of {enum_name(wanted)}. Got: {got}")
    if len(array) != examples:
        raise invalid(f"Expected {alias} output batch size of {examples}. Got: {len(array)}")


def regressions(outputs: Mapping[str, Array], examples: int) -> list[float]:
    """For each example its value."""
    values = outputs["outputs"]
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise invalid(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape(values)}"
        )
    if len(values) != examples:
        raise invalid(f"Input batch size did not match output batch size: {examples} vs. {len(values)}")
    if TYPE[values.dtype] != FLOAT:
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {enum_name(TYPE[values.dtype])}")
    return [float(value) for value in values.ravel()]


def _shape(array: Array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
