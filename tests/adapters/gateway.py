"""A small server in the gateway's place, which answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from modelrollout.adapters.listening import serve_http

GOOD = b'{"predictions": [[0.1, 0.9]]}'


@dataclass
class Gateway:
    """How it answers, and what it was asked."""

    body: bytes = GOOD
    status: int = 200
    version: str | None = "2.4.1187"
    waits: float = 0.0
    cookie: str | None = None
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.host, request.path, dict(request.headers), await request.read()))
        await asyncio.sleep(self.waits)
        headers = {"x-model-version": self.version} if self.version else {}
        if self.cookie is not None:
            headers["Set-Cookie"] = f"{self.cookie}; Path=/"
        return web.Response(body=self.body, status=self.status, headers=headers)


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/{path:.*}", gateway.answer)
    async with serve_http("listen", "127.0.0.1:0", application) as port:
        yield f"http://127.0.0.1:{port}"
