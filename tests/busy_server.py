"""An HTTP proxy in front of the API server that answers 429 in its place, or breaks off, for as long as is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from modelrollout.adapters.cluster import Cluster
from modelrollout.adapters.listening import serve_http

_BODY = {"kind": "Status", "apiVersion": "v1", "message": "too many requests, please try again later"}
_PASSED_ON = ("Accept", "Content-Type")


@dataclass
class Busy:
    """``refuses`` tells by method and path what is answered with 429, or broken off if it ``breaks`` connections;
    ``refused`` are those that were."""

    behind: Cluster
    refuses: Callable[[str, str], bool] = lambda method, path: False
    breaks: bool = False
    refused: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """429, or what the API server says."""
        if self.refuses(request.method, request.path):
            self.refused.append(f"{request.method} {request.path.rpartition('/')[2]}")
            if self.breaks and request.transport is not None:
                request.transport.abort()
            return web.json_response(_BODY, status=429, headers={"Retry-After": "1"})
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        url, body = self.behind._server + request.path_qs, await request.read()
        async with self.behind._session.request(request.method, url, data=body, headers=headers) as found:
            return web.Response(body=await found.read(), status=found.status, content_type=found.content_type)


@asynccontextmanager
async def busy(behind: Cluster) -> AsyncIterator[tuple[Cluster, Busy]]:
    """A cluster behind the proxy, as the operator has one, and the proxy."""
    proxy, application = Busy(behind), web.Application(client_max_size=2**24)
    application.router.add_route("*", "/{path:.*}", proxy.answer)
    async with serve_http("listen", "127.0.0.1:0", application) as port, aiohttp.ClientSession() as session:
        yield Cluster(session, f"http://127.0.0.1:{port}", patient=True), proxy
