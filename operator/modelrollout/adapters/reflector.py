"""Reflector: one kind of object as it is in the cluster, kept up to date by a watch.

As client-go's of that name: list everything, then watch from there; a watch that ends goes on where it was, and where
the API server does not know that place any more (410) everything is listed again. What is missing from the new list
has gone meanwhile, which no watch would ever tell.
https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes

kopf watches our own type. For everything else its machinery for each object (a task, a queue, a copy, a difference) is
of no use here and too much: 5,000 rollouts have 20,000 other objects. Nor does it tell what has gone while no watch
was there. The client of kubernetes has an informer, which takes a thread for each kind and lists without pages.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import get_running_loop, sleep
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from modelrollout.adapters.cluster import ApiError, Cluster, Object, Resource, error_of
from modelrollout.adapters.json_bytes import read_json
from modelrollout.adapters.patience import TOO_MANY, pause

PAGE = 250  # objects; a page is parsed at one go, and nothing else happens meanwhile
WATCH_SECONDS = 300  # after which the API server ends a watch
SILENCE = 150.0  # seconds; bookmarks come once a minute, so a watch that says nothing for longer is dead
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds, after a failure; doubles with each
AT_ONCE = 1.0  # seconds; a watch that ends sooner and told nothing is as good as none
_GONE = 410

Place = tuple[str, str]
"""Namespace and name of an object."""

log = logging.getLogger(__name__)


class Outdated(Exception):
    """The API server does not know any more what came after the last event."""

    def __init__(self) -> None:
        super().__init__("what came after the last event is not known there any more; listing again")


class EndedAtOnce(Exception):
    """The API server, or what stands before it, ends a watch as soon as it has begun."""

    def __init__(self) -> None:
        super().__init__("the watch ended at once")


@dataclass
class Reflector:
    """``seen`` is told of every object that there is, once for each of its versions; ``gone`` of its place when it is
    there no more, and of the version at which that was so. ``namespace`` None: of all namespaces."""

    cluster: Cluster
    session: aiohttp.ClientSession
    resource: Resource
    namespace: str | None
    labels: str
    seen: Callable[[Resource, Object], None]
    gone: Callable[[Resource, Place, str], None]
    listed: asyncio.Event = field(default_factory=asyncio.Event)
    _versions: dict[Place, str] = field(default_factory=dict, init=False)
    _since: str = field(default="", init=False)  # the version up to which everything was told

    async def run(self) -> None:
        """For ever. Whatever goes wrong is tried again, after growing waits."""
        failures, refused = 0, False
        while True:
            try:
                if refused:
                    await self.cluster.reach()  # all who watch are there again at one moment
                if not self._since:
                    await self._list()
                    self.listed.set()
                begun, told = get_running_loop().time(), 0
                async for event in self._events():
                    self._hear(event)
                    failures, refused, told = 0, False, told + 1
                if not told and get_running_loop().time() - begun < AT_ONCE:
                    raise EndedAtOnce
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError, Outdated, EndedAtOnce) as error:
                if isinstance(error, Outdated):
                    self._since = ""
                wait = _wait(error, failures)
                failures, refused = failures + 1, _is_refused(error)
                words = str(error) or "no answer in time"
                log.warning("%s cannot be watched, again in %.1f s: %s", self.resource.plural, wait, words)
                await sleep(wait)

    async def _list(self) -> None:
        """Everything that there is."""
        found, since = set(), ""
        async for items, version in self.cluster.pages(self.resource, self.namespace, self.labels, PAGE):
            found |= {self._see(item) for item in items}
            since = version
        for place in [place for place in self._versions if place not in found]:
            self._lose(place, since)
        self._since = since

    def _hear(self, event: Object) -> None:
        """One event of the watch. Raises Outdated or ApiError for one that ends it."""
        item = event["object"]
        if event["type"] == "ERROR":
            raise _ended(item)
        self._since = item["metadata"]["resourceVersion"]
        if event["type"] == "DELETED":
            self._lose(_place(item), self._since)
        elif event["type"] != "BOOKMARK":
            self._see(item)

    async def _events(self) -> AsyncIterator[Object]:
        """What happens after that, until the API server ends the watch."""
        query = {"watch": "1", "allowWatchBookmarks": "1", "resourceVersion": self._since}
        query |= {"timeoutSeconds": str(WATCH_SECONDS)} | ({"labelSelector": self.labels} if self.labels else {})
        limits = aiohttp.ClientTimeout(sock_connect=10, sock_read=SILENCE)
        url = self.cluster.url(self.resource, self.namespace)
        async with self.session.get(url, params=query, timeout=limits) as response:
            if response.status == _GONE:
                raise Outdated
            if response.status >= 400:
                raise error_of(response.status, await response.read(), response.headers.get("Retry-After"))
            async for line in _lines(response.content):
                yield read_json(line)

    def _see(self, item: Object) -> Place:
        place, version = _place(item), item["metadata"]["resourceVersion"]
        if self._versions.get(place) != version:
            self._versions[place] = version
            self.seen(self.resource, item)
        return place

    def _lose(self, place: Place, version: str) -> None:
        if self._versions.pop(place, None) is not None:
            self.gone(self.resource, place, version)


def _is_refused(error: Exception) -> bool:
    """Whether there is nobody to connect to. What fell silent may be this one connection alone."""
    return isinstance(error, aiohttp.ClientConnectionError) and not isinstance(error, TimeoutError)


def _wait(error: Exception, failures: int) -> float:
    """Seconds until the next try: longer with each, and not shorter than the API server says."""
    growing: float = min(LONGEST_WAIT, FIRST_WAIT * 2**failures)
    if isinstance(error, ApiError) and error.status == TOO_MANY:
        return max(growing, pause(error.retry_after, 1))
    return growing


def _ended(status: Mapping[str, Any]) -> Exception:
    """Why the API server ends a watch, in its own words."""
    code = int(status.get("code", 500))
    return Outdated() if code == _GONE else ApiError(code, str(status.get("message", "no message")))


def _place(item: Mapping[str, Mapping[str, str]]) -> Place:
    return item["metadata"]["namespace"], item["metadata"]["name"]


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length; the reader's own end at its buffer's size."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
