"""What ``GET /v1/arms`` answers: the trials of all rollouts, or nothing while that cannot be known.

The statuses come from the passes. Before each rollout had its first one, some would be missing, and whoever counts by
this list would take their trials for ended. So the leader reads the statuses of all rollouts once when it begins, and
answers after that. A replica that stands by knows nothing, and says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, ApiError, Cluster, Object
from modelrollout.api.live import LiveTrials
from modelrollout.core.report.live import live_trials
from modelrollout.resource.rollout import ModelRollout, instance_of
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.world import Key

_AGAIN = 5.0  # seconds until the API server is asked again
_PAGE = 100  # rollouts; a page is parsed at one go, and nothing else happens meanwhile
MEMORY_OF_TRIALS = frozenset({"trial", "candidates"})  # in a status, today's and former ones

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Arms:
    """The list, once it is whole. ``namespaces`` are those that are watched; none: all. ``found`` is told of the trials
    then: were one deleted since, before the watches have begun, nothing else would take it off the list. ``instance``
    is this installation's name; ``tried`` is set when the first try has ended, well (and ``found`` was told) or not."""

    cluster: Cluster
    telemetry: Telemetry
    namespaces: tuple[str, ...]
    found: Callable[[Mapping[Key, ModelRollout]], Awaitable[None]]
    instance: str = ""
    tried: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _whole: bool = field(default=False, init=False)

    def now(self) -> LiveTrials | None:
        """The trials; None while this replica does not know all of them."""
        return live_trials(self.telemetry.statuses) if self._whole else None

    async def run(self) -> None:
        """Read all statuses once, however long that takes. Never ends, as no part of the operator does."""
        while not self._whole:
            try:
                trials = await self._read()
                self._whole = True
                await self.found(trials)
                self.tried.set()
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                words = str(error) or "no answer in time"
                log.warning("the trials of all rollouts could not be read, again in %g s: %s", _AGAIN, words)
                self.tried.set()
                await asyncio.sleep(_AGAIN)
        await asyncio.Event().wait()

    async def _read(self) -> Mapping[Key, ModelRollout]:
        """Those that no pass has told of yet."""
        found: dict[Key, ModelRollout] = {}
        for namespace in self.namespaces or (None,):
            async for items, _ in self.cluster.pages(MODEL_ROLLOUTS, namespace, size=_PAGE):
                for item in items:
                    if (rollout := self._taken(item)) is not None:
                        found[rollout.namespace, rollout.name] = rollout
                    await asyncio.sleep(0)  # thousands of them must not hold up what is under way
        return found

    def _taken(self, item: Object) -> ModelRollout | None:
        """One rollout, if it has a trial that no pass has told of yet."""
        key = item["metadata"]["namespace"], item["metadata"]["name"]
        if key in self.telemetry.statuses or not MEMORY_OF_TRIALS & (item.get("status") or {}).keys():
            return None
        if instance_of(item) != self.instance:
            return None
        rollout = ModelRollout.from_json(item)
        self.telemetry.saw(key, rollout.status)
        return rollout
