"""Several classify and regress signatures of one model on the same Examples, by a single run of its graph.

As TensorFlow Serving's multi_inference.cc. It is the only request whose Examples the metrics page counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from e2e.tensorflow_serving import methods
from e2e.tensorflow_serving.methods import REGRESS, Classification, Ends
from e2e.tensorflow_serving.servable import DEFAULT_SIGNATURE, Servable
from e2e.tensorflow_serving.session import Array
from e2e.tensorflow_serving.status import Code, ServingError, invalid

Result = list[Classification] | list[float]


@dataclass(frozen=True, slots=True)
class Task:
    """One of the questions: a signature of a model, and by which method it is asked."""

    model: str
    signature_name: str
    method: str


def tasks_of(request: Any) -> list[Task]:
    """The tasks of a MultiInferenceRequest."""
    return [
        Task(task.model_spec.name, task.model_spec.signature_name or DEFAULT_SIGNATURE, task.method_name)
        for task in request.tasks
    ]


def ends_of(servable: Servable, tasks: Sequence[Task], check_method_names: bool) -> list[Ends]:
    """The tensors of each task; raises the ServingError of the first that cannot be done."""
    return [_ends(servable, task, tasks[:place], check_method_names) for place, task in enumerate(tasks)]


def _ends(servable: Servable, task: Task, before: Sequence[Task], check_method_names: bool) -> Ends:
    if not task.model:
        raise invalid("Found ModelSpec with an empty model name.")
    if before and before[0].model != task.model:
        raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
    if task.signature_name in (other.signature_name for other in before):
        raise invalid(f"Duplicate evaluation of signature: {task.signature_name}")
    if task.signature_name not in servable.signatures:
        raise invalid(f"Requested signature not found in model graph: {task.signature_name}")
    signature = servable.signatures[task.signature_name]
    match task.method:
        case methods.CLASSIFY:
            return methods.classify_ends(signature, check_method_names)
        case methods.REGRESS:
            return methods.regress_ends(signature, check_method_names)
    raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method}")


def run_examples(
    servable: Servable, ends: Sequence[Ends], examples: Sequence[bytes], timeout_ms: int
) -> tuple[dict[str, Array], float]:
    """Feed the serialized Examples to all entries; the outputs by their tensors' names, and the microseconds."""
    if not examples:
        raise invalid("Input is empty.")
    serialized = np.empty(len(examples), np.object_)
    serialized[:] = examples
    entries, names = {end.input for end in ends}, sorted({name for end in ends for name in end.outputs.values()})
    values, taken = servable.run(dict.fromkeys(entries, serialized), names, timeout_ms)
    return dict(zip(names, values, strict=True)), taken


def result(task: Task, ends: Ends, values: dict[str, Array], examples: int) -> Result:
    """What a task makes of the values of the run."""
    outputs = {alias: values[name] for alias, name in ends.outputs.items()}
    if task.method == REGRESS:
        return methods.regressions(outputs, examples)
    return methods.classifications(outputs, examples)
