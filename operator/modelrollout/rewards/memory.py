"""Which requests have been rewarded: no outcome counts twice, however often it is sent.

What is kept of an id is a digest of 7 bytes with a key of this process, so that nobody can look for two that are the
same; where 2,000,000 are kept, one new id in 36 thousand million is taken for one of them. They are in pages that are
closed when they are full or have been open for a while, and that go as a whole: by age when nothing in them can come
again in time, and the oldest before that when there are too many.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

_PAGES = 16  # about so many hold everything, so that this is what goes at once
_BYTES = 7  # an int of less than 60 bits is the smallest that Python has


@dataclass(slots=True)
class _Page:
    """Ids that came one after the other."""

    opened: float
    ids: set[int] = field(default_factory=set)


class Memory:
    """Ids of the last ``window`` seconds, at most ``capacity`` of them."""

    def __init__(self, window: float, capacity: int, clock: Callable[[], float]) -> None:
        self._span = window / _PAGES
        self._window = window
        self._capacity = capacity
        self._page_size = max(1, capacity // _PAGES)
        self._clock = clock
        self._key = os.urandom(16)
        self._pages: deque[_Page] = deque([_Page(clock())])
        self._count = 0
        self.forgotten = 0
        """Ids that went before their time, because there were too many: these may be counted twice."""

    def __len__(self) -> int:
        return self._count

    def add(self, *parts: object) -> bool:
        """Remember an id by its parts; False when it is known already."""
        text = "/".join(map(str, parts)).encode("utf-8", "surrogatepass")
        number = int.from_bytes(blake2b(text, digest_size=_BYTES, key=self._key).digest(), "big")
        for page in self._pages:
            if number in page.ids:
                return False
        self._open_page().ids.add(number)
        self._count += 1
        return True

    def _open_page(self) -> _Page:
        now, newest = self._clock(), self._pages[-1]
        if len(newest.ids) >= self._page_size or now - newest.opened >= self._span:
            self._pages.append(_Page(now))
            self._clear(now)
        return self._pages[-1]

    def _clear(self, now: float) -> None:
        """A page is closed when the next is opened, so nothing in it is younger than that one."""
        while len(self._pages) > 1 and now - self._pages[1].opened >= self._window:
            self._count -= len(self._pages.popleft().ids)
        while len(self._pages) > 1 and self._count > self._capacity - self._page_size:
            gone = len(self._pages.popleft().ids)
            self._count -= gone
            self.forgotten += gone
