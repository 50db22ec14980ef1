"""Requests to TensorFlow Serving's gRPC API, from the same rows that go to its REST API.

A status other than OK is no HTTP status, so such a reply has none, and its `error` begins with the status' name.
"""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import grpc
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from e2e.client.answer import VERSION_HEADER
from e2e.client.reply import Reply
from e2e.tensorflow_serving.protobufs import predict_pb2

METHOD = "/tensorflow.serving.PredictionService/Predict"
OK = 200


class Predict:
    """Calls `Predict` at `grpc://IP:PORT/MODEL?input=NAME`, where NAME is the model's only input."""

    def __init__(self, url: str, host: str | None, headers: Mapping[str, str], timeout: float) -> None:
        parts = urlsplit(url)
        self._address = f"{parts.hostname}:{parts.port or 80}"
        self._model, self._input = parts.path.strip("/"), parse_qs(parts.query)["input"][0]
        self._options = [("grpc.default_authority", host)] if host else []
        self._metadata = tuple((name.lower(), value) for name, value in headers.items())
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(self._address, options=self._options)
        self._call = self._channel.unary_unary(METHOD)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    async def send(self, body: bytes) -> Reply:
        """One call and its answer."""
        call = self._call(
            predict_request(body, self._model, self._input), timeout=self._timeout, metadata=self._metadata
        )
        try:
            content = await call
        except grpc.aio.AioRpcError as problem:
            # An error has no body, so its trailers come with the headers, as one.
            said = (*(problem.initial_metadata() or ()), *(problem.trailing_metadata() or ()))
            version = dict(said).get(VERSION_HEADER)
            return Reply(version=version, error=f"{problem.code().name}: {problem.details()}")
        version = dict(await call.initial_metadata()).get(VERSION_HEADER)
        try:
            return Reply(OK, version, finite=has_finite(content))
        except DecodeError as problem:
            return Reply(version=version, error=f"the answer is no PredictResponse: {problem}")


@lru_cache(maxsize=1024)
def predict_request(body: bytes, model: str, name: str) -> bytes:
    """The PredictRequest that says the same as a body of `{"instances": [[...], ...]}`."""
    rows = json.loads(body)["instances"]
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    tensor = request.inputs[name]
    tensor.dtype = 1  # DT_FLOAT
    for size in (len(rows), len(rows[0])):
        tensor.tensor_shape.dim.add().size = size
    tensor.float_val.extend(number for row in rows for number in row)
    return bytes(request.SerializeToString())


def has_finite(content: bytes) -> bool:
    """Whether a PredictResponse holds only finite numbers."""
    outputs = predict_pb2.PredictResponse.FromString(content).outputs.values()
    return all(math.isfinite(number) for tensor in outputs for number in tensor.float_val)
