"""The comparer beside servers of real models: what it says of an equal model, of a retrained one, and of wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from modelrollout.adapters.serving_probe import load
from tests.comparison.running import Running, comparer, until
from tests.e2e_serving.stand_in import eventually, put, stand_in

ARMS = {
    "1.0.2": "good",
    "1.1.1": "retrained",
    "1.1.2": "permuted",
    "1.1.3": "nan",
    "1.1.4": "nondeterministic",
    "2.0.1": "other_signature_incompatible",
}
EQUAL, RETRAINED, PERMUTED, NAN, NOISY, INCOMPATIBLE = ARMS
CONTROL, PATH, METHOD = "1.0.1", "/v1/models/digits:predict", "/tensorflow.serving.PredictionService/Predict"
ROWS = 200


def counted(running: Running, version: str, name: str, **labels: str) -> float:
    written = ",".join(f'{key}="{value}"' for key, value in {"version": version, **labels}.items())
    return running.counted(name, written)


def message(body: str) -> bytes:
    """The same request by gRPC."""
    request = load("tensorflow_serving.apis.predict_pb2").PredictRequest()
    request.model_spec.name = "digits"
    (pixels,) = json.loads(body)["instances"]
    tensor = request.inputs["pixels"]
    tensor.dtype = 1
    for size in (1, len(pixels)):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.extend(pixels)
    return bytes(request.SerializeToString())


def replayed(running: Running) -> bool:
    """Whether every version has been asked about all requests, and what differs once more."""
    versions = {CONTROL: "ok", **dict.fromkeys(ARMS, "ok"), INCOMPATIBLE: "failed"}
    asked = all(
        counted(running, version, "answers_total", outcome=outcome) == ROWS for version, outcome in versions.items()
    )
    again = all(
        counted(running, arm, "repeated_total", by="Once") == counted(running, arm, "different_total") for arm in ARMS
    )
    return asked and again


@pytest.fixture(scope="module")
def places(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """All versions, each in a server of its own, as the comparer's options name them: the control first."""
    with ExitStack() as stack:
        servers = {}
        for version, model in {CONTROL: "good", **ARMS}.items():
            folder = tmp_path_factory.mktemp(model)
            put(models / model, folder / "digits", 1)
            flags = (f"--model_base_path={folder / 'digits'}", "--model_name=digits")
            servers[version] = stack.enter_context(stand_in(folder, *flags, wait=False))
        for server in servers.values():
            eventually(lambda server=server: server.listens())  # type: ignore[misc]
        yield [f"{version}=127.0.0.1:{server.rest_port}:{server.port}" for version, server in servers.items()]


@pytest.fixture(scope="module", params=["rest", "grpc"])
def running(
    request: pytest.FixtureRequest, places: list[str], rows: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A comparer that has replayed 200 requests to all of them."""
    control, *arms = places
    options = ["--control", control, *(word for arm in arms for word in ("--arm", arm))]
    settings = '{"timeout": "30s", "noiseSample": 100}'
    log = tmp_path_factory.mktemp("comparer") / "log"
    with comparer(log, *options, "--settings", settings) as found:
        until(found.is_ready, "it is ready")
        send(found, request.param, rows)
        until(lambda: replayed(found), "all is replayed")
        yield found


def send(running: Running, protocol: str, rows: list[str]) -> None:
    if protocol == "rest":
        assert [running.post(row, PATH) for row in rows] == [202] * ROWS
        return
    with grpc.insecure_channel(f"127.0.0.1:{running.grpc}") as channel:
        call = channel.unary_unary(METHOD)
        assert [call(message(row), timeout=30) for row in rows] == [b""] * ROWS


# Version -> of 200 answers those of another class, and those that are no numbers
DIFFERENT = {EQUAL: (0, 0), RETRAINED: (3, 0), PERMUTED: (199, 0), NAN: (10, 40)}


@pytest.mark.parametrize("version", DIFFERENT, ids=ARMS.get)
def test_how_many_answers_differ(running: Running, version: str) -> None:
    values, not_finite = DIFFERENT[version]
    assert counted(running, version, "compared_total") == ROWS
    assert counted(running, version, "different_total") == values + not_finite
    assert counted(running, version, "repeated_total", by="Always") == values + not_finite
    assert counted(running, version, "differences_total", kind="Value") == values
    assert counted(running, version, "differences_total", kind="NotFinite") == not_finite


def test_control_does_not_differ_from_itself(running: Running) -> None:
    assert counted(running, CONTROL, "compared_total") == ROWS
    assert counted(running, CONTROL, "different_total") == 0


def test_a_model_that_does_not_repeat_itself_is_seen_beside_one_that_does(running: Running) -> None:
    different = counted(running, NOISY, "different_total")
    assert different > 0
    assert counted(running, NOISY, "repeated_total", by="Once") == different


def test_a_signature_that_users_cannot_call_fails_their_requests(running: Running) -> None:
    assert counted(running, INCOMPATIBLE, "answers_total", outcome="failed") == ROWS
    assert counted(running, CONTROL, "answers_total", outcome="ok") == ROWS


def test_scores_of_equal_models_are_equal(running: Running) -> None:
    equal, control = (counted(running, version, "scores_sum") for version in (EQUAL, CONTROL))
    assert equal == pytest.approx(control)
    assert counted(running, EQUAL, "scores_count") == ROWS


def test_the_log_holds_no_fault(running: Running) -> None:
    assert "Traceback" not in running.log.read_text()
