"""A busy or slow API server: what the Lease waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from modelrollout.adapters.cluster import LEASES, SERVICES
from modelrollout.adapters.listening import serve_http
from modelrollout.runtime.process import Operator, _build
from modelrollout.runtime.settings import Settings

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


@asynccontextmanager
async def operator(answer: Answer, folder: Path, **settings: float) -> AsyncIterator[Operator]:
    """The parts of the process, and such an API server."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with serve_http("listen", "127.0.0.1:0", application) as port, AsyncExitStack() as stack:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "test", "user": {"token": "t"}}],
        }
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))
        yield await _build(Settings(**settings), stack)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))


def test_the_lease_does_not_wait_behind_other_requests(tmp_path: Path) -> None:
    """Bulk lists of a busy or slow API server have all the other connections."""

    busy = asyncio.Semaphore(0)

    async def answer(request: web.Request) -> web.StreamResponse:
        if "/leases/" in request.path:
            return web.json_response({"kind": "Status", "message": "there is no Lease"}, status=404)
        busy.release()
        return await hangs(request)

    async def ask() -> object:
        async with operator(answer, tmp_path, api_connections=2) as parts:
            others = [asyncio.create_task(parts.cluster.list(SERVICES)) for _ in range(5)]
            for _ in range(2):
                await busy.acquire()
            try:
                async with asyncio.timeout(10):
                    return await parts.lease_cluster.get(LEASES, "prod", "modelrollout")
            finally:
                for task in others:
                    task.cancel()
                await asyncio.gather(*others, return_exceptions=True)

    assert asyncio.run(ask()) is None
