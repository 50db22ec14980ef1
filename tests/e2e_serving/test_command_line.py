"""The flags: TensorFlow Serving's names and forms, and what is said about wrong ones."""

from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("e2e.tensorflow_serving.protobufs")
from e2e.tensorflow_serving.config import Flags, monitoring_path, parse_command_line
from e2e.tensorflow_serving.status import ServingError

MODEL = ("--model_base_path=/models/digits",)


@pytest.mark.parametrize(
    ("arguments", "flag", "value"),
    [
        pytest.param([], "port", 8500, id="gRPC is on by default"),
        pytest.param([], "rest_api_port", 0, id="REST is off by default"),
        pytest.param([], "max_num_load_retries", 5, id="six tries by default"),
        pytest.param(["--rest_api_port=8501"], "rest_api_port", 8501, id="with ="),
        pytest.param(["--rest_api_port", "8501"], "rest_api_port", 8501, id="apart"),
        pytest.param(["-rest_api_port=8501"], "rest_api_port", 8501, id="one dash"),
        pytest.param(["--enable_model_warmup=false"], "enable_model_warmup", False, id="boolean"),
        pytest.param(["--enable_grpc_healthcheck_service"], "enable_grpc_healthcheck_service", True, id="bare boolean"),
        pytest.param(["--load_retry_interval_micros=-1"], "load_retry_interval_micros", -1, id="negative"),
    ],
)
def test_flag(arguments: Sequence[str], flag: str, value: object) -> None:
    assert getattr(parse_command_line([*arguments, *MODEL]).flags, flag) == value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--model_basepath=/x"], "unknown argument: --model_basepath=/x", id="unknown flag"),
        pytest.param(["serve"], "unknown argument: serve", id="no flag at all"),
        pytest.param(["--port=http"], "--port=http must be a whole number", id="not a number"),
        pytest.param(["--enable_model_warmup=maybe"], "--enable_model_warmup=maybe must be true", id="bool"),
        pytest.param([], "Both server_options.model_base_path and server_options.model_config_file", id="none"),
        pytest.param(["--port=0", *MODEL], "At least one of server_options.grpc_port", id="no gRPC port"),
    ],
)
def test_refused(arguments: Sequence[str], words: str) -> None:
    with pytest.raises(ServingError) as caught:
        parse_command_line(arguments)
    assert caught.value.status.message.startswith(words)


def test_known_flags_without_effect_are_named() -> None:
    line = parse_command_line(["--enable_batching", "--batching_parameters_file=/x", *MODEL])
    assert line.ignored == ("enable_batching", "batching_parameters_file")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param('prometheus_config { enable: true path: "/m" }', "/m", id="path"),
        pytest.param("prometheus_config { enable: true }", "/monitoring/prometheus/metrics", id="default path"),
        pytest.param('prometheus_config { path: "/m" }', "", id="not enabled"),
    ],
)
def test_metrics_page_is_where_its_config_says(tmp_path: Path, text: str, path: str) -> None:
    (tmp_path / "monitoring.txt").write_text(text)
    assert monitoring_path(Flags(monitoring_config_file=str(tmp_path / "monitoring.txt"))) == path


def test_unreadable_config_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "monitoring.txt").write_text("prometheus { }")
    with pytest.raises(ServingError, match=r"Invalid protobuf file: '.*monitoring\.txt'"):
        monitoring_path(Flags(monitoring_config_file=str(tmp_path / "monitoring.txt")))
