"""World: the objects of a rollout as they are in the cluster, read as seldom as is safe.

While a release is under way its rollout is looked at twice a second, and reading five lists each time would cost the
API server more than the release is worth. So what was read is kept as long as a rollout is busy, and read again when
a watch event says that it changed, when our own pass was refused as outdated, and after some seconds in any case: a
watch may go silent. What our own writes gave back is taken in at once, so that their events are no news.

Nothing rests on this being fresh: every status write carries the resource version that the decision was made from.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    MODEL_ROLLOUTS,
    PODS,
    SERVICES,
    VIRTUAL_SERVICES,
    Cluster,
    Object,
    Resource,
)
from modelrollout.manifests.drift import differs, fingerprint
from modelrollout.manifests.meta import DESIRED_ANNOTATION, OWNER_LABEL

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Namespace and name of a rollout."""

LONGEST_KEPT = 10.0  # seconds
_SINGLE = (MODEL_ROLLOUTS, VIRTUAL_SERVICES)  # one object of the rollout's own name
_MANY = (DEPLOYMENTS, SERVICES, PODS)  # all that carry its label


@dataclass(slots=True)
class Snapshot:
    """What was read of one rollout: objects by resource and name, without their managed fields."""

    read_at: float
    objects: dict[Resource, dict[str, Object]] = field(default_factory=dict)
    outdated: set[Resource] = field(default_factory=set)

    @property
    def rollout(self) -> Object | None:
        """The ModelRollout, None when it is gone."""
        return next(iter(self.objects.get(MODEL_ROLLOUTS, {}).values()), None)

    @property
    def virtual_service(self) -> Object | None:
        """The VirtualService of the rollout's name, whoever owns it."""
        return next(iter(self.objects.get(VIRTUAL_SERVICES, {}).values()), None)

    def of(self, resource: Resource) -> dict[str, Object]:
        """All objects of one kind, by name."""
        return self.objects.get(resource, {})

    def version_of(self, resource: Resource, name: str) -> str | None:
        """The resource version in which an object is known."""
        known = self.of(resource).get(name)
        return known["metadata"]["resourceVersion"] if known else None


class World:
    """Snapshots by rollout. For one event loop; a rollout is never looked at by two passes at a time."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._snapshots: dict[Key, Snapshot] = {}
        self._rewritten: dict[tuple[Key, Resource, str], tuple[str, str]] = {}

    async def look(self, key: Key) -> Snapshot:
        """The objects of a rollout, fresh as far as is known."""
        snapshot = self._snapshots.get(key)
        if snapshot is None or self._clock() > snapshot.read_at + LONGEST_KEPT:
            snapshot = self._snapshots[key] = Snapshot(self._clock(), outdated={*_SINGLE, *_MANY})
        outdated, snapshot.outdated = snapshot.outdated, set()
        try:
            await asyncio.gather(*(self._read(key, resource, snapshot) for resource in outdated))
        except BaseException:
            self.forget(key)
            raise
        return snapshot

    def is_news(self, key: Key, resource: Resource, name: str, resource_version: str | None) -> bool:
        """Whether an event tells what is not known yet (no resource version: the object is gone). Remembers to read."""
        snapshot = self._snapshots.get(key)
        if snapshot is None:
            return True
        if snapshot.version_of(resource, name) == resource_version:
            return False
        snapshot.outdated.add(resource)
        return True

    def learn(self, key: Key, resource: Resource, written: Object) -> None:
        """An object as a write of our own left it."""
        if (snapshot := self._snapshots.get(key)) is not None:
            snapshot.objects.setdefault(resource, {})[written["metadata"]["name"]] = _trimmed(written)

    def settle(self, key: Key, resource: Resource, desired: Object, written: Object) -> None:
        """Remember what the API server made of an object, if it is not what was applied (a mutating webhook)."""
        place = key, resource, desired["metadata"]["name"]
        if differs(desired, written):
            self._rewritten[place] = _mark(desired), fingerprint(written)
            log.warning("%s %s was changed by a policy of the cluster as it was applied", desired["kind"], place[2])
        else:
            self._rewritten.pop(place, None)

    def is_settled(self, key: Key, resource: Resource, desired: Object, live: Object) -> bool:
        """Whether the live object is what such a policy made of this very one: applying it again changes nothing."""
        made = self._rewritten.get((key, resource, desired["metadata"]["name"]))
        return made is not None and made == (_mark(desired), fingerprint(live))

    def gone(self, key: Key) -> None:
        """The rollout is gone: nothing of it is remembered."""
        self.forget(key)
        for place in [place for place in self._rewritten if place[0] == key]:
            del self._rewritten[place]

    def forget(self, key: Key) -> None:
        """Keep nothing of a rollout; the next look reads everything."""
        self._snapshots.pop(key, None)

    async def _read(self, key: Key, resource: Resource, snapshot: Snapshot) -> None:
        namespace, name = key
        found: Iterable[Object]
        if resource in _SINGLE:
            single = await self._cluster.get(resource, namespace, name)
            found = [] if single is None else [single]
        else:
            found = await self._cluster.list(resource, namespace, {OWNER_LABEL: name})
        snapshot.objects[resource] = {item["metadata"]["name"]: _trimmed(item) for item in found}


def _mark(desired: Object) -> str:
    return str(desired["metadata"]["annotations"][DESIRED_ANNOTATION])


def _trimmed(item: Object) -> Object:
    """Without the managed fields, which are half of an object, but for the managers' names."""
    described = item["metadata"]
    fields = described.pop("managedFields", None)
    if fields:
        described["managedFields"] = [{"manager": entry.get("manager", "")} for entry in fields]
    return item
