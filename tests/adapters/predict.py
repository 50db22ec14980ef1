"""Predict requests and models as files, for tests of what is sent by gRPC and what is written into a model."""

from __future__ import annotations

from typing import Any

from modelrollout.adapters.serving_probe import load

FLOAT, DOUBLE, INT32, STRING, INT64, BOOL, HALF, COMPLEX = 1, 2, 3, 7, 9, 10, 19, 8
LOGS: Any = load("tensorflow_serving.apis.prediction_log_pb2")
PREDICT: Any = load("tensorflow_serving.apis.predict_pb2")
GRAPHS: Any = load("tensorflow.core.protobuf.saved_model_pb2")


def predict_log(*values: float, signature: str = "") -> bytes:
    """A recorded predict request of one row."""
    log = LOGS.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = "recorded", signature
    request.model_spec.version.value = 3
    tensor = request.inputs["x"]
    tensor.dtype = FLOAT
    for size in (1, len(values)):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val.extend(values)
    return bytes(log.SerializeToString())


def classify_log() -> bytes:
    """A record that is no predict request."""
    log = LOGS.PredictionLog()
    log.classify_log.request.model_spec.name = "recorded"
    return bytes(log.SerializeToString())


def saved_model(**inputs: int) -> bytes:
    """A SavedModel with a graph and one signature that takes inputs of these types."""
    model = GRAPHS.SavedModel(saved_model_schema_version=1)
    other = model.meta_graphs.add()
    other.meta_info_def.tags.append("train")
    other.signature_def["train"].inputs["y"].dtype = DOUBLE
    graph = model.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.graph_def.node.add(name="constant", op="Const")
    for name, kind in inputs.items():
        graph.signature_def["serving_default"].inputs[name].dtype = kind
    return bytes(model.SerializeToString())
