"""The gRPC API with TensorFlow Serving's own messages, and reloads of the config with their traps."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.client import BackgroundClient, Target
from tests.e2e_serving.stand_in import StandIn, config_file, entry, eventually, monitoring_file, put, stand_in

protobufs = pytest.importorskip("e2e.tensorflow_serving.protobufs")
grpc = pytest.importorskip("grpc")
PATIENCE = 60.0


class Client:
    """The stubs of both services on one channel."""

    def __init__(self, server: StandIn) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
        self.prediction = protobufs.prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.model = protobufs.model_service_pb2_grpc.ModelServiceStub(self.channel)

    def reload(self, *models: str) -> Any:
        """Send a config with these models."""
        request = protobufs.model_management_pb2.ReloadConfigRequest()
        text = "".join(f"config {{ {model} }}\n" for model in models)
        protobufs.text_format.Parse(text, request.config.model_config_list)
        return self.model.HandleReloadConfigRequest(request, timeout=PATIENCE)


@pytest.fixture
def client(server: StandIn) -> Iterator[Client]:
    connected = Client(server)
    yield connected
    connected.channel.close()


def predict_request(row: list[int], model: str = "digits", **spec: Any) -> Any:
    request = protobufs.predict_pb2.PredictRequest()
    request.model_spec.name = model
    protobufs.json_format.ParseDict(spec, request.model_spec)
    tensor = request.inputs["pixels"]
    tensor.dtype = 1
    for size in (1, 64):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.extend(row)
    return request


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """The code and the words with which a call ends."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code().name, caught.value.details()


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        pytest.param({}, 2, id="latest"),
        pytest.param({"version": "1"}, 1, id="number"),
        pytest.param({"versionLabel": "stable"}, 1, id="label"),
    ],
)
def test_predict_says_which_version_answered(
    client: Client, row: list[int], spec: dict[str, Any], version: int
) -> None:
    response = client.prediction.Predict(predict_request(row, **spec), timeout=PATIENCE)
    assert response.model_spec.version.value == version
    assert response.model_spec.signature_name == "serving_default"
    assert sum(response.outputs["probabilities"].float_val) == pytest.approx(1)


def test_predict_gives_what_rest_gives(server: StandIn, client: Client, row: list[int]) -> None:
    response = client.prediction.Predict(predict_request(row), timeout=PATIENCE)
    (by_rest,) = server.post("/v1/models/digits:predict", {"instances": [row]}).json["predictions"]
    assert list(response.outputs["probabilities"].float_val) == pytest.approx(by_rest)


def test_raw_bytes_and_repeated_values_are_read(client: Client) -> None:
    import numpy as np

    request = predict_request([3])  # one value stands for all 64
    surplus = predict_request([3] * 64 + [9])
    raw = predict_request([])
    raw.inputs["pixels"].tensor_content = np.full(64, 3, np.float32).tobytes()
    one, two, three = (
        client.prediction.Predict(sent, timeout=PATIENCE).outputs["probabilities"] for sent in (request, surplus, raw)
    )
    assert list(one.float_val) == list(two.float_val) == list(three.float_val)


def test_failing_rows_are_data_loss(client: Client) -> None:
    code, words = refused(lambda: client.prediction.Predict(predict_request([16] * 64, "failing"), timeout=PATIENCE))
    assert code == "DATA_LOSS"
    assert words.startswith("inflate() failed with error -3")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        pytest.param(
            {"version": "7"}, "NOT_FOUND", "Servable not found for request: Specific(digits, 7)", id="version"
        ),
        pytest.param({"versionLabel": "x"}, "INVALID_ARGUMENT", "Unrecognized servable version label: x", id="label"),
        pytest.param(
            {"signatureName": "x"}, "FAILED_PRECONDITION", 'Serving signature key "x" not found.', id="signature"
        ),
        pytest.param({"name": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified.", id="no name"),
    ],
)
def test_predict_refuses(client: Client, row: list[int], change: dict[str, Any], code: str, words: str) -> None:
    request = predict_request(row)
    protobufs.json_format.ParseDict(change, request.model_spec)
    if "name" in change:
        request.model_spec.ClearField("name")
    assert refused(lambda: client.prediction.Predict(request, timeout=PATIENCE)) == (code, words)


def test_inputs_must_be_those_of_the_signature(client: Client, row: list[int]) -> None:
    request = predict_request(row)
    request.inputs["more"].CopyFrom(request.inputs["pixels"])
    code, words = refused(lambda: client.prediction.Predict(request, timeout=PATIENCE))
    assert code == "INVALID_ARGUMENT"
    assert words == (
        "input size does not match signature: 2!=1 len({more,pixels}) != len({pixels}). Sent extra: {more}."
        " Missing but required: {}."
    )


def test_an_input_of_another_name_is_not_found(client: Client, row: list[int]) -> None:
    request = predict_request(row)
    request.inputs["ink"].CopyFrom(request.inputs["pixels"])
    del request.inputs["pixels"]
    code, words = refused(lambda: client.prediction.Predict(request, timeout=PATIENCE))
    assert code == "INVALID_ARGUMENT"
    assert words.startswith(
        "Signature input alias: pixels(feed name: serving_default_pixels:0) not found in request and no default value"
        " provided. Inputs expected to be in the request {ink}"
    )


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        pytest.param(2, "Expects arg[0] to be float but double is provided", id="double"),
        pytest.param(7, "Expects arg[0] to be float but string is provided", id="string"),
        pytest.param(0, "tensor parsing error: pixels", id="no type"),
        pytest.param(8, "tensor parsing error: pixels, the stand-in does not read", id="complex"),
    ],
)
def test_inputs_must_have_the_type_of_the_graph(client: Client, dtype: int, words: str) -> None:
    request = predict_request([])
    request.inputs["pixels"].dtype = dtype
    code, said = refused(lambda: client.prediction.Predict(request, timeout=PATIENCE))
    assert code == "INVALID_ARGUMENT"
    assert said.startswith(words)


def test_what_is_wrong_first_is_told_first(client: Client) -> None:
    """A tensor is read after the signature was found."""
    request = predict_request([], signatureName="x")
    request.inputs["pixels"].dtype = 0
    code, words = refused(lambda: client.prediction.Predict(request, timeout=PATIENCE))
    assert (code, words) == ("FAILED_PRECONDITION", 'Serving signature key "x" not found.')


def test_deadline_of_the_client_ends_the_run(client: Client) -> None:
    code, _ = refused(lambda: client.prediction.Predict(predict_request([16] * 64, "slow"), timeout=0.05))
    assert code == "DEADLINE_EXCEEDED"


def test_a_call_without_deadline_is_answered(client: Client, row: list[int]) -> None:
    assert client.prediction.Predict(predict_request(row)).outputs["probabilities"].float_val


def test_metadata(client: Client) -> None:
    request = protobufs.get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "digits"
    response = client.prediction.GetModelMetadata(request, timeout=PATIENCE)
    signatures = protobufs.get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "classify", "regress"} <= set(signatures.signature_def)
    assert response.model_spec.version.value == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param([], "GetModelMetadataRequest must specify at least one metadata_field", id="none"),
        pytest.param(["size"], "Metadata field size is not supported", id="unknown"),
    ],
)
def test_metadata_refuses(client: Client, fields: list[str], words: str) -> None:
    request = protobufs.get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = "digits"
    assert refused(lambda: client.prediction.GetModelMetadata(request, timeout=PATIENCE)) == ("INVALID_ARGUMENT", words)


def test_classify_and_regress(client: Client, row: list[int]) -> None:
    classify = protobufs.classification_pb2.ClassificationRequest()
    regress = protobufs.regression_pb2.RegressionRequest()
    for request, name in ((classify, "classify"), (regress, "regress")):
        request.model_spec.name, request.model_spec.signature_name = "digits", name
        example = request.input.example_list.examples.add()
        example.features.feature["pixels"].float_list.value.extend(row)
    (classes,) = client.prediction.Classify(classify, timeout=PATIENCE).result.classifications
    (regression,) = client.prediction.Regress(regress, timeout=PATIENCE).result.regressions
    expected = sum(int(one.label) * one.score for one in classes.classes)
    assert regression.value == pytest.approx(expected, rel=1e-4)


@pytest.fixture
def reloadable(models: Path, tmp_path: Path) -> Iterator[tuple[StandIn, Client, Path]]:
    """A server with `digits` at version 1, label `stable`; versions 2 and 3 lie beside it. And its base folder."""
    base = tmp_path / "digits"
    for version, model in enumerate(("good", "better", "third"), start=1):
        put(models / model, base, version)
    config = config_file(tmp_path / "models.txt", entry("digits", base, SPECIFIC.format(1)))
    monitoring = monitoring_file(tmp_path)
    flags = (f"--model_config_file={config}", f"--monitoring_config_file={monitoring}")
    with stand_in(tmp_path, *flags, *ONE_TRY) as server:
        client = Client(server)
        client.reload(entry("digits", base, SPECIFIC.format(1) + LABEL.format("stable", 1)))
        yield server, client, base
        client.channel.close()


ONE_TRY = ("--max_num_load_retries=0", "--load_retry_interval_micros=0")
SPECIFIC = "model_version_policy {{ specific {{ versions: {} }} }}"
BOTH = "model_version_policy { specific { versions: 1 versions: 2 } }"
LABEL = "version_labels {{ key: '{}' value: {} }}"
Reloadable = tuple[StandIn, Client, Path]


def test_two_phases_move_a_label(reloadable: Reloadable, row: list[int]) -> None:
    server, client, base = reloadable
    client.reload(entry("digits", base, BOTH + LABEL.format("stable", 1)))
    eventually(lambda: server.states("digits").get(2) == "AVAILABLE")
    client.reload(entry("digits", base, BOTH + LABEL.format("stable", 2)))
    response = client.prediction.Predict(predict_request(row, versionLabel="stable"), timeout=PATIENCE)
    assert response.model_spec.version.value == 2
    client.reload(entry("digits", base, SPECIFIC.format(2) + LABEL.format("stable", 2)))
    eventually(lambda: server.states("digits") == {2: "AVAILABLE", 1: "END"})


def test_one_phase_never_converges(reloadable: Reloadable, row: list[int]) -> None:
    """The labels are checked before the new version is asked for, so it is never loaded, however often one tries."""
    server, client, base = reloadable
    both = entry("digits", base, BOTH + LABEL.format("stable", 2))
    words = "Request to assign label to version 2 of model digits, which is not currently available for inference"
    for _ in range(2):
        assert refused(lambda: client.reload(both)) == ("FAILED_PRECONDITION", words)
    assert server.states("digits") == {1: "AVAILABLE"}
    response = client.prediction.Predict(predict_request(row, versionLabel="stable"), timeout=PATIENCE)
    assert response.model_spec.version.value == 1


def test_reload_is_the_whole_truth_and_waits_for_new_models_only(reloadable: Reloadable, models: Path) -> None:
    server, client, base = reloadable
    put(models / "good", base.parent / "other", 1)
    client.reload(entry("other", base.parent / "other"))
    assert server.states("other") == {1: "AVAILABLE"}, "the reload came back when the new model served"
    eventually(lambda: server.states("digits") == {1: "END"})


def test_reload_of_a_model_that_cannot_load(reloadable: Reloadable, models: Path) -> None:
    _, client, base = reloadable
    put(models / "unloadable", base.parent / "other", 1)
    kept = entry("digits", base, SPECIFIC.format(1))
    code, words = refused(lambda: client.reload(kept, entry("other", base.parent / "other")))
    assert code == "UNKNOWN"
    assert words.startswith("1 model(s) did not become available: {{{name: other version: 1} due to error: NOT_FOUND:")


def test_reload_of_a_model_without_versions_hangs(reloadable: Reloadable) -> None:
    _, client, base = reloadable
    (base.parent / "empty").mkdir()
    kept, empty = entry("digits", base, SPECIFIC.format(1)), entry("empty", base.parent / "empty")
    request = protobufs.model_management_pb2.ReloadConfigRequest()
    text = f"config {{ {kept} }} config {{ {empty} }}"
    protobufs.text_format.Parse(text, request.config.model_config_list)
    code, _ = refused(lambda: client.model.HandleReloadConfigRequest(request, timeout=2))
    assert code == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        pytest.param("model_platform: ''", "Illegal setting neither", id="no platform"),
        pytest.param("model_platform: 'caffe'", "Illegal to change a model's platform.", id="platform changed"),
        pytest.param("base_path: 'models/digits'", "Expected model digits to have an absolute path", id="path"),
    ],
)
def test_reload_refuses(server: StandIn, client: Client, more: str, words: str) -> None:
    fields = {"name": "name: 'digits'", "base_path": "base_path: '/digits'", "platform": "model_platform: 'tensorflow'"}
    field = more.partition(":")[0].removeprefix("model_")
    code, said = refused(lambda: client.reload(" ".join((fields | {field: more}).values())))
    assert code == "INVALID_ARGUMENT"
    assert said.startswith(words)
    assert server.states("digits") == {1: "AVAILABLE", 2: "AVAILABLE"}


def test_reload_tells_how_metrics_grew(reloadable: Reloadable) -> None:
    server, client, base = reloadable
    request = protobufs.model_management_pb2.ReloadConfigRequest(metric_names=["/tensorflow/core/graph_runs"])
    text = f"config {{ {entry('digits', base, SPECIFIC.format(1))} }}"
    protobufs.text_format.Parse(text, request.config.model_config_list)
    (metric,) = client.model.HandleReloadConfigRequest(request, timeout=PATIENCE).metric
    assert (metric.name, metric.int64_value_increase) == ("/tensorflow/core/graph_runs", 0)
    assert server.states("digits") == {1: "AVAILABLE"}


def test_config_file_is_polled_and_overrides_a_reload(models: Path, tmp_path: Path) -> None:
    base = tmp_path / "digits"
    put(models / "good", base, 1)
    put(models / "better", base, 2)
    config = config_file(tmp_path / "models.txt", entry("digits", base, SPECIFIC.format(1)))
    flags = (f"--model_config_file={config}", "--model_config_file_poll_wait_seconds=1")
    with stand_in(tmp_path, *flags) as server:
        config_file(config, entry("digits", base, SPECIFIC.format(2)))
        eventually(lambda: server.states("digits") == {2: "AVAILABLE", 1: "END"})
        client = Client(server)
        client.reload(entry("other", base))
        client.channel.close()
        eventually(lambda: server.states("other") == {2: "END"})
        eventually(lambda: server.states("digits") == {2: "AVAILABLE", 1: "END"})
        config.write_text("model_config_list { config { name: ")
        eventually(lambda: "Failed to read ModelServerConfig file: Invalid protobuf file" in server.printed())
        assert server.states("digits")[2] == "AVAILABLE"


def test_labels_at_the_first_start_need_their_flag(models: Path, tmp_path: Path) -> None:
    base = tmp_path / "digits"
    put(models / "good", base, 1)
    config = config_file(tmp_path / "models.txt", entry("digits", base, LABEL.format("stable", 1)))
    with stand_in(tmp_path, f"--model_config_file={config}", wait=False) as server:
        assert server.process.wait(timeout=60) == 255
        assert "Failed to start server. Error: FAILED_PRECONDITION: Request to assign label" in server.printed()


def test_health_service_needs_its_flag(models: Path, server: StandIn, tmp_path: Path) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert refused(lambda: check(b"", timeout=PATIENCE))[0] == "UNIMPLEMENTED"
    put(models / "good", tmp_path / "digits", 1)
    flags = ("--model_name=digits", f"--model_base_path={tmp_path / 'digits'}", "--enable_grpc_healthcheck_service")
    with stand_in(tmp_path, *flags) as other, grpc.insecure_channel(f"127.0.0.1:{other.port}") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"", timeout=PATIENCE) == b"\x08\x01", "SERVING"


def test_requests_count_like_those_of_rest(reloadable: Reloadable, row: list[int]) -> None:
    server, client, _ = reloadable
    for _ in range(3):
        client.prediction.Predict(predict_request(row), timeout=PATIENCE)
    status = protobufs.get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "digits"
    client.model.GetModelStatus(status, timeout=PATIENCE)
    page = server.get("/monitoring/prometheus/metrics").text.splitlines()
    assert ':tensorflow:serving:request_count{model_name="digits",status="OK"} 3' in page
    labels = 'model_name="digits",API="Predict",entrypoint="GRPC"'
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 3" in page


def test_the_load_client_sends_the_same_rows_by_grpc(server: StandIn, rows: list[str]) -> None:
    target = Target(f"grpc://127.0.0.1:{server.port}/digits?input=pixels", rate=50)
    with BackgroundClient(target, [row.encode() for row in rows]) as load:
        eventually(lambda: len(load.answers) >= 10)
    assert {(answer.status, answer.finite) for answer in load.answers} == {(200, True)}


def test_the_load_client_names_the_status_of_a_call_that_fails(server: StandIn, rows: list[str]) -> None:
    target = Target(f"grpc://127.0.0.1:{server.port}/unknown?input=pixels", rate=50)
    with BackgroundClient(target, [row.encode() for row in rows]) as load:
        eventually(lambda: len(load.answers) >= 3)
    assert {answer.status for answer in load.answers} == {None}
    assert all((answer.error or "").startswith("NOT_FOUND: ") for answer in load.answers)
