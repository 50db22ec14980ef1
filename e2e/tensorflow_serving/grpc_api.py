"""The gRPC API on 8500: PredictionService and ModelService with TensorFlow Serving's own generated messages.

Predict, Classify and Regress count as requests; MultiInference, GetModelStatus, GetModelMetadata and reloads do not.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from e2e.tensorflow_serving import examples
from e2e.tensorflow_serving.inference import Inference
from e2e.tensorflow_serving.methods import CLASSIFY, REGRESS, Classification
from e2e.tensorflow_serving.multi_inference import tasks_of
from e2e.tensorflow_serving.proto_tensors import TensorProtos, fill_proto
from e2e.tensorflow_serving.protobufs import (
    classification_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from e2e.tensorflow_serving.rest import metadata_response, status_response
from e2e.tensorflow_serving.servable import DEFAULT_SIGNATURE, Servable
from e2e.tensorflow_serving.server_core import ServerCore
from e2e.tensorflow_serving.status import OK, Status, invalid, status_of

LONGEST = 24 * 3600.0  # seconds; a deadline further away is none
MOST_WORDS = 1024  # characters of an error; a trailer that is too long fails the call in another way
TRUNCATED = "...TRUNCATED"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def start_grpc(core: ServerCore) -> grpc.Server:
    """Open the port and serve in `--grpc_max_threads` threads. Raises ServingError if the port is taken."""
    arguments = [pair.partition("=") for pair in core.flags.grpc_channel_arguments.split(",") if pair]
    options = [(key, int(value) if value.lstrip("-").isdigit() else value) for key, _, value in arguments]
    server = grpc.server(
        ThreadPoolExecutor(core.flags.grpc_max_threads, "grpc"),
        options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0), *options],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(core), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(core), server)
    if core.flags.enable_grpc_healthcheck_service:
        server.add_generic_rpc_handlers((_health_service(),))
    try:
        server.add_insecure_port(f"0.0.0.0:{core.flags.port}")
    except RuntimeError as problem:
        raise invalid("Failed to BuildAndStart gRPC server") from problem
    server.start()
    return server


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """Requests on models. The names of the methods are those of the service."""

    def __init__(self, core: ServerCore) -> None:
        self._core = core
        self._inference = Inference(core.metrics, core.check_method_names)

    def Predict(self, request: Any, context: Any) -> Any:
        return self._counted("Predict", request, context, self._predict)

    def Classify(self, request: Any, context: Any) -> Any:
        return self._counted("Classify", request, context, self._classify)

    def Regress(self, request: Any, context: Any) -> Any:
        return self._counted("Regress", request, context, self._regress)

    def MultiInference(self, request: Any, context: Any) -> Any:
        return _answer(context, lambda: self._multi_inference(request, _timeout_ms(context.time_remaining())))

    def GetModelMetadata(self, request: Any, context: Any) -> Any:
        return _answer(context, lambda: self._metadata(request))

    def _counted(self, api: str, request: Any, context: Any, work: Callable[[Any, Any, int], Any]) -> Any:
        """Run one request on its model, count it, and note its latency if it succeeded."""
        started, model = time.perf_counter(), request.model_spec.name
        timeout_ms = _timeout_ms(context.time_remaining())
        try:
            with self._core.servable(request.model_spec) as servable:
                response = work(servable, request, timeout_ms)
        except Exception as problem:
            status = status_of(problem)
            self._core.metrics.request(model, status.code.name)
            return _abort(context, status)
        self._core.metrics.request_latency(model, api, "GRPC", (time.perf_counter() - started) * 1e6)
        self._core.metrics.request(model, OK.code.name)
        return response

    def _predict(self, servable: Servable, request: Any, timeout_ms: int) -> Any:
        inputs = TensorProtos(request.inputs)
        name = request.model_spec.signature_name
        outputs = self._inference.predict(servable, name, inputs, list(request.output_filter), timeout_ms)
        response = predict_pb2.PredictResponse()
        _fill_spec(response.model_spec, servable, name or DEFAULT_SIGNATURE)
        for alias, array in outputs.items():
            fill_proto(response.outputs[alias], array, self._core.flags.enable_serialization_as_tensor_content)
        return response

    def _classify(self, servable: Servable, request: Any, timeout_ms: int) -> Any:
        name = request.model_spec.signature_name
        rows = self._inference.classify(servable, name, examples.from_proto(request.input), timeout_ms)
        response = classification_pb2.ClassificationResponse()
        _fill_spec(response.model_spec, servable, name or DEFAULT_SIGNATURE)
        _fill_classifications(response.result, rows)
        return response

    def _regress(self, servable: Servable, request: Any, timeout_ms: int) -> Any:
        name = request.model_spec.signature_name
        values = self._inference.regress(servable, name, examples.from_proto(request.input), timeout_ms)
        response = regression_pb2.RegressionResponse()
        _fill_spec(response.model_spec, servable, name or DEFAULT_SIGNATURE)
        _fill_regressions(response.result, values)
        return response

    def _multi_inference(self, request: Any, timeout_ms: int) -> Any:
        """The version is the one that the first task asks for."""
        tasks, response = tasks_of(request), inference_pb2.MultiInferenceResponse()
        spec = request.tasks[0].model_spec if tasks else model_pb2.ModelSpec()
        with self._core.servable(spec) as servable:
            results = self._inference.multi(servable, tasks, examples.from_proto(request.input), timeout_ms)
            for task, result in zip(tasks, results, strict=True):
                entry = response.results.add()
                _fill_spec(entry.model_spec, servable, task.signature_name)
                _FILL[task.method](entry, result)
        return response

    def _metadata(self, request: Any) -> Any:
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        return metadata_response(self._core, request.model_spec)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    """States of versions, and reloads of the config."""

    def __init__(self, core: ServerCore) -> None:
        self._core = core

    def GetModelStatus(self, request: Any, context: Any) -> Any:
        return _answer(context, lambda: self._status(request))

    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:
        return _answer(context, lambda: self._reload(request))

    def _status(self, request: Any) -> Any:
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        return status_response(self._core, request.model_spec)

    def _reload(self, request: Any) -> Any:
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently"
                " supported"
            )
        before = {path: self._core.metrics.value(path) for path in request.metric_names}
        self._core.reload(request.config)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        for path, value in before.items():
            response.metric.add(name=path, int64_value_increase=self._core.metrics.value(path) - value)
        return response


def _timeout_ms(remaining: float | None) -> int:
    """The caller's deadline for the session, 0 for none; without a deadline gRPC says None or a very long time."""
    return 0 if remaining is None or remaining > LONGEST else max(int(remaining * 1000), 1)


def _answer(context: Any, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as problem:
        return _abort(context, status_of(problem))


def _abort(context: Any, status: Status) -> Any:
    words = status.message
    return context.abort(
        _CODES[int(status.code)], words if len(words) <= MOST_WORDS else words[:MOST_WORDS] + TRUNCATED
    )


def _fill_spec(spec: Any, servable: Servable, signature_name: str) -> None:
    """Which model and version answered, as gRPC answers carry and REST answers do not."""
    spec.name, spec.signature_name = servable.model, signature_name
    spec.version.value = servable.version


def _fill_classifications(message: Any, rows: list[Classification]) -> None:
    message.SetInParent()
    for row in rows:
        classes = message.classifications.add().classes
        for label, score in row:
            classes.add(label=label, score=score)


def _fill_regressions(message: Any, values: list[float]) -> None:
    message.SetInParent()
    for value in values:
        message.regressions.add(value=value)


# Each writes a result of its method into a message that has a field for either.
_FILL: dict[str, Callable[[Any, Any], None]] = {
    CLASSIFY: lambda message, rows: _fill_classifications(message.classification_result, rows),
    REGRESS: lambda message, values: _fill_regressions(message.regression_result, values),
}


def _health_service() -> grpc.GenericRpcHandler:
    """grpc.health.v1.Health/Check, which says SERVING whatever the models do: field 1 with the value 1."""
    check = grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01")
    handler: grpc.GenericRpcHandler = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})
    return handler
