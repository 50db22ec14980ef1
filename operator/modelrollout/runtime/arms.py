"""What ``GET /v1/arms`` answers: the trials of all rollouts, or nothing while that cannot be known.

The statuses come from the passes. Before each rollout had its first one, some would be missing, and whoever counts by
this list would take their trials for ended. So the leader reads the statuses of all rollouts once when it begins, and
answers after that. A replica that stands by knows nothing, and says so.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

import aiohttp

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, ApiError, Cluster, Object
from modelrollout.api.live import LiveTrials
from modelrollout.core.report.live import live_trials
from modelrollout.resource.rollout import ModelRollout, instance_of
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.world import Key

_AGAIN = 5.0  # seconds until the API server is asked again
_PAGE = 100  # rollouts; a page is parsed at one go, and nothing else happens meanwhile
MEMORY_OF_TRIALS = frozenset({"trial", "candidates"})  # in a status, today's and former ones

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Arms:
    """The list, once it is whole. ``namespaces`` are those that are watched; none: all. ``instance`` is this
    installation's name."""

    cluster: Cluster
    telemetry: Telemetry
    queue: WorkQueue[Key]
    namespaces: tuple[str, ...]
    instance: str = ""
    _whole: bool = field(default=False, init=False)

    def now(self) -> LiveTrials | None:
        """The trials; None while this replica does not know all of them."""
        return live_trials(self.telemetry.statuses) if self._whole else None

    async def run(self) -> None:
        """Read all statuses once, however long that takes. Never ends, as no part of the operator does."""
        while not self._whole:
            try:
                await self._read()
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                words = str(error) or "no answer in time"
                log.warning("the trials of all rollouts could not be read, again in %g s: %s", _AGAIN, words)
                await asyncio.sleep(_AGAIN)
        await asyncio.Event().wait()

    async def _read(self) -> None:
        for namespace in self.namespaces or (None,):
            async for items, _ in self.cluster.pages(MODEL_ROLLOUTS, namespace, size=_PAGE):
                for item in items:
                    self._take(item)
                    await asyncio.sleep(0)  # thousands of them must not hold up what is under way
        self._whole = True

    def _take(self, item: Object) -> None:
        """One rollout, if it has a trial that no pass has told of yet."""
        key = item["metadata"]["namespace"], item["metadata"]["name"]
        if key in self.telemetry.statuses or not MEMORY_OF_TRIALS & (item.get("status") or {}).keys():
            return
        if instance_of(item) != self.instance:
            return
        self.telemetry.saw(key, ModelRollout.from_json(item).status)
        # Were it deleted since, before the watches have begun, nothing else would take it off the list.
        self.queue.add(key)
