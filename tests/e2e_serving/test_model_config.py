"""Which configs of models are taken, which are refused, and that what serves goes on when one is refused."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e_serving.stand_in import ROOT, StandIn, eventually, put, stand_in

protobufs = pytest.importorskip("e2e.tensorflow_serving.protobufs")
from e2e.tensorflow_serving import model_config  # noqa: E402
from e2e.tensorflow_serving.config import Flags  # noqa: E402
from e2e.tensorflow_serving.server_core import ServerCore  # noqa: E402
from e2e.tensorflow_serving.status import ServingError  # noqa: E402

CUSTOM = "custom_model_config { type_url: 'type.googleapis.com/mine' }"
TRANSITION = (
    "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another."
)


def parsed(text: str) -> Any:
    return protobufs.text_format.Parse(text, protobufs.model_server_config_pb2.ModelServerConfig())


def listed(*models: str) -> Any:
    """A config with these models."""
    return parsed("model_config_list {" + "".join(f" config {{ {model} }}" for model in models) + "}")


@pytest.fixture
def polled(models: Path, tmp_path: Path) -> Iterator[tuple[StandIn, Path]]:
    """A server that looks at its config file each second, and the file."""
    put(models / "good", tmp_path / "digits", 1)
    file = tmp_path / "models.txt"
    file.write_text(str(listed(f"name: 'digits' base_path: '{tmp_path / 'digits'}' model_type: TENSORFLOW")))
    flags = (f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=1")
    with stand_in(tmp_path, *flags) as server:
        yield server, file


@pytest.mark.parametrize("text", [pytest.param(CUSTOM, id="custom"), pytest.param("", id="empty")])
def test_a_polled_config_of_another_kind_is_refused(polled: tuple[StandIn, Path], rows: list[str], text: str) -> None:
    """It once unloaded every model."""
    server, file = polled
    before = file.read_text()
    file.write_text(text)
    words = f"PollFilesystemAndReloadConfig failed to ReloadConfig: {TRANSITION}"
    eventually(lambda: server.printed().count(words) >= 2)
    assert server.states("digits") == {1: "AVAILABLE"}
    assert server.post("/v1/models/digits:predict", rows[0]).status == 200
    file.write_text(before)
    added = server.printed().count("Finished adding/updating models")
    eventually(lambda: server.printed().count("Finished adding/updating models") > added)


def test_the_deprecated_setting_loads_with_a_warning(polled: tuple[StandIn, Path], rows: list[str]) -> None:
    server, _ = polled
    assert server.post("/v1/models/digits:predict", rows[0]).status == 200
    assert "Deprecated ModelServerConfig::model_type field used." in server.printed()


BOTH = "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform"
NEITHER = "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param("model_type: TENSORFLOW model_platform: 'tensorflow'", f"{BOTH}, model name is m", id="both"),
        pytest.param("", f"{NEITHER}, model name is m", id="neither"),
        pytest.param("model_type: OTHER", "ModelServerConfig::model_type choice 2 not supported.", id="other"),
        pytest.param("model_platform: 'caffe'", "Model m requests unsupported platform caffe", id="unknown"),
    ],
)
def test_platform_is_refused(settings: str, words: str) -> None:
    models = listed(f"name: 'm' base_path: '/m' {settings}").model_config_list.config
    with pytest.raises(ServingError) as caught:
        model_config.check_platforms(list(models))
    assert str(caught.value.status) == f"INVALID_ARGUMENT: {words}"


def test_either_setting_means_the_same_platform() -> None:
    old, new = (
        list(listed(f"name: 'm' base_path: '/m' {setting}").model_config_list.config)
        for setting in ("model_type: TENSORFLOW", "model_platform: 'tensorflow'")
    )
    model_config.check(new, old)
    model_config.check_platforms(old + new)


@pytest.mark.parametrize(
    ("old", "new", "accepted"),
    [
        pytest.param(None, "", True, id="an empty one at first"),
        pytest.param("model_config_list {}", "model_config_list { config {} }", True, id="from list to list"),
        pytest.param(None, CUSTOM, False, id="a custom one at first"),
        pytest.param("model_config_list {}", CUSTOM, False, id="from list to custom"),
        pytest.param("model_config_list {}", "", False, id="from list to nothing"),
    ],
)
def test_transition(old: str | None, new: str, accepted: bool) -> None:
    with contextlib.nullcontext() if accepted else pytest.raises(ServingError):
        model_config.check_transition(None if old is None else parsed(old), parsed(new))


def test_a_new_model_without_platform_spoils_every_later_config() -> None:
    """It counts as the current config before its platform is looked at, and the next one is compared with it."""
    core = ServerCore(Flags(file_system_poll_wait_seconds=-1))
    good, bad = "name: 'm' base_path: '/m' model_platform: 'tensorflow'", "name: 'n' base_path: '/n'"
    core.reload(listed())
    for config in (listed(bad), listed(), listed(good)):
        with pytest.raises(ServingError, match="Illegal setting neither"):
            core.reload(config)


def start(file: Path) -> subprocess.CompletedProcess[str]:
    """A server with this config that cannot start, after its end."""
    command = [sys.executable, "-m", "e2e.tensorflow_serving", f"--model_config_file={file}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


FAILED = "Failed to start server. Error: INVALID_ARGUMENT: Invalid protobuf file: '{}'\n"


def test_the_line_of_a_bad_config_is_on_stderr(tmp_path: Path) -> None:
    """And not in the error, which stands on stdout."""
    file = tmp_path / "models.txt"
    file.write_text("model_config_list {\n  config { nme: 'digits' }\n}\n")
    ended = start(file)
    assert (ended.returncode, ended.stdout) == (255, FAILED.format(file))
    line = (
        "Error parsing text-format tensorflow.serving.ModelServerConfig: 2:12: Message type"
        ' "tensorflow.serving.ModelConfig" has no field named "nme".'
    )
    assert line in ended.stderr


def test_a_config_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "models.txt"
    file.write_bytes(b"\xff\xfe")
    ended = start(file)
    assert (ended.returncode, ended.stdout) == (255, FAILED.format(file))
