"""Intake: a copy that has arrived, to the queue or to the count of those that are not replayed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from modelrollout.adapters.serving_probe import load
from modelrollout.api.compared import Drop
from modelrollout.comparison.copy import Copy, Protocol
from modelrollout.comparison.counts import Counts
from modelrollout.comparison.read_protobuf import SERVICE
from modelrollout.comparison.waiting import Waiting

_PATH = re.compile(
    r"/v1/models/[^/:]+(?P<pinned>/versions/[0-9]+)?(/labels/[^/:]+)?:(predict|classify|regress)", re.IGNORECASE
)
_METHOD = re.compile(rf"/{re.escape(SERVICE)}/(?P<name>Predict|Classify|Regress|MultiInference)")


@dataclass(slots=True)
class Intake:
    """``largest`` body in bytes."""

    waiting: Waiting
    counts: Counts
    largest: int
    draining: bool = False

    def refusal(self, is_replay: bool, comparable: bool) -> Drop | None:
        """Why a request is not replayed, as far as that is known before its body is."""
        if self.draining:
            return Drop.DRAINING
        if is_replay:
            return Drop.LOOP
        return None if comparable else Drop.NOT_COMPARED

    def take(self, copy: Copy) -> None:
        """One whose body has come."""
        if is_pinned(copy):
            self.counts.drop(Drop.PINNED)
        elif not self.waiting.add(copy):
            self.counts.drop(Drop.QUEUE_FULL)


def is_prediction(path: str) -> bool:
    """Whether a path with its query, by REST, asks for what can be compared."""
    return _PATH.fullmatch(path.partition("?")[0]) is not None


def method_of(path: str) -> str | None:
    """The method of PredictionService that can be compared; None for all other calls by gRPC."""
    found = _METHOD.fullmatch(path)
    return found["name"] if found is not None else None


def is_pinned(copy: Copy) -> bool:
    """Whether it names the number of a version, by which only that version's server can answer."""
    if copy.protocol is Protocol.REST:
        found = _PATH.fullmatch(copy.target.partition("?")[0])
        return found is not None and found["pinned"] is not None
    try:
        return any(spec.HasField("version") for spec in _specs(copy))
    except Exception:  # of protobuf's own types: it is no request, and the servers will say so
        return False


def _specs(copy: Copy) -> list[Any]:
    """The models that a request names. It is the first field of all requests but MultiInference's."""
    if copy.target == "MultiInference":
        request = load("tensorflow_serving.apis.inference_pb2").MultiInferenceRequest.FromString(copy.body)
        return [task.model_spec for task in request.tasks]
    api = load("tensorflow_serving.apis.get_model_metadata_pb2")
    return [api.GetModelMetadataRequest.FromString(copy.body).model_spec]
