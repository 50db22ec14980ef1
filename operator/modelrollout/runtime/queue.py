"""WorkQueue: which rollout is looked at next.

A key is in it at most once, however many events named it, and is never worked on twice at a time: one that is added
while a worker has it is looked at again afterwards. A key can be due later; the earliest wish wins. A pass that fails
is tried again with growing waits, spread so that a thousand keys that failed together do not come back together.

Spread comes from the key itself, not from a random number: the same run can be had again.
"""

from __future__ import annotations

import asyncio
import heapq
import zlib
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")

FIRST_WAIT = 0.5  # seconds, after one failure; doubles with each
LONGEST_WAIT = 60.0
SPREAD = 0.1  # of a wait, either way
_TURNS = 10  # of which one belongs to keys that are not urgent


class WorkQueue(Generic[Key]):
    """Keys that are due now or later, for any number of workers in one event loop.

    ``urgent`` tells which keys go first among those that are due, however long the others have been: they may have as
    many as ``ordinary`` workers at one time, so that one is always free for an urgent key. Each tenth turn is theirs
    all the same: a key that is never looked at would never become urgent.
    """

    def __init__(
        self,
        clock: Callable[[], float] | None = None,
        urgent: Callable[[Key], bool] = lambda key: False,
        ordinary: int | None = None,
    ) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self._urgent = urgent
        self._ordinary = ordinary
        self._due: dict[Key, float] = {}  # when each waiting key is due
        self._order: list[tuple[float, int, Key]] = []  # a heap of the same, with entries that no longer hold
        self._first_order: list[tuple[float, int, Key]] = []  # and one of the urgent keys
        self._promised: dict[Key, float] = {}  # when each of these is due
        self._running: dict[Key, bool] = {}  # whether they were taken as urgent ones
        self._failures: dict[Key, int] = {}
        self._count = 0
        self._turn = 0
        self._changed = asyncio.Event()
        self._settled_at = self._clock()  # when the last look ended, for the liveness probe

    def __len__(self) -> int:
        return len(self._due)

    @property
    def running(self) -> int:
        """Keys that workers have now."""
        return len(self._running)

    def overdue(self) -> float:
        """Seconds since the first key that nobody has taken was due; 0 without one."""
        # A copy is made at one go, as no list of its items is: the page that shows this is made in another thread.
        ready = [due for key, due in self._due.copy().items() if key not in self._running]
        return max(0.0, self._clock() - min(ready)) if ready else 0.0

    def stalled(self) -> float:
        """Seconds for which no look has ended although some were due all the time; 0 when none is due."""
        return min(self.overdue(), self._clock() - self._settled_at)

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Look at the key after ``delay`` seconds at the latest."""
        due, known, urgent = self._clock() + delay, self._due.get(key), self._urgent(key)
        if known is not None and known <= due:
            if not urgent or self._promised.get(key) == known:
                return
            due = known  # when it was added it was not urgent yet
        self._due[key] = due
        self._count += 1
        if urgent:
            self._promised[key] = due
        heapq.heappush(self._first_order if urgent else self._order, (due, self._count, key))
        self._changed.set()

    def forget(self, key: Key) -> None:
        """The key is gone: no look that was planned for later, no failures."""
        self._failures.pop(key, None)
        if key in self._due and self._due[key] > self._clock():
            del self._due[key]
            self._promised.pop(key, None)

    async def take(self) -> Key:
        """The next key, when it is due. Whoever takes it must call ``done`` or ``failed``."""
        while True:
            key, wait = self._first()
            if key is not None and wait <= 0:
                del self._due[key]
                self._running[key] = self._promised.pop(key, None) is not None
                return key
            self._changed.clear()
            try:
                async with asyncio.timeout(None if key is None else wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def done(self, key: Key, again_after: float) -> None:
        """The pass ended well; look again after so many seconds, give or take a tenth for the long waits."""
        self._settle(key)
        self._failures.pop(key, None)
        self.add(key, self._spread(key, again_after) if again_after > 5 else again_after)
        self._changed.set()

    def failed(self, key: Key) -> float:
        """The pass failed; gives the seconds until the next try."""
        self._settle(key)
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        wait = self._spread(key, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1)))
        self.add(key, wait)
        self._changed.set()
        return wait

    def gone(self, key: Key) -> None:
        """The pass found that there is nothing to look at any more."""
        self._settle(key)
        self.forget(key)
        self._changed.set()

    def _settle(self, key: Key) -> None:
        self._running.pop(key, None)
        self._settled_at = self._clock()

    def _first(self) -> tuple[Key | None, float]:
        """The first key that may be taken, and in how many seconds it is due."""
        urgent, ordinary = self._top(self._first_order), self._top(self._order)
        if self._ordinary is not None and list(self._running.values()).count(False) >= self._ordinary:
            ordinary = None
        self._turn += 1
        ours_first = self._turn % _TURNS == 0
        found = [item for item in ((ordinary, urgent) if ours_first else (urgent, ordinary)) if item is not None]
        if not found:
            return None, 0.0
        now = self._clock()
        due, key = next((item for item in found if item[0] <= now), min(found, key=lambda item: item[0]))
        return key, due - now

    def _top(self, order: list[tuple[float, int, Key]]) -> tuple[float, Key] | None:
        """The first key of a heap that no worker has, and when it is due."""
        held: list[tuple[float, int, Key]] = []
        try:
            while order:
                due, _, key = order[0]
                if self._due.get(key) != due:
                    heapq.heappop(order)  # taken, forgotten, or due earlier by now
                elif key in self._running:
                    held.append(heapq.heappop(order))
                else:
                    return due, key
            return None
        finally:
            for entry in held:
                heapq.heappush(order, entry)

    def _spread(self, key: Key, wait: float) -> float:
        share = zlib.crc32(f"{key}#{self._failures.get(key, 0)}".encode()) / 0xFFFFFFFF
        return wait * (1 + SPREAD * (2 * share - 1))


async def work(queue: WorkQueue[Key], one_pass: Callable[[Key], Awaitable[None]]) -> None:
    """One worker: takes keys for ever. ``one_pass`` settles each key with the queue and never raises.

    Between two passes all else has its turn: a pass that finds everything in memory waits for nothing, and hundreds of
    these in one step of the event loop would keep the Lease, the watches and the pages waiting for a second.
    """
    while True:
        await one_pass(await queue.take())
        await asyncio.sleep(0)
