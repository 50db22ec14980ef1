"""What keeps a pod from starting, where only its Events say it: a volume that cannot be mounted, a network that cannot
be set up, a ConfigMap that is missing, a large image on its way.

Read only of pods that are not ready and do not say why themselves, a few of them, one page, and no more often than
every few seconds. At rest nothing is read.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from modelrollout.adapters.cluster import EVENTS, ApiError, Cluster
from modelrollout.api.printable import shortened
from modelrollout.core.accept.references import NO_SECRET, UNPULLED
from modelrollout.core.observation import Workload
from modelrollout.runtime.pods import STARTING, of_every_try
from modelrollout.runtime.workloads import unready_pod

Object = Mapping[str, Any]

AGAIN = 5.0  # seconds until the Events of a pod are read again
MOST = 50  # Events of one pod; Kubernetes counts up those of the same words
LIMIT = 1.0  # seconds that a pass waits for them
_LONGEST = 600  # characters that go into a status
_OF_ONE_TRY = re.compile(r"\b[0-9a-f]{20,}\b")  # another one each time, and the status must not change for it
_LISTED = re.compile(r"\(([^)]*)\)")
_UNPULLED = UNPULLED.partition("{")[0]
NO_PULL_SECRET = "FailedToRetrieveImagePullSecret"
"""What a kubelet says before it tries to pull an image without them."""
_VAGUE = "timed out waiting for the condition"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    read_at: float
    events: list[Object] = field(default_factory=list)


@dataclass(slots=True)
class Troubles:
    """Asks for Events. ``clock`` gives seconds, only differences count."""

    cluster: Cluster
    clock: Callable[[], float]
    _known: dict[str, _Known] = field(default_factory=dict)  # by the pod's uid

    async def told(self, known: Iterable[Workload], pods: Sequence[Object]) -> dict[str, Workload]:
        """Those of which Events say what their pods do not, with the words."""
        silent = {item.version: item for item in known if _says_too_little(item)}
        asked = {version: pod for version in silent if (pod := unready_pod(pods, version)) is not None}
        events = await asyncio.gather(*map(self._events, asked.values()))
        self._forget_old()
        more = {version: _more(silent[version], found) for version, found in zip(asked, events, strict=True)}
        return {version: replace(silent[version], waiting=words) for version, words in more.items() if words}

    async def _events(self, pod: Object) -> list[Object]:
        """As they were known last, while they need not or cannot be read."""
        described, now = pod["metadata"], self.clock()
        uid = str(described.get("uid", ""))
        known = self._known.get(uid)
        if known is not None and now < known.read_at + AGAIN:
            return known.events
        known = self._known[uid] = _Known(now, known.events if known is not None else [])
        try:
            async with asyncio.timeout(LIMIT):
                known.events = await self._read(described["namespace"], uid)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            log.info("the Events of pod %s cannot be read: %s", described["name"], str(error) or "no answer in time")
        return known.events

    async def _read(self, namespace: str, uid: str) -> list[Object]:
        return list(await self.cluster.page(EVENTS, namespace, {"involvedObject.uid": uid}, MOST))

    def _forget_old(self) -> None:
        """Nobody has asked for them for a while: the pods are ready, or gone."""
        now = self.clock()
        for uid in [uid for uid, known in self._known.items() if now > known.read_at + 10 * AGAIN]:
            del self._known[uid]


def _says_too_little(known: Workload) -> bool:
    """Of an image that cannot be pulled its pod does not say that the Secret was not there to pull it with."""
    return known.waiting is not None and (known.waiting == STARTING or known.waiting.startswith(_UNPULLED))


def _more(known: Workload, events: Sequence[Object]) -> str | None:
    """What it waits for with the words of Events; None when they say nothing."""
    said, words = None, str(known.waiting)
    if known.waiting == STARTING:
        if (said := telling(events)) is None:
            return None
        words = f"{STARTING}: {said}"
    secrets = missing_secrets(events) if said is None or said.startswith(NO_PULL_SECRET) else []
    told = "; ".join([words, *map(NO_SECRET.format, secrets)])
    return told if told != known.waiting else None


def missing_secrets(events: Iterable[Object]) -> list[str]:
    """The Secrets that images could not be pulled with, for they are not there."""
    told = [str(item.get("message")) for item in events if item.get("reason") == NO_PULL_SECRET]
    found = [name.strip() for words in told for listed in _LISTED.findall(words) for name in listed.split(",")]
    return sorted({name for name in found if name})


def telling(events: Iterable[Object]) -> str | None:
    """The Event that says why a pod has not started; None when all went well so far.

    What came before the last thing that went well is over. Kubernetes follows up the cause with one that only says that
    it took too long.
    """
    newest_first = sorted(events, key=_moment, reverse=True)
    if newest_first and newest_first[0].get("reason") == "Pulling":
        return str(newest_first[0].get("message"))
    fresh: list[str] = []
    for event in newest_first:
        if event.get("type") != "Warning":
            break
        fresh.append(_in_words(event))
    return next((words for words in fresh if _VAGUE not in words), fresh[0] if fresh else None)


def _moment(event: Object) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or "")


def _in_words(event: Object) -> str:
    message = " ".join(_OF_ONE_TRY.sub("...", of_every_try(str(event.get("message") or ""))).split())
    return shortened(f"{event.get('reason')}: {message}", _LONGEST)
