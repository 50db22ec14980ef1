"""A real API server with everything in it that the operator needs: our type, Istio's, and a namespace for each test.

There are no controllers, so Deployments make no pods: where a test needs some, it writes their status itself.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from unittest import mock

import yaml

from modelrollout.adapters.access import open_access
from modelrollout.adapters.cluster import Cluster
from modelrollout.resource.crd import crd
from tests.apiserver import ApiServer

Result = TypeVar("Result")

_numbers = itertools.count(1)
_TYPES = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """The API server of the tests."""

    server: ApiServer

    def namespace(self) -> str:
        """A new namespace."""
        name = f"test-{next(_numbers)}"
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        answer = self.server.ask("POST", "/api/v1/namespaces", body)
        assert answer.status == 201, answer.message
        return name

    def run(self, test: Callable[[Cluster], Awaitable[Result]]) -> Result:
        """A coroutine that is given a Cluster of this server, from beginning to end."""

        async def body() -> Result:
            async with self.cluster() as cluster:
                return await test(cluster)

        return asyncio.run(body())

    @asynccontextmanager
    async def cluster(self) -> AsyncIterator[Cluster]:
        """A Cluster of this server, by its kubeconfig, as the operator opens one."""
        with mock.patch.dict(os.environ, KUBECONFIG=str(self.server.kubeconfig)):
            async with open_access() as access:
                session = access.session(connections=10, timeout=30, connect_timeout=10)
                async with session:
                    yield Cluster(session, access.server)
                await _closed_what_was_cancelled()


async def _closed_what_was_cancelled() -> None:
    """Connections that a test cancelled while they were made.

    CPython forgets to close a TLS connection that is cancelled before its first step (``SSLProtocol._start_shutdown``
    returns in the state UNWRAPPED); a process gets rid of it when the server does. Here the loop ends first, and the
    garbage collector would complain of it in the middle of another test.
    """
    for transport in list(asyncio.get_running_loop()._transports.values()):  # type: ignore[attr-defined]
        transport.abort()
    await asyncio.sleep(0)


def prepared(server: ApiServer) -> Kubernetes:
    """The API server with the types in it, and serving them."""
    istio = yaml.safe_load_all(server.programs.istio_types.read_text())
    used = [f"{plural}.networking.istio.io" for plural in ("virtualservices", "gateways", "envoyfilters")]
    for body in (crd(), *(item for item in istio if item and item["metadata"]["name"] in used)):
        path = f"{_TYPES}/{body['metadata']['name']}"
        answer = server.apply(path, body, manager="test")
        assert answer.status in (200, 201), answer.message
        _wait_for(lambda path=path: _is_established(server.ask("GET", path).body))  # type: ignore[misc]
    v1 = tuple(f"networking.istio.io/v1/{plural}" for plural in ("virtualservices", "gateways"))
    served = (*v1, "networking.istio.io/v1alpha3/envoyfilters")
    for path in ("modelrollout.dev/v1alpha1/modelrollouts", *served):
        _wait_for(lambda path=path: server.ask("GET", f"/apis/{path}").status == 200)  # type: ignore[misc]
    return Kubernetes(server)


def _is_established(body: Any) -> bool:
    conditions = body.get("status", {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


def _wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)
