"""World: the objects of all rollouts as they are in the cluster, as the watches and our own writes tell it.

Nothing is read for a pass: what is watched is kept. Objects are kept packed, because of the thousands that are at rest
nobody asks, and unpacked for a pass. An older state never takes the place of a newer one, whichever comes first: the
watch's word or the answer to our own write.

Read is only what cannot be known otherwise: everything of a rollout before the watches have listed all there is, and
after a pass that failed, because then something is not as it was thought to be.

Nothing rests on this being fresh: every status write carries the resource version that the decision was made from.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
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
from modelrollout.manifests.ownership import is_own_child, is_own_pod
from modelrollout.resource.rollout import CLUSTER_DOMAIN, ModelRollout
from modelrollout.runtime.hosts import Hosts
from modelrollout.runtime.packed import Packed, pack

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Namespace and name of a rollout."""

Place = tuple[Resource, str]
"""Kind and name of an object of a rollout."""

SINGLE = (MODEL_ROLLOUTS, VIRTUAL_SERVICES)  # one object of the rollout's own name
MANY = (DEPLOYMENTS, SERVICES, HORIZONTAL_POD_AUTOSCALERS, PODS)  # all that carry its label


@dataclass(slots=True)
class Snapshot:
    """The objects of one rollout as a pass sees them: by resource and name, without their managed fields."""

    objects: dict[Resource, dict[str, Object]] = field(default_factory=dict)

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

    def without_strangers(self, rollout: ModelRollout) -> Snapshot:
        """Only what is the rollout's own: others may carry its labels."""
        own = {
            resource: {name: item for name, item in items.items() if _is_own(resource, item, rollout)}
            for resource, items in self.objects.items()
        }
        return Snapshot(own)

    def put(self, resource: Resource, item: Object) -> None:
        """An object as a write of this pass left it."""
        self.objects.setdefault(resource, {})[item["metadata"]["name"]] = item


@dataclass(slots=True)
class _Kept:
    """What is known of one rollout. ``unread`` are the kinds that have to be read; ``lost`` the versions at which
    objects went away, as long as an answer from before could still come in."""

    objects: dict[Place, Packed] = field(default_factory=dict)
    unread: set[Resource] = field(default_factory=set)
    lost: dict[Place, int] = field(default_factory=dict)
    changes: int = 0

    def is_newer(self, place: Place, version: str) -> bool:
        known = self.objects.get(place)
        return _number(version) > max(_number(known.version) if known else -1, self.lost.get(place, -1))


class World:
    """What is kept, by rollout. For one event loop; a rollout is never looked at by two passes at a time.

    ``listed``: the watches have shown everything once. What they did not show is not there.
    """

    def __init__(self, cluster: Cluster, domain: str = CLUSTER_DOMAIN) -> None:
        self._cluster = cluster
        self._kept: dict[Key, _Kept] = {}
        self._rewritten: dict[tuple[Key, Resource, str], tuple[str, str]] = {}
        self._hosts = Hosts(domain)
        self.listed = False

    def claimants(self, hosts: Iterable[str], namespace: str) -> dict[Resource, list[Object]]:
        """The VirtualServices and ModelRollouts that name one of these hosts, written as in that namespace."""
        found: dict[Resource, list[Object]] = {resource: [] for resource in SINGLE}
        for resource, where, name in self._hosts.of(hosts, namespace):
            found[resource].append(self._kept[where, name].objects[resource, name].unpack())
        return found

    def saw(self, key: Key, resource: Resource, item: Object) -> bool:
        """A watch shows an object. Whether that is news: what our own write left is none."""
        kept, place = self._kept_of(key), (resource, item["metadata"]["name"])
        if not kept.is_newer(place, item["metadata"]["resourceVersion"]):
            return False
        self._keep(key, kept, resource, _trimmed(item))
        kept.lost.pop(place, None)
        kept.changes += 1
        return True

    def lost(self, key: Key, resource: Resource, name: str, version: str) -> bool:
        """A watch shows that an object is gone. Whether it was known."""
        kept, place = self._kept_of(key), (resource, name)
        known = kept.objects.get(place)
        if known is None or _number(known.version) > _number(version):
            return False
        self._drop(key, kept, place)
        kept.lost[place] = _number(version)
        kept.changes += 1
        if not kept.objects and not kept.unread:
            del self._kept[key]
        return True

    def all_listed(self) -> None:
        """The watches have shown everything once."""
        self.listed = True
        for kept in self._kept.values():
            kept.unread.clear()

    def is_known(self, key: Key) -> bool:
        """Whether there is such a rollout, as far as the watches have told."""
        return key in self._kept and (MODEL_ROLLOUTS, key[1]) in self._kept[key].objects

    def changes(self, key: Key) -> int:
        """How often anything of a rollout has changed; the same number twice means that nothing has in between."""
        known = self._kept.get(key)
        return -1 if known is None else known.changes

    def rollouts(self) -> dict[Key, str]:
        """The resource version of each rollout that is known."""
        found = ((key, kept.objects.get((MODEL_ROLLOUTS, key[1]))) for key, kept in self._kept.items())
        return {key: packed.version for key, packed in found if packed is not None}

    async def look(self, key: Key) -> Snapshot:
        """The objects of a rollout, as far as is known."""
        kept = self._kept_of(key)
        unread, kept.unread = kept.unread, set()
        kept.lost.clear()
        try:
            await asyncio.gather(*(self._read(key, resource, kept) for resource in unread))
        except BaseException:
            kept.unread |= unread
            raise
        snapshot = Snapshot()
        for (resource, _), packed in kept.objects.items():
            snapshot.put(resource, packed.unpack())
        return snapshot

    def learn(self, key: Key, resource: Resource, written: Object) -> Object:
        """An object as a write of our own left it; gives it as a pass sees it. That of a rollout is only its status,
        which whoever wrote it knows: it counts as no change."""
        kept, item = self._kept_of(key), _trimmed(written)
        place = resource, item["metadata"]["name"]
        if kept.is_newer(place, item["metadata"]["resourceVersion"]):
            self._keep(key, kept, resource, item)
            kept.changes += resource is not MODEL_ROLLOUTS
        return item

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
        """The rollout is gone. Its objects are kept until they are gone, too; where nothing is watched, not at all."""
        if not self.listed:
            self._kept.pop(key, None)
        for place in [place for place in self._rewritten if place[0] == key]:
            del self._rewritten[place]

    def forget(self, key: Key) -> None:
        """Believe nothing that is known of a rollout; the next look reads everything."""
        kept = self._kept_of(key)
        kept.unread |= {*SINGLE, *MANY}
        kept.changes += 1

    def touch(self, key: Key) -> None:
        """Something that concerns a rollout has changed that is no object of its own."""
        if (known := self._kept.get(key)) is not None:
            known.changes += 1

    def _kept_of(self, key: Key) -> _Kept:
        known = self._kept.get(key)
        if known is None:
            known = self._kept[key] = _Kept(unread=set() if self.listed else {*SINGLE, *MANY})
        return known

    async def _read(self, key: Key, resource: Resource, kept: _Kept) -> None:
        """What is there now. A watch may have shown a newer state of an object while this was under way."""
        before = {place: packed.version for place, packed in kept.objects.items() if place[0] == resource}
        found = {(resource, item["metadata"]["name"]): item for item in await self._asked(key, resource)}
        for place, item in found.items():
            if kept.is_newer(place, item["metadata"]["resourceVersion"]):
                self._keep(key, kept, resource, _trimmed(item))
        for place, version in before.items():
            if place not in found and place in kept.objects and kept.objects[place].version == version:
                self._drop(key, kept, place)

    def _keep(self, key: Key, kept: _Kept, resource: Resource, item: Object) -> None:
        kept.objects[resource, item["metadata"]["name"]] = pack(item)
        if resource in SINGLE:
            self._hosts.put(resource, key[0], item)

    def _drop(self, key: Key, kept: _Kept, place: Place) -> None:
        del kept.objects[place]
        if place[0] in SINGLE:
            self._hosts.drop(place[0], key[0], place[1])

    async def _asked(self, key: Key, resource: Resource) -> Iterable[Object]:
        namespace, name = key
        if resource not in SINGLE:
            return await self._cluster.list(resource, namespace, {OWNER_LABEL: name})
        single = await self._cluster.get(resource, namespace, name)
        return [] if single is None else [single]


def _is_own(resource: Resource, item: Object, rollout: ModelRollout) -> bool:
    if resource in SINGLE:
        return True
    return is_own_pod(item, rollout) if resource is PODS else is_own_child(item, rollout)


def _number(version: str) -> int:
    """Resource versions are numbers that grow, for all kinds together.
    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions"""
    return int(version) if version.isdigit() else 0


def _mark(desired: Object) -> str:
    return str(desired["metadata"]["annotations"][DESIRED_ANNOTATION])


def _trimmed(item: Object) -> Object:
    """Without the managed fields, which are half of an object, but for the managers' names."""
    described = item["metadata"]
    fields = described.pop("managedFields", None)
    if fields:
        described["managedFields"] = [{"manager": entry.get("manager", "")} for entry in fields]
    return item
