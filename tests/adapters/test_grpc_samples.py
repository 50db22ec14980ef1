"""Samples by gRPC, to a real gRPC server: what is sent, and what its answers come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from modelrollout.adapters.grpc_samples import send_all
from modelrollout.adapters.records import Recorded
from modelrollout.adapters.samples import Destination, Unreachable
from modelrollout.adapters.serving_probe import load
from modelrollout.adapters.tensors import tensor_of
from modelrollout.core.validate.answer import Answer
from tests.adapters.predict import FLOAT, PREDICT, predict_log

METADATA: Any = load("tensorflow_serving.apis.get_model_metadata_pb2")
ROW, BAD = {"instances": [[1.0, 2.0]]}, {"instances": [["one"]]}


@asynccontextmanager
async def server(answers: list[Any], asked: list[Any]) -> AsyncIterator[str]:
    """It takes an input x, and answers as it is told: a message, a status, or seconds of silence."""

    async def metadata(request: Any, context: Any) -> Any:
        known = METADATA.SignatureDefMap()
        known.signature_def["serving_default"].inputs["x"].dtype = FLOAT
        found = METADATA.GetModelMetadataResponse()
        found.metadata["signature_def"].Pack(known)
        return found

    async def predict(request: Any, context: Any) -> Any:
        asked.append(request)
        answer = answers.pop(0) if answers else response(0.5)
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "the model fails")
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        return answer

    methods = {
        "GetModelMetadata": grpc.unary_unary_rpc_method_handler(
            metadata,
            request_deserializer=METADATA.GetModelMetadataRequest.FromString,
            response_serializer=METADATA.GetModelMetadataResponse.SerializeToString,
        ),
        "Predict": grpc.unary_unary_rpc_method_handler(
            predict,
            request_deserializer=PREDICT.PredictRequest.FromString,
            response_serializer=lambda found: found if isinstance(found, bytes) else found.SerializeToString(),
        ),
    }
    running = grpc.aio.server()
    name = "tensorflow.serving.PredictionService"
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await running.stop(None)


def response(*scores: float) -> Any:
    found = PREDICT.PredictResponse()
    found.outputs["scores"].CopyFrom(tensor_of("scores", FLOAT, [list(scores)]))
    return found


def ask(*answers: Any, samples: list[tuple[str, Any]], limit: float = 5.0) -> tuple[tuple[Answer, ...], list[Any]]:
    asked: list[Any] = []

    async def body() -> tuple[Answer, ...]:
        async with server(list(answers), asked) as address:
            return await send_all(Destination(address, "fraud", 7, limit), samples, 30.0)

    return asyncio.run(body()), asked


def test_bodies_and_recorded_requests_go_to_the_version() -> None:
    recorded = Recorded(predict_log(3.0, signature="scores"))
    answers, asked = ask(samples=[("a", ROW), ("b", {"inputs": [[1, 2]]}), ("c", recorded)])
    assert [(item.sample, item.status, item.fault) for item in answers] == [
        ("a", 200, None),
        ("b", 200, None),
        ("c", 200, None),
    ]
    assert [item.value for item in answers] == [
        {"predictions": [[0.5]]},
        {"outputs": [[0.5]]},
        {"predictions": [[0.5]]},
    ]
    assert {(request.model_spec.name, request.model_spec.version.value) for request in asked} == {("fraud", 7)}
    assert asked[2].model_spec.signature_name == "scores"
    assert all(item.seconds > 0 for item in answers)


FAULTS: dict[str, tuple[Any, Any, str]] = {
    "a status": (grpc.StatusCode.DATA_LOSS, ROW, "gRPC status DATA_LOSS: the model fails"),
    "no answer of a model": (b"\xff\xff", ROW, "the answer is no PredictResponse: DecodeError"),
    "a number that is none": (response(float("nan")), ROW, "predictions[0][0] is nan, which is no finite number"),
    "a body that is none": (None, BAD, "it cannot be sent by gRPC: input x: its values are no tensor"),
}


@pytest.mark.parametrize(("answer", "body", "words"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_with_an_answer(answer: Any, body: Any, words: str) -> None:
    found, _ = ask(*([answer] if answer is not None else []), samples=[("a", body), ("b", ROW)])
    assert (found[0].fault or "").endswith(words.removeprefix("predictions"))
    assert found[1].fault is None


def test_who_hangs_is_asked_nothing_more() -> None:
    found, asked = ask(30.0, samples=[("a", ROW), ("b", ROW)], limit=0.5)
    assert [item.status for item in found] == [None, None]
    assert (found[0].fault or "").startswith("gRPC status DEADLINE_EXCEEDED")
    assert found[1].fault == "not sent, because one before it was not answered"
    assert len(asked) == 1


def test_who_is_not_there_is_no_verdict() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9: gRPC status UNAVAILABLE"):
        asyncio.run(send_all(Destination("127.0.0.1:9", "fraud", 7, 2.0), [("a", ROW)], 5.0))


def test_a_probe_that_cannot_run_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(Unreachable, match="probe did not come back"):
        asyncio.run(send_all(Destination("127.0.0.1:9", "fraud", 7, 2.0), [("a", ROW)], 5.0))
