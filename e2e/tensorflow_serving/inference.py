"""Predict, classify and regress on one servable, with TensorFlow Serving's checks and words.

Both APIs and the warm-up end here. Requests and answers are tensors and plain values; JSON and protobufs stay
with the APIs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from e2e.tensorflow_serving.data_types import enum_name
from e2e.tensorflow_serving.metrics import Metrics
from e2e.tensorflow_serving.proto_tensors import from_proto
from e2e.tensorflow_serving.servable import DEFAULT_SIGNATURE, Servable
from e2e.tensorflow_serving.session import FLOAT, STRING, TYPE, Array
from e2e.tensorflow_serving.status import Code, ServingError, invalid

_METHODS = {name: f"tensorflow/serving/{name}" for name in ("predict", "classify", "regress")}
Classification = list[tuple[str, float]]


class Inference:
    """Runs requests on servables. `check_method_names` is `--enable_signature_method_name_check`."""

    def __init__(self, metrics: Metrics, check_method_names: bool) -> None:
        self._metrics, self._check = metrics, check_method_names

    def predict(
        self,
        servable: Servable,
        signature_name: str,
        inputs: Mapping[str, Array],
        output_filter: Sequence[str] = (),
        timeout_ms: int = 0,
    ) -> dict[str, Array]:
        """The outputs by their alias, all of the signature or those of the filter."""
        name = signature_name or DEFAULT_SIGNATURE
        if name not in servable.signatures:
            raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        signature = servable.signatures[name]
        if self._check and signature.method_name not in _METHODS.values():
            raise ServingError(
                Code.INTERNAL,
                "Expected prediction signature method_name to be one of {tensorflow/serving/predict,"
                f" tensorflow/serving/classify, tensorflow/serving/regress}}. Was: {signature.method_name}",
            )
        feeds = _feeds(signature, inputs)
        aliases = _aliases(signature, output_filter)
        tensors = [signature.outputs[alias].name for alias in aliases]
        values, taken = servable.run(feeds, tensors, timeout_ms)
        self._metrics.runtime_latency(servable.model, "Predict", taken)
        return dict(zip(aliases, values, strict=True))

    def classify(
        self, servable: Servable, signature_name: str, examples: Sequence[bytes], timeout_ms: int = 0
    ) -> list[Classification]:
        """For each serialized Example its labels with their scores."""
        signature = self._example_signature(servable, signature_name, "classify", "classification")
        outputs = [name for name in ("classes", "scores") if name in signature.outputs]
        if len(signature.outputs) > 2 or not signature.outputs:
            raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
        if not outputs:
            raise invalid(
                'Expected classification signature outputs to contain at least one of "classes" or "scores".'
                f" Signature was: {signature}"
            )
        values = self._run_examples(servable, signature, outputs, examples, timeout_ms)
        found = dict(zip(outputs, values, strict=True))
        for name, array in found.items():
            _expect_shape(name, array, len(examples))
        return _classifications(found.get("classes"), found.get("scores"))

    def regress(
        self, servable: Servable, signature_name: str, examples: Sequence[bytes], timeout_ms: int = 0
    ) -> list[float]:
        """For each serialized Example its value."""
        signature = self._example_signature(servable, signature_name, "regress", "regression")
        if len(signature.outputs) != 1:
            raise invalid("Expected one output Tensor.")
        if "outputs" not in signature.outputs:
            raise invalid(f"No regression outputs found in SignatureDef: {signature}")
        (values,) = self._run_examples(servable, signature, ["outputs"], examples, timeout_ms)
        if values.ndim != 1 and values.shape[1:] != (1,):
            raise invalid(
                f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape(values)}"
            )
        if len(values) != len(examples):
            raise invalid(f"Input batch size did not match output batch size: {len(examples)} vs. {len(values)}")
        if TYPE[values.dtype] != FLOAT:
            raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {enum_name(TYPE[values.dtype])}")
        return [float(value) for value in values.ravel()]

    def _example_signature(self, servable: Servable, signature_name: str, method: str, word: str) -> Any:
        name = signature_name or DEFAULT_SIGNATURE
        if name not in servable.signatures:
            raise invalid(f"No signature was found with the name: {name}")
        signature = servable.signatures[name]
        if self._check and signature.method_name != _METHODS[method]:
            raise invalid(
                f"Expected {word} signature method_name to be {_METHODS[method]}. Was: {signature.method_name}"
            )
        if len(signature.inputs) != 1:
            raise invalid("Expected one input Tensor.")
        if "inputs" not in signature.inputs:
            raise invalid(f"No {word} inputs found in SignatureDef: {signature}")
        return signature

    def _run_examples(
        self, servable: Servable, signature: Any, outputs: list[str], examples: Sequence[bytes], timeout_ms: int
    ) -> list[Array]:
        if not examples:
            raise invalid("Input is empty.")
        serialized = np.empty(len(examples), np.object_)
        serialized[:] = examples
        feeds = {signature.inputs["inputs"].name: serialized}
        values, taken = servable.run(feeds, [signature.outputs[name].name for name in outputs], timeout_ms)
        self._metrics.examples(servable.model, len(examples))
        api = "Regress" if outputs == ["outputs"] else "Classify"
        self._metrics.runtime_latency(servable.model, api, taken)
        return values


def _feeds(signature: Any, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays by the names of their tensors: an input that was not sent has its default, and there is no other.

    Whether their types are those of the graph is TensorFlow's to say.
    """
    sent, wanted = set(inputs), set(signature.inputs)
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not signature.defaults):
        lists = [",".join(sorted(names)) for names in (sent, wanted, sent - wanted, wanted - sent)]
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{lists[0]}}}) !="
            f" len({{{lists[1]}}}). Sent extra: {{{lists[2]}}}. Missing but required: {{{lists[3]}}}."
        )
    feeds = {info.name: _value(alias, signature, inputs) for alias, info in signature.inputs.items()}
    if sent - wanted:
        used, all_sent = (",".join(sorted(names)) for names in (sent & wanted, sent))
        raise invalid(f"Inputs contains invalid name. Used request inputs: {used}, request input: {all_sent}")
    return feeds


def _value(alias: str, signature: Any, inputs: Mapping[str, Array]) -> Array:
    if alias in inputs:
        return inputs[alias]
    if alias in signature.defaults:
        return from_proto(alias, signature.defaults[alias])
    raise invalid(
        f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found in request and no default"
        f" value provided. Inputs expected to be in the request {{{','.join(sorted(inputs))}}}, or default input alias"
        f" set: {','.join(sorted(signature.defaults))}"
    )


def _aliases(signature: Any, output_filter: Sequence[str]) -> list[str]:
    for place, alias in enumerate(output_filter):
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set"
                f" {{{','.join(sorted(signature.outputs))}}}."
            )
        if alias in output_filter[:place]:
            raise invalid(f"duplicate output tensor alias: {alias}")
    return list(output_filter) or sorted(signature.outputs)


def _expect_shape(name: str, array: Array, examples: int) -> None:
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
    wanted = STRING if name == "classes" else FLOAT
    if TYPE[array.dtype] != wanted:
        got = enum_name(TYPE[array.dtype])
        raise invalid(f"Expected {name} Tensor of {enum_name(wanted)}. Got: {got}")
    if len(array) != examples:
        raise invalid(f"Expected {name} output batch size of {examples}. Got: {len(array)}")


def _shape(array: Array) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"


def _classifications(classes: Any, scores: Any) -> list[Classification]:
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise invalid(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    rows, width = (classes if scores is None else scores).shape
    return [
        [
            (
                classes[row, i].decode(errors="replace") if classes is not None else "",
                float(scores[row, i]) if scores is not None else 0.0,
            )
            for i in range(width)
        ]
        for row in range(rows)
    ]
