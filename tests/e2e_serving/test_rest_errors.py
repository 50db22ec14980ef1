"""What the REST API says to requests that it cannot answer: TensorFlow Serving's codes and words."""

import json
from dataclasses import dataclass

import pytest

from tests.e2e_serving.stand_in import StandIn

pytest.importorskip("e2e.tensorflow_serving.protobufs")  # not `tensorflow`: importing it whole takes seven seconds
PREDICT = "/v1/models/digits:predict"
ROW = json.dumps([0] * 64)


@dataclass(frozen=True)
class Case:
    name: str
    method: str
    path: str
    body: str
    status: int
    error: str


CASES = [
    Case("unknown model", "POST", "/v1/models/nobody:predict", f'{{"instances": [{ROW}]}}', 404,
         "Servable not found for request: Latest(nobody)"),
    Case("unknown version", "POST", "/v1/models/digits/versions/7:predict", f'{{"instances": [{ROW}]}}', 404,
         "Servable not found for request: Specific(digits, 7)"),
    Case("unknown version, metadata", "GET", "/v1/models/digits/versions/7/metadata", "", 404,
         "Servable not found for request: Specific(digits, 7)"),
    Case("unknown version, status", "GET", "/v1/models/digits/versions/7", "", 404,
         "Could not find version 7 of model digits"),
    Case("unknown model, status", "GET", "/v1/models/nobody", "", 404, "Could not find any versions of model nobody"),
    Case("unknown label, predict", "POST", "/v1/models/digits/labels/x:predict", f'{{"instances": [{ROW}]}}', 400,
         "Unrecognized servable version label: x"),
    Case("unknown label, metadata", "GET", "/v1/models/digits/labels/x/metadata", "", 400,
         "Unrecognized servable version label: x"),
    Case("version and label", "GET", "/v1/models/digits/versions/1/labels/x", "", 400,
         "Malformed request: GET /v1/models/digits/versions/1/labels/x"),
    Case("version too large", "GET", "/v1/models/digits/versions/9223372036854775808", "", 400,
         "Failed to convert version: 9223372036854775808 to numeric."),
    Case("no verb", "POST", "/v1/models/digits", "", 400, "Malformed request: POST /v1/models/digits"),
    Case("wrong verb", "POST", "/v1/models/digits:train", "", 400, "Malformed request: POST /v1/models/digits:train"),
    Case("verb in capitals", "POST", "/v1/models/digits:PREDICT", "", 400,
         "Malformed request: POST /v1/models/digits:PREDICT"),
    Case("wrong method", "PUT", PREDICT, "{}", 400, f"Malformed request: PUT {PREDICT}"),
    Case("no model name", "GET", "/v1/models", "", 400, "Missing model name in request."),
    Case("empty body", "POST", PREDICT, "", 400, "JSON Parse error: The document is empty"),
    Case("not JSON", "POST", PREDICT, '{"instances": oops}', 400, "JSON Parse error: Invalid value. at offset: 14"),
    Case("no object", "POST", PREDICT, "[1]", 400, "JSON Value: [1] Is not object"),
    Case("no tensors", "POST", PREDICT, "{}", 400, "Missing 'inputs' or 'instances' key"),
    Case("no rows", "POST", PREDICT, '{"instances": []}', 400,
         "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
    Case("rows are no list", "POST", PREDICT, '{"instances": 1}', 400,
         "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array"),
    Case("unknown signature", "POST", PREDICT, f'{{"signature_name": "x", "instances": [{ROW}]}}', 400,
         'Serving signature name: "x" not found in signature def'),
    Case("unknown input", "POST", PREDICT, '{"instances": [{"ink": [1]}]}', 400,
         "Failed to process element: 0 key: ink of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not"
         " have named input: ink"),
    Case("rows of two sizes", "POST", PREDICT, '{"instances": [[1, 2], [1]]}', 400,
         "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got:"
         " 1"),
    Case("words for numbers", "POST", PREDICT, '{"instances": ["ink"]}', 400,
         "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"ink\" Type: String"
         " is not of expected type: float"),
    Case("ragged list", "POST", PREDICT, '{"inputs": [[1, 2], [3]]}', 400,
         "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    Case("missing column", "POST", PREDICT, '{"inputs": {"ink": [1]}}', 400,
         "Missing named input: pixels in 'inputs' object."),
    Case("no examples", "POST", "/v1/models/digits:classify", '{"signature_name": "classify"}', 400,
         'JSON Value: {\n    "signature_name": "classify"\n} When method is classify, key \'examples\' is expected and'
         " was not found"),
    Case("classify without its signature", "POST", "/v1/models/digits:classify", '{"examples": [{"pixels": 1.0}]}',
         400, "No classification inputs found in SignatureDef"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_error(server: StandIn, case: Case) -> None:
    reply = server.ask(case.method, case.path, case.body)
    assert (reply.status, reply.content_type) == (case.status, "application/json")
    assert reply.json["error"].startswith(case.error)


def test_error_text_is_printed_as_the_real_server_prints_it(server: StandIn) -> None:
    assert server.get("/v1/models").text == '{\n    "error": "Missing model name in request."\n}'


@pytest.mark.parametrize("path", ["/", "/healthz", "/v2/models/digits", "/monitoring/prometheus/metrics"])
def test_other_paths_get_a_page_and_no_json(server: StandIn, path: str) -> None:
    reply = server.get(path)
    assert reply.status == 404
    assert reply.text.startswith("<HTML>")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        pytest.param(
            {"instances": [[0] * 63]}, "In[0] and In[1] ndims must be equal or Matrix size-incompatible", id="63 pixels"
        ),
        pytest.param({"inputs": 1.0}, "pixels", id="no rows at all"),
    ],
)
def test_a_wrong_shape_is_told_by_tensorflow_itself(server: StandIn, body: object, part: str) -> None:
    reply = server.post(PREDICT, body)
    assert reply.status == 400
    assert reply.json["error"]
