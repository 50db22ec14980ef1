"""TensorFlow Serving by gRPC: in which state is a version of a model?

By gRPC and not by REST, because the server counts every REST call, a look at the status included, as a request to the
model, and so a look would dilute the candidate's errors.

The generated modules of tensorflow-serving-api import TensorFlow's own generated modules, and those live in the
package ``tensorflow``, whose start takes seconds and half a gigabyte. An empty module of that name, whose search path
is the installed package's folder, lets Python find the generated modules and skips everything else.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import grpc
import grpc.aio

_METHOD = "/tensorflow.serving.ModelService/GetModelStatus"
_STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}


@dataclass(frozen=True, slots=True)
class ModelState:
    """State of one version in one server, and the server's own words when something is wrong with it."""

    state: str
    message: str = ""

    @property
    def is_available(self) -> bool:
        """It answers requests."""
        return self.state == "AVAILABLE"


async def model_state(address: str, model: str, number: int, time_limit: float = 2.0) -> ModelState | None:
    """State of a version at ``host:port``; None when the server cannot be reached from here within ``time_limit``.

    Pods need not be reachable for the operator (a strict mesh, a network policy), so that is no verdict.
    """
    api = messages()
    request = api.GetModelStatusRequest()
    request.model_spec.name = model
    request.model_spec.version.value = number
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.unary_unary(
            _METHOD,
            request_serializer=api.GetModelStatusRequest.SerializeToString,
            response_deserializer=api.GetModelStatusResponse.FromString,
        )
        try:
            response = await call(request, timeout=time_limit)
        except grpc.aio.AioRpcError as error:
            return _refusal(error)
    return _states(response).get(number, ModelState("UNKNOWN", f"the server does not know version {number}"))


def _refusal(error: grpc.aio.AioRpcError) -> ModelState | None:
    if error.code() is grpc.StatusCode.NOT_FOUND:
        return ModelState("UNKNOWN", error.details() or "")
    return None


def _states(response: Any) -> Mapping[int, ModelState]:
    return {
        item.version: ModelState(_STATES.get(item.state, str(item.state)), item.status.error_message)
        for item in response.model_version_status
    }


@lru_cache(maxsize=1)
def messages() -> Any:
    """The generated module of GetModelStatus, loaded without TensorFlow."""
    if "tensorflow" not in sys.modules:
        found = importlib.util.find_spec("tensorflow")
        if found is None or found.submodule_search_locations is None:
            raise ImportError("the package tensorflow with its *_pb2 modules is missing; install modelrollout[serving]")
        stand_in = ModuleType("tensorflow")
        stand_in.__path__ = list(found.submodule_search_locations)
        sys.modules["tensorflow"] = stand_in
    return importlib.import_module("tensorflow_serving.apis.get_model_status_pb2")
