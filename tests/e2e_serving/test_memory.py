"""Where memory ends: the request fails and the server goes on, or the kernel kills it; nothing in between."""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e_serving.stand_in import StandIn, eventually, put, stand_in

protobufs = pytest.importorskip("e2e.tensorflow_serving.protobufs")
grpc = pytest.importorskip("grpc")
import numpy as np  # noqa: E402 (after the check that the environment has TensorFlow)

from e2e.tensorflow_serving.session import _to_tensor  # noqa: E402
from e2e.tensorflow_serving.status import ServingError  # noqa: E402

MIB = 2**20
SPARE = 300 * MIB  # what the server may still take: twice the rows of the test, and not three times
ROWS = 500_000  # of 256 bytes, 122 MiB


@pytest.fixture
def limited(models: Path, tmp_path: Path) -> Iterator[StandIn]:
    """A server whose address space may grow by SPARE alone."""
    put(models / "good", tmp_path / "digits", 1)
    with stand_in(tmp_path, "--model_name=digits", f"--model_base_path={tmp_path / 'digits'}") as server:
        pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + SPARE
        resource.prlimit(server.process.pid, resource.RLIMIT_AS, (limit, limit))
        yield server


def refusal(server: StandIn, rows: int) -> tuple[str, str]:
    """How a request of so many rows ends; the message is small, as all of its values are one that repeats."""
    request: Any = protobufs.predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    tensor = request.inputs["pixels"]
    tensor.dtype = 1
    for size in (rows, 64):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.append(3)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = protobufs.prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(request, timeout=60)
    return caught.value.code().name, caught.value.details()


def test_a_request_that_has_no_room_fails_alone(limited: StandIn, rows: list[str]) -> None:
    code, words = refusal(limited, ROWS)
    assert (code, words.partition(" with ")[0]) == ("RESOURCE_EXHAUSTED", "OOM when allocating tensor")
    assert refusal(limited, 100 * ROWS) == ("INVALID_ARGUMENT", "tensor parsing error: pixels")
    assert limited.post("/v1/models/digits:predict", rows[0]).status == 200


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group for memory, as a container has one."""
    path = Path(f"/sys/fs/cgroup/memory/stand-in-{os.getpid()}")
    try:
        path.mkdir()
    except OSError:
        pytest.skip("making a control group needs root and cgroup v1")
    yield path
    eventually(lambda: not (path / "cgroup.procs").read_text())
    path.rmdir()


def test_beyond_the_limit_of_its_container_it_is_killed(models: Path, tmp_path: Path, group: Path) -> None:
    put(models / "good", tmp_path / "digits", 1)
    enter = ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
    flags = ("--model_name=digits", f"--model_base_path={tmp_path / 'digits'}")
    with stand_in(tmp_path, *flags, wrapper=enter) as server:
        used = int((group / "memory.usage_in_bytes").read_text())
        (group / "memory.limit_in_bytes").write_text(str(used + SPARE))
        assert refusal(server, 4 * ROWS)[0] == "UNAVAILABLE"
        assert server.process.wait(timeout=60) == -signal.SIGKILL


def test_a_tensor_without_memory_is_an_error_and_no_crash() -> None:
    """256 TiB: more than a process can address, so it is refused however much the kernel promises."""
    with pytest.raises(ServingError, match=r"RESOURCE_EXHAUSTED: OOM .* shape\[70368744177664\] and type float"):
        _to_tensor(np.broadcast_to(np.float32(0), (2**46,)))
