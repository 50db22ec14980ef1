"""A process that sends samples to one model server by gRPC, prints the answers as JSON, and ends.

``python -m modelrollout.adapters.sample_probe`` reads ``{"address": "10.0.0.1:8500", "model": "m", "number": 7,
"time_limit": 5, "samples": [["request 1", {"body": {"instances": [[1]]}}], ["recorded", {"record": "CgQ..."}]]}`` from
its input: bodies of ``:predict`` in JSON, and PredictionLogs of predict requests in base64. It prints a list with the
fields of an ``Answer`` for each sample; or ``{"unreachable": "..."}``. A process of its own, and gRPC, for the reasons
that ``tensorflow_serving.py`` gives.

A server may be hung, hostile or huge: the time and the bytes of an answer are bounded. One after the other, as
``samples.py`` sends them by REST; once one goes unanswered the others are not sent.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import grpc

from modelrollout.adapters import signature_probe
from modelrollout.adapters.predict_messages import Inputs, answer_of, request_of
from modelrollout.adapters.serving_probe import load
from modelrollout.adapters.tensors import NoTensor, Unreadable

METHOD = "/tensorflow.serving.PredictionService/Predict"
LARGEST_ANSWER = 1024 * 1024  # bytes, as by REST
NOT_SENT = "not sent, because one before it was not answered"

Found = dict[str, Any]


def ask(address: str, model: str, number: int, time_limit: float, samples: list[tuple[str, Found]]) -> Any:
    """The answers, in the order of the samples."""
    options = [("grpc.max_receive_message_length", LARGEST_ANSWER), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options=[*options, ("grpc.enable_retries", 0)]) as channel:
        try:
            inputs = _inputs(channel, model, number, time_limit)
        except grpc.RpcError as error:
            return {"unreachable": f"{address}: {_words(error)}"}
        call = channel.unary_unary(METHOD)
        answers: list[Found] = []
        hung = False
        for name, sample in samples:
            answers.append({"problem": NOT_SENT} if hung else _one(call, model, number, inputs, sample, time_limit))
            answers[-1]["sample"] = name
            hung = hung or answers[-1].get("hung", False)
    if answers and answers[0].get("away"):
        return {"unreachable": f"{address}: {answers[0]['problem']}"}
    return answers


def _inputs(channel: Any, model: str, number: int, time_limit: float) -> Inputs:
    """The types of what the version takes. Raises grpc.RpcError."""
    api = load("tensorflow_serving.apis.get_model_metadata_pb2")
    call = channel.unary_unary(
        signature_probe.METHOD,
        request_serializer=api.GetModelMetadataRequest.SerializeToString,
        response_deserializer=api.GetModelMetadataResponse.FromString,
    )
    found = api.SignatureDefMap()
    call(signature_probe.request(api, model, number), timeout=time_limit).metadata["signature_def"].Unpack(found)
    return {
        name: {key: info.dtype for key, info in known.inputs.items()} for name, known in found.signature_def.items()
    }


def _one(call: Any, model: str, number: int, inputs: Inputs, sample: Found, time_limit: float) -> Found:
    try:
        request = _request(sample, model, inputs)
    except NoTensor as error:
        return {"status": 400, "problem": f"it cannot be sent by gRPC: {error}"}
    request.model_spec.ClearField("version_label")
    request.model_spec.name, request.model_spec.version.value = model, number
    by_row = "instances" in (sample.get("body") or {"instances": ()})
    return _answer(lambda message: call(message, timeout=time_limit), request.SerializeToString(), by_row)


def _request(sample: Found, model: str, inputs: Inputs) -> Any:
    """Raises NoTensor."""
    if "body" in sample:
        return request_of(sample["body"], model, inputs)
    try:
        log = load("tensorflow_serving.apis.prediction_log_pb2").PredictionLog()
        log.ParseFromString(base64.b64decode(sample["record"]))
        return log.predict_log.request
    except Exception as error:  # whatever somebody has put there
        raise NoTensor("the record is no PredictionLog") from error


def _answer(send: Callable[[bytes], bytes], message: bytes, by_row: bool) -> Found:
    started = time.monotonic()
    try:
        text = send(message)
        seconds = time.monotonic() - started
        response = load("tensorflow_serving.apis.predict_pb2").PredictResponse.FromString(text)
        return {"status": 200, "value": answer_of(response, by_row=by_row), "seconds": seconds}
    except grpc.RpcError as error:
        code = error.code()
        return {
            "status": None if code is grpc.StatusCode.DEADLINE_EXCEEDED else int(code.value[0]),
            "problem": _words(error),
            "seconds": time.monotonic() - started,
            "hung": code is grpc.StatusCode.DEADLINE_EXCEEDED,
            "away": code is grpc.StatusCode.UNAVAILABLE,
        }
    except Unreadable as error:
        return {"status": 200, "problem": f"the answer cannot be read: {error}"}
    except Exception as error:  # whatever a server may send
        return {"status": 200, "problem": f"the answer is no PredictResponse: {type(error).__name__}"}


def _words(error: Any) -> str:
    return f"gRPC status {error.code().name}: {' '.join((error.details() or '').split())[:200]}"


if __name__ == "__main__":
    print(json.dumps(ask(**json.load(sys.stdin))))
