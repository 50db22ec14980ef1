"""Writing: the objects of one rollout on their way into the API server, each only if it differs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from modelrollout.adapters.cluster import Cluster, Object, Resource
from modelrollout.manifests.drift import differs
from modelrollout.manifests.platform import Platform
from modelrollout.resource.rollout import ModelRollout
from modelrollout.runtime.workloads import Refused
from modelrollout.runtime.world import Key, Snapshot, World

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applier:
    """What applying needs. ``refused`` is filled with the versions whose objects the API server refuses,
    ``refused_routes`` with its words about a rollout's VirtualService; ``wrote`` is told of each write; ``untaken`` are
    commands whose annotations it does not let go, ``untold`` Events that it could not take yet."""

    cluster: Cluster
    world: World
    platform: Platform
    clock: Callable[[], float]
    refused: dict[tuple[Key, str], Refused]
    refused_routes: dict[Key, str]
    wrote: Callable[[str], None]
    untaken: dict[Key, str] = field(default_factory=dict)
    untold: dict[Key, list[Object]] = field(default_factory=dict)


class Writing:
    """What one pass writes. ``complete`` is False once something of it should be tried again soon."""

    def __init__(self, rollout: ModelRollout, snapshot: Snapshot, applier: Applier) -> None:
        self.rollout = rollout
        self.snapshot = snapshot
        self.applier = applier
        self.key = (rollout.namespace, rollout.name)
        self.complete = True

    async def put(self, resource: Resource, desired: Object, manager: str) -> bool:
        """Apply an object if it is not as desired. One that we do not know is not taken over from others. Gives whether
        it was written."""
        live = self.snapshot.of(resource).get(desired["metadata"]["name"])
        if live is not None and not differs(desired, live):
            return False
        if live is not None and self.applier.world.is_settled(self.key, resource, desired, live):
            return False
        written = await self.applier.cluster.apply(resource, desired, manager, force=live is not None)
        self.learn(resource, written)
        self.applier.world.settle(self.key, resource, desired, written)
        self.applier.wrote(resource.plural)
        log.info("applied %s %s", desired["kind"], desired["metadata"]["name"])
        return True

    def learn(self, resource: Resource, written: Object) -> None:
        """What a write left is what is there."""
        self.snapshot.put(resource, self.applier.world.learn(self.key, resource, written))

    async def delete(self, resource: Resource, item: Object) -> None:
        """Delete this very object, and no other one of its name."""
        described = item["metadata"]
        await self.applier.cluster.delete(resource, self.rollout.namespace, described["name"], described["uid"])
        self.applier.wrote(resource.plural)
        log.info("removed %s %s", resource.plural, described["name"])
