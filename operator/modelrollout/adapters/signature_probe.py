"""A process that asks model servers for their signatures by gRPC, prints the answers as JSON, and ends.

``python -m modelrollout.adapters.signature_probe '{"targets": [["10.0.0.1:8500", 7]], "model": "m", "time_limit": 5}'``
prints a list with ``{"signatures": {...}}`` or ``{"why": "..."}`` for each target. A process of its own, and gRPC, for
the reasons that ``tensorflow_serving.py`` gives.

A server may be hung, hostile or huge: the time, the bytes of an answer and what is made of it are bounded.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import grpc

from modelrollout.adapters.serving_probe import load

METHOD = "/tensorflow.serving.PredictionService/GetModelMetadata"
FIELD = "signature_def"
LARGEST_ANSWER = 1024 * 1024  # bytes; the signatures of a large model are some kilobytes
MOST_TENSORS = 2000  # of all signatures together
LONGEST_NAME = 256  # characters

Answer = dict[str, Any]


def ask_all(targets: list[tuple[str, int]], model: str, time_limit: float) -> list[Answer]:
    """The signatures of a version at each address, asked at the same time; or why there are none."""
    api = load("tensorflow_serving.apis.get_model_metadata_pb2")
    options = [("grpc.max_receive_message_length", LARGEST_ANSWER)]
    channels = [grpc.insecure_channel(address, options=options) for address, _ in targets]
    calls = [
        channel.unary_unary(
            METHOD,
            request_serializer=api.GetModelMetadataRequest.SerializeToString,
            response_deserializer=api.GetModelMetadataResponse.FromString,
        ).future(request(api, model, number), timeout=time_limit)
        for channel, (_, number) in zip(channels, targets, strict=True)
    ]
    answers = [_answer(api, call) for call in calls]
    for channel in channels:
        channel.close()
    return answers


def request(api: Any, model: str, number: int) -> Any:
    """The question for the signatures of a version."""
    asked = api.GetModelMetadataRequest(metadata_field=[FIELD])
    asked.model_spec.name = model
    asked.model_spec.version.value = number
    return asked


def _answer(api: Any, call: Any) -> Answer:
    try:
        response = call.result()
        found = api.SignatureDefMap()
        if FIELD not in response.metadata or not response.metadata[FIELD].Unpack(found):
            return {"why": "its answer holds no signatures"}
        return signatures(api, found.signature_def)
    except grpc.RpcError as error:
        return {"why": f"{error.code().name}: {' '.join((error.details() or '').split())[:300]}"}
    except Exception as error:  # whatever a server may send
        return {"why": f"its answer cannot be read: {type(error).__name__}"}


def signatures(api: Any, found: Mapping[str, Any]) -> Answer:
    """Each signature with its tensors as ``DT_FLOAT[?,4]``; or why they are too many."""
    tensors = sum(len(known.inputs) + len(known.outputs) for known in found.values())
    names = [name for known in found.values() for name in (*known.inputs, *known.outputs)]
    if tensors > MOST_TENSORS or len(found) > MOST_TENSORS:
        return {"why": f"its signatures have {tensors} tensors, more than the {MOST_TENSORS} that are looked at"}
    if any(len(name) > LONGEST_NAME for name in (*found, *names)):
        return {"why": f"a name in its signatures is longer than {LONGEST_NAME} characters"}
    return {"signatures": {name: _signature(known) for name, known in sorted(found.items())}}


def _signature(known: Any) -> dict[str, dict[str, str]]:
    defaults = getattr(known, "defaults", {})  # newer messages have them
    return {
        "inputs": {name: _tensor(info, name in defaults) for name, info in sorted(known.inputs.items())},
        "outputs": {name: _tensor(info, optional=False) for name, info in sorted(known.outputs.items())},
    }


def _tensor(info: Any, optional: bool) -> str:
    kind = type(info).DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_number.get(info.dtype)
    name, shape = kind.name if kind is not None else f"DT_{info.dtype}", info.tensor_shape
    sizes = "..." if shape.unknown_rank else ",".join("?" if dim.size < 0 else str(dim.size) for dim in shape.dim)
    return f"{name}[{sizes}]{' optional' if optional else ''}"


if __name__ == "__main__":
    print(json.dumps(ask_all(**json.loads(sys.argv[1]))))
