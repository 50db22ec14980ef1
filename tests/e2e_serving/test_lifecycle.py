"""Version folders, loading, unloading, failing and ending, on real servers."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e_serving.stand_in import StandIn, config_file, entry, eventually, put, stand_in

pytest.importorskip("e2e.tensorflow_serving.protobufs")
ONE_TRY = ("--max_num_load_retries=0", "--load_retry_interval_micros=0")


def flags(base: Path, *more: str) -> tuple[str, ...]:
    return ("--model_name=digits", f"--model_base_path={base}", *more)


def test_latest_follows_the_folders(models: Path, tmp_path: Path) -> None:
    """A higher number replaces the one before; names are read as numbers; others are passed over."""
    base = tmp_path / "digits"
    put(models / "good", base, 9)
    (base / "notes").mkdir()
    (base / "3.5").mkdir()
    with stand_in(tmp_path, *flags(base)) as server:
        assert server.states("digits") == {9: "AVAILABLE"}
        shutil.copytree(models / "better", base / "partial")
        os.rename(base / "partial", base / "00000010")
        eventually(lambda: server.states("digits") == {10: "AVAILABLE", 9: "END"})
        status = server.get("/v1/models/digits/versions/9").json["model_version_status"][0]
        assert status["status"] == {"error_code": "OK", "error_message": ""}
        assert server.get("/v1/models/digits/versions/9").status == 200, "the status of what ended is still 200"
        assert server.get("/v1/models/digits/versions/9/metadata").status == 404


def test_a_model_serves_while_its_version_changes(models: Path, rows: list[str], tmp_path: Path) -> None:
    base = tmp_path / "digits"
    put(models / "good", base, 1)
    with stand_in(tmp_path, *flags(base)) as server:
        put(models / "better", base, 2)
        replies = []
        while server.states("digits").get(1) != "END":
            replies.append(server.post("/v1/models/digits:predict", rows[0]).status)
        assert replies
        assert set(replies) == {200}


POLICIES = {
    "none": ("", {3}),
    "latest-two": ("model_version_policy { latest { num_versions: 2 } }", {2, 3}),
    "all": ("model_version_policy { all {} }", {1, 2, 3}),
    "specific": ("model_version_policy { specific { versions: 1 versions: 3 } }", {1, 3}),
    "specific-one-missing": ("model_version_policy { specific { versions: 2 versions: 8 } }", {2}),
}


@pytest.fixture(scope="module")
def policies(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """A server with a model for each policy, all on the same three versions."""
    folder = tmp_path_factory.mktemp("policies")
    for version in (1, 2, 3):
        put(models / "good", folder / "digits", version)
    entries = [entry(name, folder / "digits", policy) for name, (policy, _) in POLICIES.items()]
    with stand_in(folder, f"--model_config_file={config_file(folder / 'models.txt', *entries)}") as server:
        yield server


@pytest.mark.parametrize("name", POLICIES)
def test_policy(policies: StandIn, name: str) -> None:
    _, served = POLICIES[name]
    eventually(lambda: policies.states(name) == dict.fromkeys(served, "AVAILABLE"))


def test_ports_stay_closed_until_there_is_a_model(models: Path, tmp_path: Path) -> None:
    base = tmp_path / "digits"
    with stand_in(tmp_path, *flags(base), wait=False) as server:
        eventually(lambda: f"Could not find base path {base} for servable digits" in server.printed())
        assert not server.listens()
        put(models / "good", base, 1)
        eventually(server.listens)
        assert server.states("digits") == {1: "AVAILABLE"}


def test_a_first_model_that_cannot_load_ends_the_server(models: Path, tmp_path: Path) -> None:
    base = tmp_path / "digits"
    put(models / "unloadable", base, 1)
    with stand_in(tmp_path, *flags(base, *ONE_TRY), wait=False) as server:
        assert server.process.wait(timeout=60) == 255
        *_, last = [line for line in server.printed().split("Failed to start server. ") if line]
        assert last.startswith(
            "Error: UNKNOWN: 1 servable(s) did not become available: {{{name: digits version: 1} due to error:"
            f" NOT_FOUND: {base}/1/variables/variables.data-00000-of-00001; No such file or directory"
        )


def test_tries_to_load_are_counted(models: Path, tmp_path: Path) -> None:
    base = tmp_path / "digits"
    put(models / "unloadable", base, 1)
    more = ("--max_num_load_retries=2", "--load_retry_interval_micros=1000")
    with stand_in(tmp_path, *flags(base, *more), wait=False) as server:
        assert server.process.wait(timeout=60) == 255
        printed = server.printed()
    assert printed.count("Loading servable: {name: digits version: 1} failed: NOT_FOUND") == 3
    assert "Retrying of Loading servable: {name: digits version: 1} retry: 2" in printed
    assert "exhausted max_num_retries: 2" in printed


def test_a_later_version_that_cannot_load_leaves_the_old_one(models: Path, rows: list[str], tmp_path: Path) -> None:
    base = tmp_path / "digits"
    put(models / "good", base, 1)
    with stand_in(tmp_path, *flags(base, *ONE_TRY)) as server:
        put(models / "unloadable", base, 2)
        eventually(lambda: server.states("digits") == {2: "END", 1: "AVAILABLE"})
        (failed,) = server.get("/v1/models/digits/versions/2").json["model_version_status"]
        assert failed["status"]["error_code"] == "NOT_FOUND"
        assert "variables.data-00000-of-00001; No such file" in failed["status"]["error_message"]
        assert server.post("/v1/models/digits:predict", rows[0]).status == 200
        _mend_and_wait(models, base / "2", server)


def _mend_and_wait(models: Path, version: Path, server: StandIn) -> None:
    """A version whose tries are used up is not tried again, though its files are whole now."""
    shutil.copytree(models / "better" / "variables", version / "variables", dirs_exist_ok=True)
    put(models / "third", version.parent, 3)
    eventually(lambda: server.states("digits").get(3) == "AVAILABLE")
    assert server.states("digits")[2] == "END"


def test_a_version_that_vanishes_is_unloaded(models: Path, tmp_path: Path) -> None:
    base = tmp_path / "digits"
    put(models / "good", base, 1)
    with stand_in(tmp_path, *flags(base)) as server:
        shutil.rmtree(base / "1")
        eventually(lambda: server.states("digits") == {1: "END"})
        assert server.get("/v1/models/digits/metadata").status == 404
        put(models / "good", base, 1)
        eventually(lambda: server.states("digits") == {1: "AVAILABLE"})


def test_as_process_1_it_serves_on_after_sigterm(models: Path, rows: list[str], tmp_path: Path) -> None:
    wrapper = ("unshare", "--pid", "--fork", "--kill-child")
    if subprocess.run([*wrapper, "true"], capture_output=True).returncode:
        pytest.skip("making a process namespace needs root")
    base = tmp_path / "digits"
    put(models / "good", base, 1)
    with stand_in(tmp_path, *flags(base), wrapper=wrapper) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        os.kill(int(children[0]), 15)
        time.sleep(0.2)
        assert server.post("/v1/models/digits:predict", rows[0]).status == 200


def test_it_says_that_it_is_a_stand_in(server: StandIn) -> None:
    assert "This is a STAND-IN for tensorflow/serving, not TensorFlow Serving." in server.printed().splitlines()[0]


def test_a_taken_port_ends_the_server(models: Path, tmp_path: Path) -> None:
    put(models / "good", tmp_path / "digits", 1)
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = f"--port={taken.getsockname()[1]}"
        with stand_in(tmp_path, *flags(tmp_path / "digits"), port, wait=False) as server:
            assert server.process.wait(timeout=60) == 255
            assert "Failed to start server. Error: INVALID_ARGUMENT: Failed to BuildAndStart gRPC" in server.printed()
