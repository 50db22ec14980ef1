"""Signatures by gRPC, from a real gRPC server; and answers that no server should give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from modelrollout.adapters.serving_probe import load
from modelrollout.adapters.tensorflow_serving import model_signatures
from modelrollout.api.signature import Signature, Signatures
from tests.adapters.grpc_method import serving_method

API: Any = load("tensorflow_serving.apis.get_model_metadata_pb2")
GRAPH: Any = load("tensorflow.core.protobuf.meta_graph_pb2")
FLOAT, INT64, STRING = 1, 9, 7


def tensor(kind: int, *sizes: int, unknown: bool = False) -> Any:
    info = GRAPH.TensorInfo(name="x:0", dtype=kind)
    info.tensor_shape.unknown_rank = unknown
    for size in sizes:
        info.tensor_shape.dim.add(size=size)
    return info


def response(signatures: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> Any:
    """As TensorFlow Serving packs it: a map inside an Any inside a map."""
    found = API.SignatureDefMap()
    for name, (inputs, outputs) in signatures.items():
        known = found.signature_def[name]
        for key, info in inputs.items():
            known.inputs[key].CopyFrom(info)
        for key, info in outputs.items():
            known.outputs[key].CopyFrom(info)
    answer = API.GetModelMetadataResponse()
    answer.metadata["signature_def"].Pack(found)
    return answer


@asynccontextmanager
async def serving(answer: Any) -> AsyncIterator[str]:
    """A server whose GetModelMetadata gives this: a message, a status code, or seconds of silence."""

    async def get_model_metadata(request: Any, context: grpc.aio.ServicerContext) -> Any:
        assert (request.model_spec.name, request.model_spec.version.value) == ("m", 7)
        assert list(request.metadata_field) == ["signature_def"]
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "Servable not found for request: Specific(m, 7)")
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return API.GetModelMetadataResponse()
        return answer

    path = "/tensorflow.serving.PredictionService/GetModelMetadata"
    messages = (API.GetModelMetadataRequest, API.GetModelMetadataResponse)
    async with serving_method(path, get_model_metadata, *messages) as address:
        yield address


def ask(answer: Any, time_limit: float = 5.0) -> Signatures | str:
    async def body() -> Signatures | str:
        async with serving(answer) as address:
            (found,) = await model_signatures([(address, 7)], "m", time_limit)
            return found

    return asyncio.run(body())


def test_signatures_as_they_are_kept() -> None:
    shapes = {"pixels": tensor(FLOAT, -1, 64), "any": tensor(STRING, unknown=True), "one": tensor(INT64)}
    answer = response({"serving_default": (shapes, {"probabilities": tensor(FLOAT, -1, 10)}), "other": ({}, {})})
    assert ask(answer) == {
        "serving_default": Signature(
            inputs={"any": "DT_STRING[...]", "one": "DT_INT64[]", "pixels": "DT_FLOAT[?,64]"},
            outputs={"probabilities": "DT_FLOAT[?,10]"},
        ),
        "other": Signature(),
    }


HUGE = {f"x{number}": tensor(FLOAT, -1) for number in range(2001)}
ODD: dict[str, tuple[Any, str]] = {
    "no such version": (grpc.StatusCode.NOT_FOUND, "NOT_FOUND: Servable not found for request: Specific(m, 7)"),
    "no signatures": (API.GetModelMetadataResponse(), "its answer holds no signatures"),
    "too many tensors": (
        response({"serving_default": (HUGE, {})}),
        "its signatures have 2001 tensors, more than the 2000 that are looked at",
    ),
    "a name without end": (
        response({"x" * 257: ({}, {})}),
        "a name in its signatures is longer than 256 characters",
    ),
}


@pytest.mark.parametrize(("answer", "why"), ODD.values(), ids=ODD)
def test_why_they_are_not_known(answer: Any, why: str) -> None:
    assert ask(answer) == why


def test_an_answer_of_any_size_is_not_read() -> None:
    found = ask(response({"x" * 2_000_000: ({}, {})}))
    assert isinstance(found, str)
    assert found.startswith("RESOURCE_EXHAUSTED: ")


def test_a_server_that_hangs_has_its_time() -> None:
    found = ask(30.0, time_limit=0.5)
    assert isinstance(found, str)
    assert found.startswith("DEADLINE_EXCEEDED")


def test_one_that_is_not_there_is_no_verdict_on_the_other() -> None:
    async def body() -> list[Signatures | str]:
        async with serving(response({"other": ({}, {})})) as address:
            return await model_signatures([("127.0.0.1:9", 7), (address, 7)], "m")

    away, there = asyncio.run(body())
    assert isinstance(away, str)
    assert away.startswith("UNAVAILABLE: ")
    assert there == {"other": Signature()}


def test_a_probe_that_cannot_run_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert asyncio.run(model_signatures([("127.0.0.1:9", 7)], "m")) == [
        "the operator's own probe did not come back; its log says why"
    ]
