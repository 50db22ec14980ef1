"""MultiInference: several signatures of a model on the same Examples, by one run of its graph."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e_serving.stand_in import StandIn, config_file, entry, monitoring_file, put, stand_in

protobufs = pytest.importorskip("e2e.tensorflow_serving.protobufs")
grpc = pytest.importorskip("grpc")
PATIENCE = 60.0
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
Task = tuple[str, str]
Ask = Callable[[Any], Any]


@pytest.fixture(scope="module")
def digits(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A server of its own, because its counts are compared: the versions 1, label `stable`, and 2."""
    folder = tmp_path_factory.mktemp("multi")
    put(models / "good", folder / "digits", 1)
    put(models / "better", folder / "digits", 2)
    more = "model_version_policy { all {} } version_labels { key: 'stable' value: 1 }"
    config = config_file(folder / "models.txt", entry("digits", folder / "digits", more))
    flags = (f"--model_config_file={config}", "--allow_version_labels_for_unavailable_models")
    with stand_in(folder, *flags, f"--monitoring_config_file={monitoring_file(folder)}") as server:
        yield server


@pytest.fixture
def ask(digits: StandIn) -> Iterator[Ask]:
    """Sends a request."""
    with grpc.insecure_channel(f"127.0.0.1:{digits.port}") as channel:
        stub = protobufs.prediction_service_pb2_grpc.PredictionServiceStub(channel)
        yield lambda request: stub.MultiInference(request, timeout=PATIENCE)


def asking(tasks: list[Task], row: list[int], examples: int = 1, model: str = "digits") -> Any:
    """A request with (signature, method) tasks on so many Examples."""
    request = protobufs.inference_pb2.MultiInferenceRequest()
    for signature, method in tasks:
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = model, signature
    for _ in range(examples):
        example = request.input.example_list.examples.add()
        example.features.feature["pixels"].float_list.value.extend(row)
    return request


BOTH = [("regress", REGRESS), ("classify", CLASSIFY)]


def test_each_task_has_its_result_in_order(digits: StandIn, ask: Ask, row: list[int]) -> None:
    regressed, classified = ask(asking(BOTH, row, examples=2)).results
    assert (regressed.model_spec.signature_name, classified.model_spec.signature_name) == ("regress", "classify")
    assert {result.model_spec.version.value for result in (regressed, classified)} == {2}
    body = {"examples": [{"pixels": [float(pixel) for pixel in row]}] * 2}
    values = digits.post("/v1/models/digits:regress", body | {"signature_name": "regress"}).json["results"]
    labels = digits.post("/v1/models/digits:classify", body | {"signature_name": "classify"}).json["results"]
    assert [one.value for one in regressed.regression_result.regressions] == pytest.approx(values)
    for classes, expected in zip(classified.classification_result.classifications, labels, strict=True):
        assert [one.label for one in classes.classes] == [label for label, _ in expected]
        assert [one.score for one in classes.classes] == pytest.approx([score for _, score in expected])


def test_the_first_task_chooses_the_version(ask: Ask, row: list[int]) -> None:
    request = asking(BOTH, row)
    request.tasks[0].model_spec.version_label = "stable"
    assert {result.model_spec.version.value for result in ask(request).results} == {1}


def samples(server: StandIn, family: str) -> dict[str, str]:
    lines = server.get("/monitoring/prometheus/metrics").text.splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if line.startswith(f":tensorflow:{family}"))


def test_one_run_whose_examples_are_counted_and_nothing_else(digits: StandIn, ask: Ask, row: list[int]) -> None:
    examples = ':tensorflow:serving:request_example_count_total{model="digits"}'
    families = ("core:graph_runs", "serving:request_count", "serving:request_latency", "serving:runtime_latency")
    before = [samples(digits, family) for family in families]
    counted = int(samples(digits, "serving:request_example").get(examples, 0))
    ask(asking(BOTH, row, examples=3))
    after = [samples(digits, family) for family in families]
    runs = ":tensorflow:core:graph_runs{}"
    assert int(after[0][runs]) == int(before[0].get(runs, 0)) + 1
    assert after[1:] == before[1:]
    assert int(samples(digits, "serving:request_example")[examples]) == counted + 3


@pytest.mark.parametrize(
    ("tasks", "examples", "code", "words"),
    [
        pytest.param(
            [("classify", CLASSIFY)] * 2, 1, "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: classify", id="twice",
        ),
        pytest.param(
            [("x", CLASSIFY)], 1, "INVALID_ARGUMENT", "Requested signature not found in model graph: x", id="unknown"
        ),
        pytest.param(
            [("", CLASSIFY)], 1, "INVALID_ARGUMENT", "No classification inputs found in SignatureDef", id="default"
        ),
        pytest.param([("regress", CLASSIFY)], 1, "INVALID_ARGUMENT", "Expected classification signature", id="wrong"),
        pytest.param([("classify", REGRESS)], 1, "INVALID_ARGUMENT", "Expected one output Tensor.", id="wrong, too"),
        pytest.param(
            [("classify", "tensorflow/serving/predict")], 1, "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict", id="predict",
        ),
        pytest.param(BOTH, 0, "INVALID_ARGUMENT", "Input is empty.", id="no examples"),
        pytest.param([], 1, "INVALID_ARGUMENT", "ModelSpec has no name specified.", id="no tasks"),
    ],
)  # fmt: skip
def test_refused(ask: Ask, row: list[int], tasks: list[Task], examples: int, code: str, words: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(asking(tasks, row, examples))
    assert caught.value.code().name == code
    assert caught.value.details().startswith(words)


def test_all_tasks_are_of_one_model(ask: Ask, row: list[int]) -> None:
    request = asking(BOTH, row)
    request.tasks[1].model_spec.name = "other"
    with pytest.raises(grpc.RpcError) as caught:
        ask(request)
    assert caught.value.details() == "All ModelSpecs in a MultiInferenceRequest must access the same model name."
