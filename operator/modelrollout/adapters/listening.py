"""A process of ours that serves HTTP: its addresses, and its end.

As process 1 of a container there is no default action for SIGTERM. After the first signal such a process works no more
and is scraped a last time: what it has counted is nowhere else until Prometheus has it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web


class CannotServe(Exception):
    """The address cannot be served; the message says why."""


@asynccontextmanager
async def serve_http(option: str, listen: str, application: web.Application, **parser: Any) -> AsyncIterator[int]:
    """Serve at ``host:port``, which ``option`` gave, as long as the context is open; gives the port. Bodies stay as
    they were sent. Raises CannotServe."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=2, auto_decompress=False, **parser)
    await runner.setup()
    host, _, port = listen.rpartition(":")
    try:
        try:
            await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
        except (OSError, OverflowError) as error:
            raise CannotServe(f"{option}: {listen} cannot be served: {error}") from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def signals() -> asyncio.Queue[int]:
    """What the process is told."""
    heard: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, heard.put_nowait, number)
    return heard


async def until_told(
    heard: asyncio.Queue[int], parts: Sequence[Coroutine[Any, Any, None]], end: Callable[[], None], drain: float
) -> None:
    """Work until the first signal, or until a part ends that must not. Then ``end`` is called, and for ``drain``
    seconds more, or until the second signal, all goes on."""
    told = asyncio.ensure_future(heard.get())
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
        end()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain):
                await heard.get()
    finally:
        for running in (told, *tasks):
            running.cancel()
        await asyncio.gather(told, *tasks, return_exceptions=True)
