"""What runs in a thread with an event loop of its own, for tests and stories that are not asynchronous.

Nor do they hold up the sending with what they do.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import Self


class Background(ABC):
    """`with` it: `_run` goes on until the block ends. The block begins when that has set `_ready`, and its end sets
    `_stop`."""

    _loop: asyncio.AbstractEventLoop
    _stop: asyncio.Event

    def __init__(self, name: str) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._begin()), name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _begin(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._run()

    @abstractmethod
    async def _run(self) -> None:
        """Sets `_ready`, and ends after `_stop` was set."""
