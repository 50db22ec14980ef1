"""Watches: everything that tells the World what there is, and the queue whom to look at.

Our own type comes by kopf, and everything else by reflectors. kopf lists again after a watch was lost for long, and
does not tell what has gone meanwhile; so the versions of all rollouts are compared now and then with what is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import kopf

from modelrollout.adapters.access import Access
from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    ENVOY_FILTERS,
    GATEWAYS,
    HORIZONTAL_POD_AUTOSCALERS,
    MODEL_ROLLOUTS,
    PODS,
    SERVICES,
    VIRTUAL_SERVICES,
    ApiError,
    Cluster,
    Object,
    Resource,
)
from modelrollout.adapters.reflector import Place, Reflector
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.runtime import handlers
from modelrollout.runtime.entrances import Entrances
from modelrollout.runtime.mesh_filters import MeshFilters
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.world import Key, World

OURS = (DEPLOYMENTS, SERVICES, HORIZONTAL_POD_AUTOSCALERS, PODS)  # those that carry the label of a rollout
COMPARED_EVERY = 300.0  # seconds
FILTERS_SECONDS = 10.0  # that all others wait for the list of the mesh's filters
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds, until kopf is started again

log = logging.getLogger(__name__)


@dataclass
class Watches:
    """The watches of one process. ``namespaces`` are those that are watched; none: all. ``identity`` is only logged."""

    access: Access
    cluster: Cluster
    session: aiohttp.ClientSession  # without a limit in time
    world: World
    queue: WorkQueue[Key]
    namespaces: tuple[str, ...]
    identity: str
    started: Callable[[], None]  # told whenever kopf has started, which takes the signals
    entrances: Entrances
    filters: MeshFilters = field(default_factory=MeshFilters)
    _owners: dict[tuple[Resource, Place], str] = field(default_factory=dict, init=False)

    def reflectors(self) -> list[Reflector]:
        """One for each kind and namespace. VirtualServices are all watched: those of others may have our name, or our
        hosts."""
        return [
            Reflector(self.cluster, self.session, resource, namespace, labels, self._seen, self._gone)
            for resource, labels in (*((item, OWNER_LABEL) for item in OURS), (VIRTUAL_SERVICES, ""))
            for namespace in self.namespaces or (None,)
        ]

    def of_filters(self) -> list[Reflector]:
        """That of the mesh's filters, where the installation has some. Who must stay by them may wait; nobody else."""
        self.filters.changed = self.wake_all
        where = self.filters.namespace
        if where is None:
            return []
        filters = self.filters
        return [Reflector(self.cluster, self.session, ENVOY_FILTERS, where, "", filters.seen, filters.gone)]

    def of_gateways(self) -> list[Reflector]:
        """Those of the mesh's gateways. Nobody waits for them: where they may not be seen, nothing is said of them."""
        known = self.entrances
        known.changed = self.look_again
        known.reflectors = {
            namespace: Reflector(self.cluster, self.session, GATEWAYS, namespace, "", known.seen, known.gone)
            for namespace in self.namespaces or (None,)
        }
        return list(known.reflectors.values())

    def look_again(self, key: Key) -> None:
        """Something that a rollout rests on, and that is none of its objects, is otherwise now."""
        self.world.touch(key)
        self.queue.add(key)

    def wake_all(self) -> None:
        """Every rollout is looked at: what a filter was for stands in their specs."""
        for key in self.world.rollouts():
            self.look_again(key)

    async def run(self) -> None:
        """For ever."""
        reflectors = self.reflectors()
        parts = [asyncio.create_task(item.run()) for item in reflectors]
        filters = self.of_filters()
        parts += [asyncio.create_task(self._watched(item, self.filters.all_listed)) for item in filters]
        try:
            await _first(asyncio.gather(*(item.listed.wait() for item in reflectors)), parts)
            await self._wait_for_filters(filters)
            self.world.all_listed()
            parts += [asyncio.create_task(self._rollouts()), asyncio.create_task(self._compare())]
            gateways = self.of_gateways()
            parts += [asyncio.create_task(self._watched(item, self.entrances.listed)) for item in gateways]
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    def heard(self, item: Object, gone: bool) -> None:
        """kopf's word of a rollout."""
        described = item["metadata"]
        key, version = (described["namespace"], described["name"]), described["resourceVersion"]
        if gone:
            news = self.world.lost(key, MODEL_ROLLOUTS, key[1], version)
        else:
            news = self.world.saw(key, MODEL_ROLLOUTS, item)
        if news:
            self.queue.add(key)

    def _seen(self, resource: Resource, item: Object) -> None:
        described = item["metadata"]
        place = described["namespace"], described["name"]
        owner = described["labels"][OWNER_LABEL] if resource in OURS else described["name"]
        if resource in OURS:
            self._owners[resource, place] = owner
        key = described["namespace"], owner
        if self.world.saw(key, resource, item):
            self._wake(key)

    def _gone(self, resource: Resource, place: Place, version: str) -> None:
        namespace, name = place
        key = namespace, self._owners.pop((resource, place), name)
        if self.world.lost(key, resource, name, version):
            self._wake(key)

    def _wake(self, key: Key) -> None:
        if self.world.is_known(key):
            self.queue.add(key)

    async def _wait_for_filters(self, reflectors: list[Reflector]) -> None:
        """So that the first look at a rollout does not take a filter for gone that was only not listed yet; but not for
        ever, since all other rollouts need none."""
        try:
            async with asyncio.timeout(FILTERS_SECONDS):
                await asyncio.gather(*(item.listed.wait() for item in reflectors))
        except TimeoutError:
            log.warning("the mesh's filters cannot be listed; rollouts whose users stay by one are held until they can")
            return
        self.filters.all_listed()

    async def _watched(self, reflector: Reflector, tell: Callable[[], None]) -> None:
        """For ever; and told once all are known."""
        watching = asyncio.create_task(reflector.run())
        try:
            await _first(asyncio.ensure_future(reflector.listed.wait()), [watching])
            tell()
            await watching
        finally:
            watching.cancel()

    async def _rollouts(self) -> None:
        """kopf, started again should it end: it takes an error in the middle of a watch for the end of the world."""
        wait = _FIRST_WAIT
        while True:
            begun = asyncio.get_running_loop().time()
            try:
                await self._kopf()
            except Exception as error:
                log.warning("ModelRollouts cannot be watched, again in %.0f s: %s", wait, error)
            await asyncio.sleep(wait)
            lasted = asyncio.get_running_loop().time() - begun
            wait = _FIRST_WAIT if lasted > COMPARED_EVERY else min(_LONGEST_WAIT, 2 * wait)

    async def _kopf(self) -> None:
        started = asyncio.Event()
        telling = asyncio.create_task(self._tell(started))
        # kopf would look up the user's name otherwise, and the image's user has none. It keeps the type to itself.
        identity: Any = self.identity
        try:
            await kopf.operator(
                registry=handlers.register(self.access, self.heard),
                settings=handlers.watch_settings(),
                standalone=True,
                clusterwide=not self.namespaces,
                namespaces=self.namespaces,
                ready_flag=started,
                identity=identity,
            )
        finally:
            telling.cancel()

    async def _tell(self, started: asyncio.Event) -> None:
        await started.wait()
        self.started()

    async def _compare(self) -> None:
        """What kopf did not tell: rollouts that are gone, and changes that a dead watch kept."""
        while True:
            await asyncio.sleep(COMPARED_EVERY)
            try:
                await self.compare()
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                log.warning("rollouts cannot be compared with what is known: %s", str(error) or "no answer in time")

    async def compare(self) -> None:
        """Look at every rollout that is not as it is known."""
        found: dict[Key, str] = {}
        before = self.world.rollouts()
        for namespace in self.namespaces or (None,):
            found |= await self.cluster.versions(MODEL_ROLLOUTS, namespace)
        now = self.world.rollouts()
        for key in before.keys() | found.keys():
            if before.get(key) == now.get(key) != found.get(key):  # nothing was heard of it meanwhile
                self.world.forget(key)
                self.queue.add(key)


async def _first(waiting: asyncio.Future[Any], parts: list[asyncio.Task[None]]) -> None:
    """Wait for it, unless one of the parts ends before."""
    await asyncio.wait({waiting, *parts}, return_when=asyncio.FIRST_COMPLETED)
    for part in parts:
        if part.done():
            waiting.cancel()
            part.result()
    await waiting
