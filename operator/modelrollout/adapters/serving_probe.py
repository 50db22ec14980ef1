"""A process that asks model servers for their state by gRPC, prints the answers as JSON, and ends.

``python -m modelrollout.adapters.serving_probe '{"addresses": ["10.0.0.1:8500"], "model": "m", "number": 7,
"time_limit": 2}'`` prints a list with ``[state, message]`` or null for each address.

The generated modules of tensorflow-serving-api import TensorFlow's own generated modules, and those live in the
package ``tensorflow``, whose start takes seconds and half a gigabyte. An empty module of that name, whose search path
is the installed package's folder, lets Python find the generated modules and skips everything else.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

import grpc

METHOD = "/tensorflow.serving.ModelService/GetModelStatus"
_STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}

Answer = tuple[str, str] | None


def ask_all(addresses: list[str], model: str, number: int, time_limit: float) -> list[Answer]:
    """State and message of a version at each address, asked at the same time; None for who cannot be reached."""
    api = messages()
    request = api.GetModelStatusRequest()
    request.model_spec.name = model
    request.model_spec.version.value = number
    channels = [grpc.insecure_channel(address) for address in addresses]
    calls = [
        channel.unary_unary(
            METHOD,
            request_serializer=api.GetModelStatusRequest.SerializeToString,
            response_deserializer=api.GetModelStatusResponse.FromString,
        ).future(request, timeout=time_limit)
        for channel in channels
    ]
    answers = [_answer(call, number) for call in calls]
    for channel in channels:
        channel.close()
    return answers


def _answer(call: Any, number: int) -> Answer:
    try:
        response = call.result()
    except grpc.RpcError as error:
        # TensorFlow Serving's own answer to a version that it does not know; everything else is the network's.
        return ("UNKNOWN", error.details() or "") if error.code() is grpc.StatusCode.NOT_FOUND else None
    for item in response.model_version_status:
        if item.version == number:
            return _STATES.get(item.state, str(item.state)), item.status.error_message
    return "UNKNOWN", f"the server does not know version {number}"


def messages() -> Any:
    """The generated module of GetModelStatus, loaded without TensorFlow."""
    return load("tensorflow_serving.apis.get_model_status_pb2")


@lru_cache
def load(module: str) -> Any:
    """A generated module of tensorflow-serving-api, loaded without TensorFlow."""
    if "tensorflow" not in sys.modules:
        found = importlib.util.find_spec("tensorflow")
        if found is None or found.submodule_search_locations is None:
            raise ImportError("the package tensorflow with its *_pb2 modules is missing; install modelrollout[serving]")
        stand_in = ModuleType("tensorflow")
        stand_in.__path__ = list(found.submodule_search_locations)
        sys.modules["tensorflow"] = stand_in
    return importlib.import_module(module)


if __name__ == "__main__":
    print(json.dumps(ask_all(**json.loads(sys.argv[1]))))
