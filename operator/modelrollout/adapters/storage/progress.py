"""Progress and limits of one fetch: a line every few seconds, an end when it is too much or too long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from modelrollout.adapters.storage.failure import FetchError

_LINE_EVERY = 5.0


@dataclass
class Progress:
    """Counts bytes. ``total`` is how many are expected, 0 when nobody knows; times in seconds."""

    what: str
    max_bytes: int
    time_limit: float
    total: int = 0
    done: int = 0
    say: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)
    _said: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self._said = self.clock()

    def expect(self, total: int) -> None:
        """So many bytes are to come. Raises FetchError when that is too many."""
        self.total = total
        if total > self.max_bytes:
            raise FetchError(
                f"{self.what} has {_megabytes(total)}, more than the {_megabytes(self.max_bytes)} that this "
                "installation allows (MODELROLLOUT_FETCH_MAX_BYTES)"
            )

    def add(self, count: int) -> None:
        """So many more bytes came. Raises FetchError at the limits."""
        self.done += count
        if self.done > self.max_bytes:
            self.expect(self.done)
        self.look_at_the_clock()
        if (now := self.clock()) - self._said >= _LINE_EVERY:
            self._said = now
            self.say(self.line())

    def look_at_the_clock(self) -> None:
        """Raises FetchError when it takes too long."""
        if self.clock() - self.started > self.time_limit:
            raise FetchError(
                f"{self.what} took longer than {self.time_limit:g} s, with {_megabytes(self.done)} fetched "
                "(MODELROLLOUT_FETCH_TIMEOUT)"
            )

    def line(self) -> str:
        """Where it stands."""
        seconds = max(self.clock() - self.started, 0.001)
        share = f" of {_megabytes(self.total)}, {100 * self.done // self.total} %" if self.total else ""
        return f"fetched {_megabytes(self.done)}{share}, {_megabytes(int(self.done / seconds))}/s"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
