"""An API server that is not well: what ends the process at its start, what does not, and what the Lease waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from modelrollout.adapters import cluster
from modelrollout.adapters.cluster import LEASES, MODEL_ROLLOUTS, SERVICES
from modelrollout.runtime.process import CannotStart, Operator, _build, _unanswered
from modelrollout.runtime.settings import Settings

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
MISSING = "the CRD of ModelRollout is not installed"


def code(number: int) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "message": f"words of {number}"}, status=number)

    return answer


async def drops(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hangs(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def lists(_: web.Request) -> web.Response:
    return web.json_response({"items": [], "metadata": {"resourceVersion": "1"}})


@asynccontextmanager
async def operator(answer: Answer, folder: Path, **settings: float) -> AsyncIterator[Operator]:
    """The parts of the process, and such an API server."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    [(host, port)] = [name[:2] for name in runner.addresses]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "test", "user": {"token": "t"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    try:
        async with AsyncExitStack() as stack:
            yield await _build(Settings(**settings), stack)  # type: ignore[arg-type]
    finally:
        await runner.cleanup()


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(cluster, "_LONGEST_PAUSE", 0.01)


STARTS: dict[str, tuple[Answer, str | None]] = {
    "all is well": (lists, None),
    "too many requests": (code(429), "words of 429 (HTTP 429)"),
    "it begins itself": (code(503), "words of 503 (HTTP 503)"),
    "a fault": (code(500), "words of 500 (HTTP 500)"),
    "the connection drops": (drops, "Server disconnected"),
    "no answer in time": (hangs, "no answer in time"),
}


@pytest.mark.parametrize(("answer", "words"), STARTS.values(), ids=STARTS)
def test_what_is_waited_for(answer: Answer, words: str | None, tmp_path: Path) -> None:
    """A process that ended for it would be started again later and later, and be away when the API server is back."""

    async def ask() -> str | None:
        async with operator(answer, tmp_path, api_timeout=0.3) as parts:
            return await _unanswered(parts, MODEL_ROLLOUTS, None, MISSING)

    assert asyncio.run(ask()) == words


ENDS = {"there is no such type": (404, MISSING), "without the right": (403, "words of 403"), "unknown": (401, "401")}


@pytest.mark.parametrize(("number", "words"), ENDS.values(), ids=ENDS)
def test_what_ends_the_process(number: int, words: str, tmp_path: Path) -> None:
    async def ask() -> None:
        async with operator(code(number), tmp_path) as parts:
            await _unanswered(parts, MODEL_ROLLOUTS, None, MISSING)

    with pytest.raises(CannotStart, match=words):
        asyncio.run(ask())


def test_the_lease_does_not_wait_behind_other_requests(tmp_path: Path) -> None:
    """Bulk lists of a busy or slow API server have all the other connections."""

    busy = asyncio.Semaphore(0)

    async def answer(request: web.Request) -> web.StreamResponse:
        if "/leases/" in request.path:
            return await code(404)(request)
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
