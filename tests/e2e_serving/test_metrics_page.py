"""The metrics page of a server that got exactly these requests, and the page's format."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.tensorflow_serving.metrics import LATENCY_LIMITS, Metrics, six_digits
from tests.e2e_serving.stand_in import StandIn, config_file, entry, monitoring_file, put, stand_in

pytest.importorskip("e2e.tensorflow_serving.protobufs")
PAGE = "/monitoring/prometheus/metrics"
COUNT = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"


@pytest.fixture(scope="module")
def page(models: Path, rows: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The samples of the page, name with labels -> value, after a known set of requests."""
    folder = tmp_path_factory.mktemp("metrics")
    put(models / "good", folder / "digits", 1)
    put(models / "failing", folder / "failing", 1)
    config = config_file(folder / "models.txt", *(entry(name, folder / name) for name in ("digits", "failing")))
    monitoring = monitoring_file(folder)
    with stand_in(folder, f"--model_config_file={config}", f"--monitoring_config_file={monitoring}") as server:
        _ask(server, rows)
        text = server.get(PAGE).text
        assert server.get(PAGE).text == text, "reading the page changes nothing on it"
        yield dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def _ask(server: StandIn, rows: list[str]) -> None:
    for row in rows:
        server.post("/v1/models/failing:predict", row)
    for _ in range(3):
        server.get("/v1/models/digits")
    server.get("/v1/models/digits/metadata")
    server.post("/v1/models/digits:predict", rows[0])
    server.post("/v1/models/digits:predict", "{}")
    server.post("/v1/models/nobody:predict", rows[0])
    server.get("/healthz")
    example = {"signature_name": "regress", "examples": [{"pixels": [0.0] * 64}] * 3}
    server.post("/v1/models/digits:regress", example)


@pytest.mark.parametrize(
    ("series", "value"),
    [
        pytest.param(COUNT + '{model_name="failing",status="OK"}', 160, id="good answers"),
        pytest.param(COUNT + '{model_name="failing",status="DATA_LOSS"}', 40, id="failures under their code"),
        pytest.param(COUNT + '{model_name="digits",status="OK"}', 6, id="status and metadata requests count too"),
        pytest.param(COUNT + '{model_name="digits",status="INVALID_ARGUMENT"}', 1, id="a client's fault"),
        pytest.param(COUNT + '{model_name="nobody",status="NOT_FOUND"}', 1, id="a series for any name"),
        pytest.param(
            LATENCY + '_count{model_name="failing",API="predict",entrypoint="REST"}', 160, id="latency: only good ones"
        ),
        pytest.param(
            LATENCY + '_count{model_name="digits",API="",entrypoint="REST"}', 4, id="latency: probes have no API"
        ),
        pytest.param(
            ':tensorflow:serving:runtime_latency_count{model_name="failing",API="Predict",runtime="TF1"}',
            *(160,),
            id="session runs",
        ),
        pytest.param(":tensorflow:core:graph_runs{}", 202, id="no labels"),
    ],
)
def test_sample(page: dict[str, str], series: str, value: int) -> None:
    assert page[series] == str(value)


def test_load_is_counted_by_path(page: dict[str, str]) -> None:
    loads = {series: value for series, value in page.items() if "load_attempt_count" in series}
    assert len(loads) == 2
    assert all(series.endswith('/1",status="success"}') and value == "1" for series, value in loads.items())


def test_a_series_is_born_with_its_first_sample(page: dict[str, str]) -> None:
    assert COUNT + '{model_name="failing",status="INTERNAL"}' not in page
    examples = [series for series in page if series.startswith(":tensorflow:serving:request_example_count")]
    assert not examples, "TensorFlow Serving counts those of MultiInference alone, and a regress request came"


def test_buckets_are_cumulative_and_end_with_all(page: dict[str, str]) -> None:
    labels = 'model_name="failing",API="predict",entrypoint="REST"'
    counts = [int(value) for series, value in page.items() if series.startswith(f"{LATENCY}_bucket{{{labels},le=")]
    assert len(counts) == len(LATENCY_LIMITS) + 1
    assert counts == sorted(counts)
    assert page[f'{LATENCY}_bucket{{{labels},le="+Inf"}}'] == "160"


def test_page_is_off_without_its_config(server: StandIn) -> None:
    assert server.get(PAGE).status == 404


def test_text_of_a_page() -> None:
    metrics = Metrics()
    metrics.request('a"b\\c', "OK")
    metrics.request_latency("m", "predict", "REST", 18.0)
    metrics.request_latency("m", "predict", "REST", 12345678.0)
    lines = metrics.page().split("\n")
    assert "# TYPE :tensorflow:serving:request_count counter" in lines
    assert ':tensorflow:serving:request_count{model_name="a\\"b\\\\c",status="OK"} 1' in lines
    labels = 'model_name="m",API="predict",entrypoint="REST"'
    assert f'{LATENCY}_bucket{{{labels},le="18"}} 0' in lines, "a value on a limit belongs to the next bucket"
    assert f'{LATENCY}_bucket{{{labels},le="32.4"}} 1' in lines
    assert f"{LATENCY}_sum{{{labels}}} 1.23457e+07" in lines, "six digits"
    assert not any(line.startswith("# HELP") for line in lines)


def test_limits_as_printed() -> None:
    printed = "10 18 32.4 58.32 104.976 188.957 340.122 612.22 1102 1983.59 3570.47 6426.84 11568.3 20823 37481.3"
    assert [six_digits(limit) for limit in LATENCY_LIMITS[:15]] == printed.split()
    assert six_digits(LATENCY_LIMITS[-1]) == "1.47476e+09"
