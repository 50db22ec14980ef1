"""Predict, classify, regress and several of the latter on one servable, with TensorFlow Serving's checks and words.

Both APIs and the warm-up end here. Requests and answers are tensors and plain values; JSON and protobufs stay
with the APIs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from e2e.tensorflow_serving import methods
from e2e.tensorflow_serving.methods import CLASSIFY, PREDICT, REGRESS, Classification, Ends
from e2e.tensorflow_serving.metrics import Metrics
from e2e.tensorflow_serving.multi_inference import Result, Task, ends_of, result, run_examples
from e2e.tensorflow_serving.proto_tensors import from_proto
from e2e.tensorflow_serving.servable import DEFAULT_SIGNATURE, Servable
from e2e.tensorflow_serving.session import Array
from e2e.tensorflow_serving.status import Code, ServingError, invalid


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
        if self._check and signature.method_name not in (PREDICT, CLASSIFY, REGRESS):
            raise ServingError(
                Code.INTERNAL,
                f"Expected prediction signature method_name to be one of {{{PREDICT}, {CLASSIFY}, {REGRESS}}}."
                f" Was: {signature.method_name}",
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
        ends = methods.classify_ends(_example_signature(servable, signature_name), self._check)
        outputs = self._run_examples(servable, ends, "Classify", examples, timeout_ms)
        return methods.classifications(outputs, len(examples))

    def regress(
        self, servable: Servable, signature_name: str, examples: Sequence[bytes], timeout_ms: int = 0
    ) -> list[float]:
        """For each serialized Example its value."""
        ends = methods.regress_ends(_example_signature(servable, signature_name), self._check)
        outputs = self._run_examples(servable, ends, "Regress", examples, timeout_ms)
        return methods.regressions(outputs, len(examples))

    def _run_examples(
        self, servable: Servable, ends: Ends, api: str, examples: Sequence[bytes], timeout_ms: int
    ) -> dict[str, Array]:
        values, taken = run_examples(servable, [ends], examples, timeout_ms)
        self._metrics.runtime_latency(servable.model, api, taken)
        return {alias: values[name] for alias, name in ends.outputs.items()}

    def multi(
        self, servable: Servable, tasks: Sequence[Task], examples: Sequence[bytes], timeout_ms: int = 0
    ) -> list[Result]:
        """For each task its result, all of them by one run of the graph."""
        ends = ends_of(servable, tasks, self._check)
        values, _ = run_examples(servable, ends, examples, timeout_ms)
        self._metrics.examples(servable.model, len(examples))
        return [result(task, end, values, len(examples)) for task, end in zip(tasks, ends, strict=True)]


def _example_signature(servable: Servable, signature_name: str) -> Any:
    name = signature_name or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise invalid(f"No signature was found with the name: {name}")
    return servable.signatures[name]


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
