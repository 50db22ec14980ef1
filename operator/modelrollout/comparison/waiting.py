"""Waiting: copies between their arrival and their replay. Bounded in number and in bytes: the newest is dropped."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from modelrollout.comparison.copy import Copy

MOST_COPIES = 1000
MOST_BYTES = 32 * 1024**2


@dataclass(slots=True)
class Waiting:
    """The first that came goes first."""

    most_copies: int = MOST_COPIES
    most_bytes: int = MOST_BYTES
    size: int = 0  # bytes
    _copies: deque[Copy] = field(default_factory=deque)
    _arrived: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def __len__(self) -> int:
        return len(self._copies)

    def add(self, copy: Copy) -> bool:
        """Whether there was room for it. One that is larger than all the room there is fits into an empty queue."""
        if self._copies and (len(self) >= self.most_copies or self.size + len(copy.body) > self.most_bytes):
            return False
        self._copies.append(copy)
        self.size += len(copy.body)
        self._arrived.release()
        return True

    async def next(self) -> Copy:
        """The oldest, once there is one."""
        await self._arrived.acquire()
        copy = self._copies.popleft()
        self.size -= len(copy.body)
        return copy
