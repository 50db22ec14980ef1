"""Copies as they arrive: each is answered at once, and what is not replayed has its reason. By real HTTP and gRPC."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import grpc
import pytest

from modelrollout.adapters.serving_probe import load
from modelrollout.comparison.copy import REPLAYED, Copy, Protocol
from modelrollout.comparison.waiting import Waiting
from tests.comparison.stage import ARM, CONTROL, PATH, PREDICT, SERVICE, Stage, play, scoring

YES = scoring(0.1, 0.9)
BODY = {"instances": [[1.0]]}
LARGEST = 1024


def predict(model: str = "fraud", number: int | None = None) -> bytes:
    """A request by gRPC."""
    request = PREDICT.PredictRequest()
    request.model_spec.name = model
    if number is not None:
        request.model_spec.version.value = number
    request.inputs["x"].dtype = 1
    return bytes(request.SerializeToString())


def tasks(number: int) -> bytes:
    """One of MultiInference."""
    request = load("tensorflow_serving.apis.inference_pb2").MultiInferenceRequest()
    request.tasks.add().model_spec.version.value = number
    return bytes(request.SerializeToString())


# Body, path, headers -> why it is not replayed; None: it is
BY_REST: dict[str, tuple[Any, str, dict[str, str], str | None]] = {
    "predict": (BODY, PATH, {}, None),
    "classify": ({"examples": []}, "/v1/models/fraud:classify", {}, None),
    "regress, by a label": ({"examples": []}, "/v1/models/fraud/labels/stable:regress", {}, None),
    "a query": (BODY, f"{PATH}?a=%2F", {}, None),
    "as large as may be": (b"x" * LARGEST, PATH, {}, None),
    "one byte more": (b"x" * (LARGEST + 1), PATH, {}, "TooLarge"),
    "very large": (b"x" * 20_000_000, PATH, {}, "TooLarge"),
    "a number": (BODY, "/v1/models/fraud/versions/7:predict", {}, "Pinned"),
    "of its state": (b"", "/v1/models/fraud", {}, "NotCompared"),
    "of another kind": (BODY, "/v1/models/fraud:explain", {}, "NotCompared"),
    "of another server": (BODY, "/", {}, "NotCompared"),
    "a replay": (BODY, PATH, {REPLAYED: "1"}, "Loop"),
    "of a version, as answers are": (BODY, PATH, {"x-model-version": ARM}, None),
    "with long headers": (BODY, PATH, {"x-long": "x" * 8000}, None),
}


@pytest.mark.parametrize(("body", "path", "headers", "reason"), BY_REST.values(), ids=BY_REST)
def test_a_copy_by_rest(body: Any, path: str, headers: dict[str, str], reason: str | None) -> None:
    async def story(stage: Stage) -> None:
        assert await stage.post(body, path, **headers) == 202
        assert await stage.counted("received_total", protocol="rest") == 1
        await expect(stage, reason)

    play(story, YES, YES, maxBody="1Ki")


# Body, method, metadata -> why it is not replayed; None: it is
BY_GRPC: dict[str, tuple[bytes, str, dict[str, str], str | None]] = {
    "predict": (predict(), f"{SERVICE}/Predict", {}, None),
    "multi-inference": (b"", f"{SERVICE}/MultiInference", {}, None),
    "what is no request": (b"\xff\xff", f"{SERVICE}/Predict", {}, None),
    "too large": (b"x" * 6_000_000, f"{SERVICE}/Predict", {}, "TooLarge"),
    "a number": (predict(number=7), f"{SERVICE}/Predict", {}, "Pinned"),
    "a number in a task": (tasks(7), f"{SERVICE}/MultiInference", {}, "Pinned"),
    "of its signatures": (b"", f"{SERVICE}/GetModelMetadata", {}, "NotCompared"),
    "of another service": (b"", "/tensorflow.serving.ModelService/GetModelStatus", {}, "NotCompared"),
    "a replay": (predict(), f"{SERVICE}/Predict", {REPLAYED: "1"}, "Loop"),
}


@pytest.mark.parametrize(("body", "method", "metadata", "reason"), BY_GRPC.values(), ids=BY_GRPC)
def test_a_copy_by_grpc(body: bytes, method: str, metadata: dict[str, str], reason: str | None) -> None:
    async def story(stage: Stage) -> None:
        if reason == "TooLarge":
            with pytest.raises(grpc.aio.AioRpcError, match="larger than max"):
                await stage.call(body, method, **metadata)
        else:
            assert await stage.call(body, method, **metadata) == b""
        assert await stage.counted("received_total", protocol="grpc") == 1
        await expect(stage, reason)

    play(story, YES, YES, maxBody="1Ki")


async def expect(stage: Stage, reason: str | None) -> None:
    """One copy waits, or none and it was dropped for this reason and no other."""
    found = {name: value for name, value in (await stage.metrics()).items() if "_dropped_" in name and value}
    assert found == ({f'modelrollout_shadow_dropped_total{{reason="{reason}"}}': 1} if reason else {})
    assert await stage.counted("queued") == (0 if reason else 1)


def test_replays_are_the_same_request_and_nothing_of_the_user() -> None:
    private = {"Authorization": "Bearer x", "Cookie": "a=b", "x-request-id": "7", "x-envoy-internal": "true"}

    async def story(stage: Stage) -> None:
        await stage.post(BODY, f"{PATH}?a=%2F", **private)
        await stage.replayed()
        for model in stage.models.values():
            ((path, headers, body),) = model.asked
            assert (path, json.loads(body)) == (f"{PATH}?a=%2F", BODY)
            assert headers["Content-Type"] == "application/json"
            assert headers[REPLAYED] == "1"
            assert not private.keys() & headers.keys()

    play(story, YES, YES)


def test_a_packed_body_stays_packed() -> None:
    async def story(stage: Stage) -> None:
        packed = gzip.compress(json.dumps(BODY).encode())
        await stage.post(packed, **{"Content-Encoding": "gzip"})
        copy = await stage.comparer.replays.waiting.next()
        assert (copy.body, copy.headers["Content-Encoding"]) == (packed, "gzip")

    play(story, YES, YES)


def test_a_replay_by_grpc_has_the_bytes_of_the_copy() -> None:
    answer = PREDICT.PredictResponse()
    answer.outputs["y"].dtype = 1
    answer.outputs["y"].float_val.append(1)
    whole = answer.SerializeToString()

    async def story(stage: Stage) -> None:
        await stage.call(predict(), authorization="secret")
        await stage.replayed()
        for model in stage.models.values():
            ((method, metadata, body),) = model.asked
            assert (method, body, metadata[REPLAYED]) == ("Predict", predict(), "1")
            assert "authorization" not in metadata
        assert await stage.counted("compared_total", version=ARM) == 1

    play(story, lambda _: whole, lambda _: whole)


def test_the_newest_is_dropped_where_there_is_no_room() -> None:
    async def story(stage: Stage) -> None:
        stage.comparer.intake.waiting.most_copies = 2
        for number in range(5):
            assert await stage.post({"instances": [[number]]}) == 202
        assert await stage.counted("dropped_total", reason="QueueFull") == 3
        await stage.replayed()
        assert [json.loads(body) for _, _, body in stage.models[CONTROL].asked] == [
            {"instances": [[0]]},
            {"instances": [[1]]},
        ]

    play(story, YES, YES)


def test_room_is_counted_in_bytes_too() -> None:
    async def body() -> None:
        waiting = Waiting(most_bytes=10)
        sizes = [4, 4, 4]
        assert [waiting.add(Copy(Protocol.REST, PATH, b"x" * size)) for size in sizes] == [True, True, False]
        await waiting.next()
        assert waiting.add(Copy(Protocol.REST, PATH, b"x" * 6))

    asyncio.run(body())


def test_a_body_that_breaks_off_is_not_replayed() -> None:
    async def story(stage: Stage) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.rest_port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        writer.write(head.encode() + b"half of it")
        await writer.drain()
        await stage.until("received_total", protocol="rest")
        writer.close()
        await reader.read()
        await stage.until("dropped_total", reason="Incomplete")
        assert await stage.counted("queued") == 0

    play(story, YES, YES)


def test_who_is_about_to_end_takes_no_more() -> None:
    async def story(stage: Stage) -> None:
        await stage.post(BODY)
        stage.comparer.drain(1)
        assert await stage.post(BODY) == 202
        assert await stage.call(predict()) == b""
        assert await stage.counted("dropped_total", reason="Draining") == 2
        assert await stage.counted("queued") == 1

    play(story, YES, YES)
