"""What the REST API answers, down to the text where clients see it."""

import json
import math

import pytest

from tests.e2e_serving.stand_in import StandIn

pytest.importorskip("e2e.tensorflow_serving.protobufs")

STATUS = """{
 "model_version_status": [
  {
   "version": "2",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  },
  {
   "version": "1",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"""


@pytest.mark.parametrize(
    "request_form",
    [
        pytest.param(lambda row: {"instances": [row, row]}, id="plain rows"),
        pytest.param(lambda row: {"instances": [{"pixels": row}, {"pixels": row}]}, id="named rows"),
        pytest.param(lambda row: {"signature_name": "serving_default", "instances": [row, row]}, id="with signature"),
    ],
)
def test_rows_in_rows_out(server: StandIn, row: list[int], request_form: object) -> None:
    assert callable(request_form)
    reply = server.post("/v1/models/digits:predict", request_form(row))
    assert reply.status == 200
    first, second = reply.json["predictions"]
    assert first == pytest.approx(second)
    assert math.isclose(sum(first), 1.0, rel_tol=1e-5)
    assert len(first) == 10


@pytest.mark.parametrize(
    "inputs", [pytest.param(lambda row: [row], id="plain"), pytest.param(lambda row: {"pixels": [row]}, id="named")]
)
def test_columns_in_columns_out(server: StandIn, row: list[int], inputs: object) -> None:
    assert callable(inputs)
    by_columns = server.post("/v1/models/digits:predict", {"inputs": inputs(row)}).json
    by_rows = server.post("/v1/models/digits:predict", {"instances": [row]}).json
    assert by_columns == {"outputs": by_rows["predictions"]}


@pytest.mark.parametrize(
    ("path", "like"),
    [
        pytest.param("/v1/models/digits:predict", "/v1/models/digits/versions/2:predict", id="no version: the highest"),
        pytest.param("/v1/models/digits/labels/stable:predict", "/v1/models/digits/versions/1:predict", id="label 1"),
        pytest.param("/v1/models/digits/labels/canary:predict", "/v1/models/digits/versions/2:predict", id="label 2"),
        pytest.param("/V1/MODELS/digits:predict", "/v1/models/digits/versions/2:predict", id="capitals"),
        pytest.param("/v1/models/d%69gits:predict", "/v1/models/digits/versions/2:predict", id="encoded name"),
    ],
)
def test_the_path_chooses_the_version(server: StandIn, rows: list[str], path: str, like: str) -> None:
    assert server.post(path, rows[0]).text == server.post(like, rows[0]).text


def test_two_versions_answer_differently(server: StandIn, rows: list[str]) -> None:
    one, two = (server.post(f"/v1/models/digits/versions/{version}:predict", rows[0]).text for version in (1, 2))
    assert one != two


def test_text_of_a_prediction(server: StandIn, rows: list[str]) -> None:
    lines = server.post("/v1/models/digits:predict", rows[0]).text.split("\n")
    assert lines[0] == "{"
    assert lines[1].startswith('    "predictions": [[')
    assert lines[2:] == ["    ]", "}"]


def test_status_lists_all_versions_the_highest_first(server: StandIn) -> None:
    assert server.get("/v1/models/digits").text == STATUS


@pytest.mark.parametrize("label", ["stable", "no-such-label"])
def test_status_ignores_labels(server: StandIn, label: str) -> None:
    assert server.get(f"/v1/models/digits/labels/{label}").text == STATUS


def test_status_of_one_version(server: StandIn) -> None:
    (status,) = server.get("/v1/models/digits/versions/1").json["model_version_status"]
    assert (status["version"], status["state"]) == ("1", "AVAILABLE")


@pytest.mark.parametrize(
    ("path", "version"),
    [
        pytest.param("/v1/models/digits/metadata", "2", id="no version"),
        pytest.param("/v1/models/digits/versions/1/metadata", "1", id="version"),
        pytest.param("/v1/models/digits/labels/stable/metadata", "1", id="label"),
    ],
)
def test_metadata(server: StandIn, path: str, version: str) -> None:
    metadata = server.get(path).json
    assert metadata["model_spec"] == {"name": "digits", "signature_name": "", "version": version}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["pixels"] == {
        "dtype": "DT_FLOAT",
        "name": "serving_default_pixels:0",
        "tensor_shape": {"dim": [{"name": "", "size": "-1"}, {"name": "", "size": "64"}], "unknown_rank": False},
    }


def test_classify_gives_labels_with_scores_under_results(server: StandIn, row: list[int]) -> None:
    body = {"signature_name": "classify", "examples": [{"pixels": [float(pixel) for pixel in row]}]}
    (result,) = server.post("/v1/models/digits:classify", body).json["results"]
    assert [label for label, _ in result] == [str(digit) for digit in range(10)]
    (prediction,) = server.post("/v1/models/digits:predict", {"instances": [row]}).json["predictions"]
    assert [score for _, score in result] == pytest.approx(prediction)


def test_context_is_shared_by_all_examples(server: StandIn, row: list[int]) -> None:
    pixels = {"pixels": [float(pixel) for pixel in row]}
    whole = server.post("/v1/models/digits:regress", {"signature_name": "regress", "examples": [pixels]}).json
    shared = {"signature_name": "regress", "context": pixels, "examples": [{"other": 1}, {"other": 2}]}
    assert server.post("/v1/models/digits:regress", shared).json["results"] == pytest.approx(whole["results"] * 2)


def test_nan_is_written_bare_with_status_200(server: StandIn, row: list[int]) -> None:
    reply = server.post("/v1/models/nan:predict", {"instances": [[16] * 64, row]})
    assert reply.status == 200
    assert reply.text.startswith('{\n    "predictions": [[NaN, NaN, ')


def test_nan_and_infinity_are_read(server: StandIn) -> None:
    body = json.dumps({"instances": [[math.nan] + [0.0] * 63, [math.inf] + [0.0] * 63]})
    assert "[NaN, " in body
    assert "[Infinity, " in body
    reply = server.post("/v1/models/digits:predict", body)
    assert reply.status == 200
    assert "NaN" in reply.text


def test_what_follows_the_json_is_ignored(server: StandIn, rows: list[str]) -> None:
    assert server.post("/v1/models/digits:predict", rows[0] + " and more").status == 200
