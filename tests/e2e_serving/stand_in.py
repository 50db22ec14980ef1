"""Runs the stand-in as a process of its own on free ports of this machine, for the tests."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds until a server that should do something is given up


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the REST API."""

    status: int
    text: str
    content_type: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(slots=True)
class StandIn:
    """A running server: its ports, and what it has printed."""

    process: subprocess.Popen[bytes]
    port: int
    rest_port: int
    output: Path

    def ask(self, method: str, path: str, body: bytes | str | None = None) -> Reply:
        """One REST request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            response = connection.getresponse()
            return Reply(response.status, response.read().decode(), response.headers["Content-Type"])

    def get(self, path: str) -> Reply:
        return self.ask("GET", path)

    def post(self, path: str, body: bytes | str | Any) -> Reply:
        return self.ask("POST", path, body if isinstance(body, (bytes, str)) else json.dumps(body))

    def states(self, model: str) -> dict[int, str]:
        """The state of every version of a model."""
        entries = self.get(f"/v1/models/{model}").json.get("model_version_status", [])
        return {int(entry["version"]): entry["state"] for entry in entries}

    def printed(self) -> str:
        return self.output.read_text()

    def listens(self) -> bool:
        """Whether the REST port is open."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.rest_port)) == 0


def free_ports() -> tuple[int, int]:
    """Two ports that nobody uses now."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@contextlib.contextmanager
def stand_in(folder: Path, *flags: str, wait: bool = True, wrapper: Sequence[str] = ()) -> Iterator[StandIn]:
    """A server with these flags, its output in `folder`; with `wait` only once it serves. `wrapper` starts it."""
    port, rest_port = free_ports()
    command = [
        *wrapper,
        sys.executable,
        "-m",
        "e2e.tensorflow_serving",
        f"--port={port}",
        f"--rest_api_port={rest_port}",
    ]
    output = folder / f"output-{port}"
    with output.open("wb") as printed:
        process = subprocess.Popen([*command, *flags], cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT)
    server = StandIn(process, port, rest_port, output)
    try:
        if wait:
            eventually(lambda: server.listens() or process.poll() is not None)
            assert process.poll() is None, server.printed()
        yield server
    finally:
        process.kill()
        process.wait()


def eventually(true: Callable[[], object]) -> None:
    """Wait until something is so. What never becomes so fails the test after a generous minute."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"not so after {PATIENCE:.0f} s"
        time.sleep(0.02)


def put(model: Path, base: Path, version: int) -> None:
    """Put a version of a model into its base folder, whole from the first moment that it has its name."""
    partial = base.parent / f"{base.name}-{version}.partial"
    shutil.copytree(model, partial)
    base.mkdir(exist_ok=True)
    os.rename(partial, base / str(version))


def monitoring_file(folder: Path) -> Path:
    """A monitoring config that turns the metrics page on."""
    path = folder / "monitoring.txt"
    path.write_text('prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n')
    return path


def config_file(path: Path, *models: str) -> Path:
    """A model config file with these entries, put in place whole."""
    partial = path.with_suffix(".partial")
    partial.write_text("model_config_list {" + "".join(f" config {{ {model} }}\n" for model in models) + "}\n")
    os.rename(partial, path)
    return path


def entry(name: str, base: Path, more: str = "") -> str:
    """One model of a model config file."""
    return f"name: '{name}' base_path: '{base}' model_platform: 'tensorflow' {more}"
