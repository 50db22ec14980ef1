"""The REST API on 8501: predict, classify, regress, status, metadata and the metrics page.

Every request below /v1/ is counted, the status and metadata ones of a readiness probe as well, and only
successful ones get into the latency: see metrics.py.
"""

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from e2e.tensorflow_serving import examples, json_answers, json_documents, json_tensors
from e2e.tensorflow_serving.inference import Inference
from e2e.tensorflow_serving.protobufs import get_model_metadata_pb2, get_model_status_pb2, json_format, model_pb2
from e2e.tensorflow_serving.servable import DEFAULT_SIGNATURE, Servable
from e2e.tensorflow_serving.server_core import ServerCore
from e2e.tensorflow_serving.status import HTTP, OK, Code, Status, invalid, status_of

_NAME = r"(?i)/v1/models"
_CHOICE = r"(?:(?:/versions/(\d+))|(?:/labels/([^/:]+)))?"
_INFERENCE = re.compile(_NAME + r"/([^/:]+)" + _CHOICE + r":(classify|regress|predict)")
_STATUS = re.compile(_NAME + r"(?:/([^/:]+))?" + _CHOICE + r"(?:/(metadata))?")
_API = re.compile(r"(?i)/v1/.*")
_ORIGIN = re.compile("https?://")
_NOT_FOUND_PAGE = "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"
LONGEST = 19  # digits of a version
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


@dataclass(slots=True)
class Call:
    """One request below /v1/ on its way: what was asked of whom, as far as it could be read."""

    method: str
    path: str
    body: bytes
    model: str = ""
    verb: str = ""


class RestApi:
    """Answers requests; the work of each is done in one of `--rest_api_num_threads` threads."""

    def __init__(self, core: ServerCore, metrics_path: str) -> None:
        self._core, self._metrics_path = core, metrics_path
        self._inference = Inference(core.metrics, core.check_method_names)
        self._timeout_ms = core.flags.rest_api_timeout_in_ms
        self._threads = ThreadPoolExecutor(core.flags.rest_api_num_threads, "rest")

    async def start(self) -> web.AppRunner:
        """Open the port. Idle connections are kept for hours, so that no proxy meets one that closes."""
        server = web.Application(client_max_size=0)
        server.router.add_route("*", "/{path:.*}", self._handle)
        server.on_response_prepare.append(_sign)
        runner = web.AppRunner(server, access_log=None, keepalive_timeout=7200)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", self._core.flags.rest_api_port).start()
        return runner

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        if self._metrics_path and path == self._metrics_path:
            return web.Response(text=self._core.metrics.page(), content_type="text/plain", charset=None)
        if not _API.fullmatch(path):
            return web.Response(status=404, text=_NOT_FOUND_PAGE, content_type="text/html")
        headers = _CORS if self._core.flags.rest_api_enable_cors_support else None
        if request.method == "OPTIONS":
            return self._preflight(request, headers)
        call = Call(request.method, path, await _body(request))
        loop = asyncio.get_running_loop()
        status, body = await loop.run_in_executor(self._threads, self._answer, call)
        return web.Response(status=HTTP[status.code], body=body, content_type="application/json", headers=headers)

    def _preflight(self, request: web.Request, headers: dict[str, str] | None) -> web.Response:
        allowed = _ORIGIN.search(request.headers.get("Origin", ""))
        status = OK if allowed else Status(Code.FAILED_PRECONDITION, "Origin header is missing in CORS preflight")
        self._core.metrics.request("", status.code.name)
        return web.Response(status=HTTP[status.code], headers=headers)

    def _answer(self, call: Call) -> tuple[Status, bytes]:
        """Whatever goes wrong, a request has an answer in JSON with a status, and is counted under it."""
        started = time.perf_counter()
        try:
            status, body = OK, self._dispatch(call).encode()
        except Exception as problem:
            status = status_of(problem)
            body = json_answers.error(status.message).encode(errors="replace")
        if not status.code:
            taken = (time.perf_counter() - started) * 1e6
            self._core.metrics.request_latency(call.model, call.verb, "REST", taken)
        self._core.metrics.request(call.model, status.code.name)
        return status, body

    def _dispatch(self, call: Call) -> str:
        if call.method == "POST" and (match := _INFERENCE.fullmatch(call.path)):
            name, version, label, call.verb = match.groups()
            call.model = unquote(name)
            work = {"predict": self._predict, "classify": self._classify, "regress": self._regress}.get(call.verb)
            if work:
                return work(_model_spec(call.model, version, label), call.body)
        if call.method == "GET" and (match := _STATUS.fullmatch(call.path)):
            name, version, label, resource = match.groups()
            if not name:
                raise invalid("Missing model name in request.")
            call.model = unquote(name)
            spec = _model_spec(call.model, version, label)
            return self._metadata(spec) if resource == "metadata" else self._status(spec)
        raise invalid(f"Malformed request: {call.method} {call.path}")

    def _predict(self, spec: Any, body: bytes) -> str:
        document = json_documents.parse(body)
        spec.signature_name = json_tensors.signature_name(document)
        with self._core.servable(spec) as servable:
            inputs = _inputs(servable, spec.signature_name)
            request = json_tensors.predict_request(document, inputs)
            outputs = self._inference.predict(
                servable, spec.signature_name, request.tensors, timeout_ms=self._timeout_ms
            )
        return json_answers.predictions(outputs) if request.by_rows else json_answers.outputs(outputs)

    def _classify(self, spec: Any, body: bytes) -> str:
        return json_answers.classifications(self._on_examples(spec, body, self._inference.classify))

    def _regress(self, spec: Any, body: bytes) -> str:
        return json_answers.regressions(self._on_examples(spec, body, self._inference.regress))

    def _on_examples(self, spec: Any, body: bytes, run: Callable[..., Any]) -> Any:
        document = json_documents.parse(body)
        signature_name = json_tensors.signature_name(document)
        rows = examples.from_json(document)
        with self._core.servable(spec) as servable:
            return run(servable, signature_name, rows, timeout_ms=self._timeout_ms)

    def _status(self, spec: Any) -> str:
        message = status_response(self._core, spec)
        return str(json_format.MessageToJson(message, indent=1, always_print_fields_with_no_presence=True)) + "\n"

    def _metadata(self, spec: Any) -> str:
        message = metadata_response(self._core, spec)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        message.metadata["signature_def"].Unpack(signatures)
        texts = [
            json_format.MessageToJson(
                part, indent=1, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
            )
            for part in (message.model_spec, signatures)
        ]
        return f'{{\n"model_spec":{texts[0]}\n,\n"metadata": {{"signature_def": {texts[1]}\n}}\n}}\n'


def status_response(core: ServerCore, spec: Any) -> Any:
    """The GetModelStatusResponse for a ModelSpec, of REST and gRPC alike."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for state in core.status(spec):
        entry = response.model_version_status.add(version=state.version, state=int(state.state))
        entry.status.error_code = int(state.status.code)
        entry.status.error_message = state.status.message
    return response


def metadata_response(core: ServerCore, spec: Any) -> Any:
    """The GetModelMetadataResponse for a ModelSpec: the signatures of the version that serves it."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    signatures = get_model_metadata_pb2.SignatureDefMap()
    with core.servable(spec) as servable:
        for name, signature in servable.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
        response.model_spec.name = servable.model
        response.model_spec.version.value = servable.version
    response.metadata["signature_def"].Pack(signatures)
    return response


async def _body(request: web.Request) -> bytes:
    """What the client sent, unpacked. A body that does not unpack is an empty one, as in evhttp_request.cc."""
    try:
        return await request.read()
    except web.RequestPayloadError:
        return b""


def _model_spec(model: str, version: str | None, label: str | None) -> Any:
    spec = model_pb2.ModelSpec(name=model)
    if version:
        digits = version.lstrip("0") or "0"
        if len(digits) > LONGEST or int(digits) >= 2**63:
            raise invalid(f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(digits)
    elif label:
        spec.version_label = unquote(label)
    return spec


def _inputs(servable: Servable, signature_name: str) -> dict[str, int]:
    """The inputs of a signature with their DataTypes; the REST API has its own words for a missing one."""
    name = signature_name or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    inputs = {alias: info.dtype for alias, info in servable.signatures[name].inputs.items()}
    if not inputs:
        raise invalid(f"Failed to get input map for signature: {signature_name or 'DEFAULT'}")
    return inputs


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "tensorflow-serving-stand-in"
