"""What neither API was made for still ends as an answer with a status and a count, and as a line in the log."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e_serving.stand_in import StandIn, config_file, entry, eventually, monitoring_file, put, stand_in

protobufs = pytest.importorskip("e2e.tensorflow_serving.protobufs")
grpc = pytest.importorskip("grpc")
from e2e.tensorflow_serving import grpc_api, rest  # noqa: E402
from e2e.tensorflow_serving.config import Flags  # noqa: E402
from e2e.tensorflow_serving.server_core import ServerCore  # noqa: E402
from e2e.tensorflow_serving.status import HTTP, Code  # noqa: E402

PREDICT, CLASSIFY = "/v1/models/digits:predict", "/v1/models/digits:classify"
ROW = "[" + ", ".join("0" * 64) + "]"
COUNT = ':tensorflow:serving:request_count{model_name="digits",status="INVALID_ARGUMENT"} '
BIG, HALF = "Number too big to be stored in double.", "The surrogate pair in string is invalid."


@pytest.fixture(scope="module")
def counting(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A server of its own, because its counts are compared."""
    folder = tmp_path_factory.mktemp("counting")
    put(models / "good", folder / "digits", 1)
    config = config_file(folder / "models.txt", entry("digits", folder / "digits"))
    with stand_in(
        folder, f"--model_config_file={config}", f"--monitoring_config_file={monitoring_file(folder)}"
    ) as server:
        yield server


def refusals(server: StandIn) -> int:
    """How many requests the metrics page counts as INVALID_ARGUMENT."""
    page = server.get("/monitoring/prometheus/metrics").text.splitlines()
    return next((int(line.removeprefix(COUNT)) for line in page if line.startswith(COUNT)), 0)


def nested(opening: str, depth: int, closing: str) -> str:
    return opening * depth + "1" + closing * depth


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        pytest.param(PREDICT, f'{{"instances": {nested("[", 300, "]")}}}', "tensor parsing error: pixels", id="300"),
        pytest.param(PREDICT, f'{{"instances": {nested("[", 1000, "]")}}}', "JSON Parse error: nested", id="1,000"),
        pytest.param(PREDICT, f'{{"inputs": {nested("[", 10**5, "]")}}}', "JSON Parse error: nested", id="100,000"),
        pytest.param(PREDICT, nested('{"a": ', 1000, "}"), "JSON Parse error: nested", id="1,000 objects"),
        pytest.param(CLASSIFY, f'{{"examples": {nested("[", 1000, "]")}}}', "JSON Parse error: nested", id="examples"),
        pytest.param(PREDICT, f'{{"instances": [{"9" * 400}]}}', f"JSON Parse error: {BIG} at offset: 15", id="int"),
        pytest.param(PREDICT, f'{{"instances": [{"9" * 5000}]}}', f"JSON Parse error: {BIG} at offset: 15", id="long"),
        pytest.param(PREDICT, '{"instances": [-1e400]}', f"JSON Parse error: {BIG} at offset: 15", id="1e400"),
        pytest.param(
            CLASSIFY, f'{{"examples": [{{"pixels": {"9" * 400}}}]}}', f"JSON Parse error: {BIG}", id="feature"
        ),
        pytest.param(
            PREDICT,
            f'{{"signature_name": "\\uD800", "instances": [{ROW}]}}',
            f"JSON Parse error: {HALF} at offset: 20",
            id="first half alone",
        ),
        pytest.param(
            PREDICT,
            f'{{"\\\\\\uDC00": 1, "instances": [{ROW}]}}',
            f"JSON Parse error: {HALF} at offset: 4",
            id="second half alone",
        ),
        pytest.param(
            CLASSIFY,
            '{"examples": [{"pixels": "\\uD83D\\uDE00 \\uD83D"}]}',
            f"JSON Parse error: {HALF}",
            id="half and pair",
        ),
        pytest.param(PREDICT, " \n", "JSON Parse error: The document is empty. at offset: 2", id="space"),
        pytest.param(
            f"/v1/models/digits/versions/{'9' * 5000}:predict", "", "Failed to convert version: 9", id="version"
        ),
    ],
)
def test_requests_beyond_python_are_refused_and_counted(counting: StandIn, path: str, body: str, words: str) -> None:
    before = refusals(counting)
    reply = counting.post(path, body)
    assert (reply.status, reply.content_type) == (400, "application/json")
    assert reply.json["error"].startswith(words)
    assert refusals(counting) == before + 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(f'{{"other": {"1" * 300}, "instances": [{ROW}]}}', id="300 digits"),
        pytest.param(f'{{"other": 1e308, "instances": [{ROW}]}}', id="1e308"),
        pytest.param(f'{{"other": "\\uD83D\\uDE00", "instances": [{ROW}]}}', id="a pair of surrogates"),
        pytest.param(f'{{"other": "\\\\uD83D", "instances": [{ROW}]}}', id="no surrogate but a backslash"),
        pytest.param(f'{{"instances": [{ROW}]}} "\\uD83D" {"9" * 400}', id="after the end"),
    ],
)
def test_what_only_looks_like_it_is_read(counting: StandIn, body: str) -> None:
    assert counting.post(PREDICT, body).status == 200


def test_a_body_that_does_not_unpack_is_an_empty_one(counting: StandIn) -> None:
    before = refusals(counting)
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    with socket.create_connection(("127.0.0.1", counting.rest_port)) as connection:
        connection.sendall(head.encode())
        answer = connection.recv(4096).decode()
    assert answer.startswith("HTTP/1.1 400 ")
    assert '"error": "JSON Parse error: The document is empty"' in answer
    assert refusals(counting) == before + 1


class Abort(Exception):
    """What ends a call, as in grpc."""


class Context:
    """As much of a grpc.ServicerContext as a call needs."""

    ended: tuple[Any, str] | None = None

    def time_remaining(self) -> None:
        return None

    def abort(self, code: Any, words: str) -> None:
        self.ended = code, words
        raise Abort


def broken(kind: type[Exception]) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise kind("nobody foresaw this")

    return fail


FAULTS = [
    pytest.param(KeyError, Code.INTERNAL, 500, id="a fault of the stand-in"),
    pytest.param(MemoryError, Code.RESOURCE_EXHAUSTED, 429, id="no memory"),
    pytest.param(RecursionError, Code.INVALID_ARGUMENT, 400, id="nested too deep"),
]


@pytest.mark.parametrize(("kind", "code", "http"), FAULTS)
def test_any_exception_of_rest_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception], code: Code, http: int
) -> None:
    core = ServerCore(Flags())
    monkeypatch.setattr(core, "status", broken(kind))
    status, body = rest.RestApi(core, "")._answer(rest.Call("GET", "/v1/models/digits", b""))
    assert (status.code, HTTP[status.code]) == (code, http)
    assert body.startswith(b'{\n    "error": "')
    assert f'model_name="digits",status="{code.name}"}} 1' in core.metrics.page()


@pytest.mark.parametrize(("kind", "code", "http"), FAULTS)
@pytest.mark.parametrize(
    ("call", "counted"), [("Predict", 1), ("Classify", 1), ("Regress", 1), ("GetModelMetadata", 0)]
)
def test_any_exception_of_grpc_is_a_status(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception], code: Code, http: int, call: str, counted: int
) -> None:
    core, context = ServerCore(Flags()), Context()
    monkeypatch.setattr(core, "servable", broken(kind))
    request = protobufs.get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    if counted:
        request = protobufs.predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    with pytest.raises(Abort):
        getattr(grpc_api.PredictionService(core), call)(request, context)
    assert context.ended
    assert context.ended[0].value[0] == code
    assert core.metrics.page().count(f'model_name="digits",status="{code.name}"}} 1') == counted


def test_long_words_are_cut_in_grpc(counting: StandIn) -> None:
    request = protobufs.predict_pb2.PredictRequest(output_filter=["x" * 9000])
    request.model_spec.name, request.model_spec.signature_name = "digits", "y" * 9000
    with grpc.insecure_channel(f"127.0.0.1:{counting.port}") as channel:
        stub = protobufs.prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request, timeout=60)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details().startswith('Serving signature key "yyy')
    assert caught.value.details().endswith("y...TRUNCATED")


def test_a_base_path_that_is_a_file_is_told_and_waited_for(models: Path, tmp_path: Path) -> None:
    """The thread that polls the folders goes on, whatever it meets."""
    base = tmp_path / "digits"
    base.write_text("")
    with stand_in(tmp_path, "--model_name=digits", f"--model_base_path={base}", wait=False) as server:
        eventually(lambda: "encountered a filesystem access error" in server.printed())
        base.unlink()
        put(models / "good", base, 1)
        eventually(server.listens)
