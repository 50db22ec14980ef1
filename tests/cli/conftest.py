"""The command line against a real API server."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from modelrollout.cli.main import main
from tests.api.conftest import server as server
from tests.apiserver import ApiServer
from tests.cli.running import Running
from tests.cli.stage import Stage
from tests.core.world import World

_NUMBERS = itertools.count(1)

Run = Callable[..., Result]
Start = Callable[..., Running]
Put = Callable[..., Stage]


@pytest.fixture
def namespace(server: ApiServer) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"cli-{next(_NUMBERS)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    assert server.ask("POST", "/api/v1/namespaces", body).status == 201
    yield name
    server.ask("DELETE", f"/apis/modelrollout.dev/v1alpha1/namespaces/{name}/modelrollouts")


@pytest.fixture
def put(server: ApiServer, namespace: str) -> Callable[..., Stage]:
    """Puts a world on the API server, under a name."""

    def create(world: World, name: str = "fraud") -> Stage:
        # Each host may be routed once; the worlds know nothing of each other.
        world.spec = {**world.spec, "traffic": {"hosts": [f"{name}.{namespace}.example.com"]}}
        return Stage(server, namespace, name, world).create()

    return create


@pytest.fixture
def run(server: ApiServer, namespace: str) -> Run:
    """Runs the command line as the user of that API server, in the test's namespace."""

    def invoke(command: str, *arguments: str, kubeconfig: str = str(server.kubeconfig), **options: Any) -> Result:
        place = ["--kubeconfig", kubeconfig, "-n", namespace]
        result = CliRunner().invoke(main, [command, *arguments, *place], **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def start(server: ApiServer, namespace: str) -> Iterator[Callable[..., Running]]:
    """Starts the command line as a program of its own, in the test's namespace; what still runs at the end is ended."""
    programs: list[Running] = []

    def begin(*arguments: str, kubeconfig: str = str(server.kubeconfig)) -> Running:
        programs.append(Running([*arguments, "--kubeconfig", kubeconfig, "-n", namespace]))
        return programs[-1]

    yield begin
    for program in programs:
        program.end()


@pytest.fixture
def kubeconfig_for(server: ApiServer, tmp_path: Any) -> Callable[..., str]:
    """A kubeconfig with another server or another token."""

    def write(url: str | None = None, token: str | None = None, namespace: str = "default") -> str:
        written = yaml.safe_load(server.kubeconfig.read_text())
        written["clusters"][0]["cluster"]["server"] = url or server.url
        written["users"][0]["user"]["token"] = token or server.token
        written["contexts"][0]["context"]["namespace"] = namespace
        path = tmp_path / f"kubeconfig-{next(_NUMBERS)}"
        path.write_text(yaml.safe_dump(written))
        return str(path)

    return write
