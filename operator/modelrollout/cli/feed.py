"""A feed of what the cluster says about rollouts: list, then watch, and again from the list whenever a watch ends.

A watch can end at any time, can be told that its resource version is too old, and can go silent on a dead
connection. So every watch has an end of its own (``WATCH_SECONDS``) and what has been missed meanwhile is in the next
listing. The reading is in a thread, because the reader also has a clock to draw.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

import click

from modelrollout.cli.access import Access

BACK_OFF = (0.5, 1.0, 2.0, 5.0)  # seconds between attempts to reach a server that is away; the last one stays

CLOSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All the rollouts that are followed, as they are now, in order of namespace and name."""

    bodies: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """The server could not be asked; it is tried again."""

    message: str


News = Snapshot | Broken


def follow(access: Access, everywhere: bool = False, name: str | None = None) -> Iterator[News]:
    """Snapshots without end: one at the start and one after each change."""
    failures = 0
    while True:
        try:
            for snapshot in _one_watch(access, everywhere, name):
                failures = 0
                yield snapshot
        except click.ClickException as error:
            yield Broken(error.format_message())
            time.sleep(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
            failures += 1


def _one_watch(access: Access, everywhere: bool, name: str | None) -> Iterator[Snapshot]:
    """A listing and the watch that goes on from it, to the watch's end."""
    listing = access.find(everywhere, name)
    bodies = {_key(body): body for body in listing["items"]}
    yield _snapshot(bodies)
    for change in access.watch(listing["metadata"]["resourceVersion"], everywhere, name):
        body = change["object"]
        if change["type"] == "DELETED":
            bodies.pop(_key(body), None)
        else:
            bodies[_key(body)] = body
        yield _snapshot(bodies)


def _key(body: dict[str, Any]) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _snapshot(bodies: dict[tuple[str, str], dict[str, Any]]) -> Snapshot:
    return Snapshot(tuple(bodies[key] for key in sorted(bodies)))


class Feed:
    """``follow`` in a thread of its own. ``next`` gives what is new, or None when nothing came in time."""

    def __init__(self, access: Access, everywhere: bool = False, name: str | None = None) -> None:
        self._access = access
        self._news: SimpleQueue[News] = SimpleQueue()
        self._source = follow(access, everywhere, name)
        self._closed = threading.Event()
        # A daemon: should it sit in a read that cannot be ended, nobody has to wait for that.
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)

    def _read(self) -> None:
        for news in self._source:
            if self._closed.is_set():
                return
            self._news.put(news)

    def next(self, timeout: float) -> News | None:
        """The next news within ``timeout`` seconds, or None."""
        try:
            return self._news.get(timeout=max(timeout, 0.0))
        except Empty:
            return None

    def latest(self, timeout: float) -> News | None:
        """The newest of all the news that have come, waiting up to ``timeout`` seconds for a first one."""
        news = self.next(timeout)
        while not self._news.empty():
            news = self._news.get()
        return news

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed.set()
        end = time.monotonic() + CLOSE_SECONDS
        while self._thread.is_alive() and time.monotonic() < end:
            self._access.stop_watching()  # again and again: the next watch may be just about to open
            self._thread.join(CLOSE_SECONDS / 20)
