"""Plan -> cluster, in an order that is safe for traffic, and writing only what differs.

Traffic that is taken from an arm goes first of all: nothing else that could fail stands before it. Traffic that is
given to one goes after everything that it needs is in place. Then the status, which is the memory; then the Events,
which a retry would repeat if they came earlier; then a command that is answered is taken away; and last of all what is
no longer needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import aiohttp

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    MODEL_ROLLOUTS,
    PODS,
    SERVICES,
    VIRTUAL_SERVICES,
    ApiError,
    Cluster,
    Conflict,
    Object,
    Resource,
)
from modelrollout.adapters.patience import TOO_MANY
from modelrollout.api.base import to_json
from modelrollout.api.route import Route
from modelrollout.api.status import Status
from modelrollout.core.observation import SETTLE_SECONDS, LiveRoute
from modelrollout.core.plan import DesiredVersion, Plan
from modelrollout.manifests.autoscaler import horizontal_pod_autoscaler
from modelrollout.manifests.comparer import comparer_deployment, comparer_name, comparer_service
from modelrollout.manifests.destinations import destinations
from modelrollout.manifests.drift import differs
from modelrollout.manifests.events import event_object
from modelrollout.manifests.istio import live_route, moved, virtual_service
from modelrollout.manifests.meta import SERVING_MANAGER, TRAFFIC_MANAGER, child_name
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment, service
from modelrollout.manifests.side_car import user_with_network
from modelrollout.resource.rollout import API_VERSION, COMMAND_ANNOTATION, KIND, ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.posting import post
from modelrollout.runtime.removal import has_requests, objects_of, unused_services
from modelrollout.runtime.shadowing import is_unready
from modelrollout.runtime.withdrawal import takes_away
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


async def apply(rollout: ModelRollout, plan: Plan, snapshot: Snapshot, applier: Applier) -> bool:
    """Make it so. Raises Conflict when the rollout has changed meanwhile, ApiError when the API server refuses.

    Gives False when something could not be applied yet and should be tried again soon: objects of a version, which keep
    neither the route nor the status waiting, or the route.
    """
    if rollout.deleting:
        plan = replace(plan, versions=(), remove=(), at_rest=False)  # they belong to the garbage collector now
    one = _Application(rollout, plan, snapshot, applier)
    if plan.spec is not None:
        await one.apply_objects(plan.spec)
    await one.store_status()
    await one.post_events()
    if plan.answered is not None:
        await one.take_command_away(plan.answered)
    for version in plan.remove:
        await one.remove_version(version)
    if plan.comparer is None and plan.spec is not None and not rollout.deleting:
        await one.remove_comparer()
    if plan.at_rest:
        await one.remove_unused_services()
    return one.complete


async def store(rollout: ModelRollout, status: Status, applier: Applier) -> Object:
    """Store the status; gives the object as it is then. Raises Conflict when the rollout has changed meanwhile."""
    described = {"name": rollout.name, "namespace": rollout.namespace, "resourceVersion": rollout.resource_version}
    desired: Object = {"apiVersion": API_VERSION, "kind": KIND, "metadata": described, "status": to_json(status)}
    try:
        written = await applier.cluster.apply_status(MODEL_ROLLOUTS, desired)
    except ApiError as error:
        if error.is_unknown_field:
            words = f"the ModelRollout CRD in this cluster is older than this operator; apply crds/: {error}"
            raise ApiError(error.status, words) from error
        raise
    applier.world.learn((rollout.namespace, rollout.name), MODEL_ROLLOUTS, written)
    applier.wrote("status")
    return written


class _Application:
    """One plan on its way into the cluster."""

    def __init__(self, rollout: ModelRollout, plan: Plan, snapshot: Snapshot, applier: Applier) -> None:
        self._rollout = rollout
        self._plan = plan
        self._snapshot = snapshot
        self._applier = applier
        self._key = (rollout.namespace, rollout.name)
        self._rerouted = False
        self.complete = True

    async def apply_objects(self, spec: Spec) -> None:
        """Workloads and the route, in the order that traffic needs."""
        route = self._plan.route
        away = route is not None and self._takes_away(route)
        if route is not None and away:
            await self._route(spec, route, away)
        self._forget_refused()
        # At the same time: a webhook that hangs for one must not use up the time of the pass.
        versions = [self._version(spec, version) for version in self._plan.versions]
        await asyncio.gather(*versions, self._comparer(spec))
        if route is not None and not away:
            await self._route(spec, route, away)

    def _forget_refused(self) -> None:
        """What was refused of versions that are written no more."""
        wanted = {version.version for version in self._plan.versions}
        for whose, version in list(self._applier.refused):
            if whose == self._key and version not in wanted:
                del self._applier.refused[whose, version]

    def _takes_away(self, route: Route) -> bool:
        """Whether it only takes requests from arms, and everything that it names is there to answer them."""
        live = live_route(self._snapshot.virtual_service, self._rollout)
        if live is None or live.foreign_owner is not None:
            return False
        services = self._snapshot.of(SERVICES)
        present = all(name in services for name in self._services(route))
        return present and takes_away(route, live.route, self._control(live))

    def _control(self, live: LiveRoute) -> str | None:
        """The version that takes what arms lose. One that becomes the control by this very plan gains by it, unless it
        was the control before: then a promotion is undone."""
        before = live.recovery.control if live.recovery is not None else None
        if self._rollout.status.stable is not None:
            before = self._rollout.status.stable.version
        note, previous = self._plan.recovery, self._rollout.status.previous
        known = {before, previous.version if previous is not None else None}
        return note.control if note is not None and note.control in known else None

    def _services(self, route: Route) -> Iterator[str]:
        """The names of the Services that a route leads to."""
        for split in route.splits:
            for version in split.shares:
                yield child_name(self._rollout.name, version, split.name)

    async def _version(self, spec: Spec, version: DesiredVersion) -> None:
        """Services and Deployment of one version. Whatever stands in their way is noted and shown as the version's."""
        key = (self._key, version.version)
        live = self._snapshot.of(DEPLOYMENTS).get(child_name(self._rollout.name, version.version))
        try:
            for split in version.splits:
                await self._put(SERVICES, service(self._rollout, spec, version, split), SERVING_MANAGER)
            wanted = deployment(self._rollout, spec, version, self._platform(), live)
            await self._deploy(wanted)
            await self._autoscaler(spec, version)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            refused = self._applier.refused[key] = _refused(error)
            self.complete = False
            log.warning("version %s: %s", version.version, refused.words)
        else:
            self._applier.refused.pop(key, None)

    def _platform(self) -> Platform:
        """What the installation is like, by its settings and by what its mesh makes of the rollout's pods."""
        user = user_with_network(self._snapshot.of(PODS).values())
        return replace(self._applier.platform, fetch_user=user)

    async def _deploy(self, wanted: Object) -> None:
        """A Deployment. One that others scale is written as it was seen, or not yet."""
        try:
            await self._put(DEPLOYMENTS, wanted, SERVING_MANAGER)
        except Conflict:
            if "resourceVersion" not in wanted["metadata"]:
                raise
            self.complete = False

    async def _autoscaler(self, spec: Spec, version: DesiredVersion) -> None:
        """What scales a version, where the spec asks for it. One from before would fight with the spec."""
        wanted = horizontal_pod_autoscaler(self._rollout, spec, version)
        name = child_name(self._rollout.name, version.version)
        if wanted is not None:
            await self._put(HORIZONTAL_POD_AUTOSCALERS, wanted, SERVING_MANAGER)
        elif (left := self._snapshot.of(HORIZONTAL_POD_AUTOSCALERS).get(name)) is not None:
            await self._delete(HORIZONTAL_POD_AUTOSCALERS, left)

    async def _comparer(self, spec: Spec) -> None:
        """What compares answers. Where it cannot be made nobody is compared, which the next pass says."""
        wanted = self._plan.comparer
        if wanted is None:
            return
        try:
            await self._comparer_service(spec)
            made = comparer_deployment(self._rollout, spec, wanted, self._applier.platform)
            await self._put(DEPLOYMENTS, made, SERVING_MANAGER)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            self.complete = False
            log.warning("the comparer of %s could not be made: %s", self._rollout.name, error)

    async def _comparer_service(self, spec: Spec) -> None:
        """Proxies wait for a comparer that hangs with the rest of each large body, and so do its users, until they know
        of no such Service. It comes again when the comparer is ready."""
        known = self._snapshot.of(SERVICES).get(comparer_name(self._rollout.name))
        if not is_unready(self._snapshot) or (known is not None and not self._is_copied()):
            await self._put(SERVICES, comparer_service(self._rollout, spec), SERVING_MANAGER)
        elif known is not None:
            await self._delete(SERVICES, known)

    def _is_copied(self) -> bool:
        """Whether the live route sends copies to the comparer."""
        name = comparer_name(self._rollout.name)
        return any(item.service == name for item in destinations(self._snapshot.virtual_service or {}, self._rollout))

    async def remove_comparer(self) -> None:
        """Once nothing is compared any more, and no copies go to it: proxies may still go by the route before."""
        name = comparer_name(self._rollout.name)
        if self._rerouted or self._is_copied():
            return
        for resource in (SERVICES, DEPLOYMENTS):
            if (item := self._snapshot.of(resource).get(name)) is not None:
                await self._delete(resource, item)

    async def _route(self, spec: Spec, route: Route, away: bool) -> None:
        """The VirtualService. A refusal is noted for the next pass; it must not keep the memory from being stored. Only
        the first one on the way back does: what was decided without knowing of it would say that nobody asks the arm
        any more."""
        plan = self._plan
        desired = virtual_service(self._rollout, spec, route, plan.recovery, plan.epoch, plan.comparer)
        if not self._may_write(route, desired, away):
            return
        try:
            self._rerouted = await self._put(VIRTUAL_SERVICES, desired, TRAFFIC_MANAGER)
        except Conflict:
            raise
        except ApiError as error:
            known = self._key in self._applier.refused_routes
            self._applier.refused_routes[self._key] = str(error)
            self.complete = False
            log.warning("the VirtualService %s is refused: %s", self._rollout.name, error)
            if away and not await self._destinations_alone(desired, error) and not known:
                raise
        else:
            self._applier.refused_routes.pop(self._key, None)

    def _may_write(self, route: Route, desired: Object, away: bool) -> bool:
        """Whether the route may be written now; if only as it was seen, ``desired`` says so."""
        known = self._snapshot.virtual_service
        live = live_route(known, self._rollout)
        if live is not None and live.foreign_owner is not None:
            log.warning("the VirtualService %s belongs to %s and is left alone", self._rollout.name, live.foreign_owner)
            return False
        if self._rollout.deleting:
            if known is None or not away:
                return False
            # By its uid: one that the garbage collector has deleted must not come back.
            desired["metadata"]["uid"] = known["metadata"]["uid"]
        if known is not None and not away:
            if strangers := self._unknown_to_mesh(route, known):
                self.complete = False
                log.info("the route waits until the mesh knows %s", ", ".join(strangers))
                return False
            # More traffic only from where the decision was made: another replica may lead by now.
            desired["metadata"]["resourceVersion"] = known["metadata"]["resourceVersion"]
        return True

    def _unknown_to_mesh(self, route: Route, known: Object) -> list[str]:
        """Services that no rule leads to so far, and that have just been made, or could not be. Who decides sees to
        that; but an upgrade of the operator brings Services to a route that stays as it is."""
        used = {item.service for item in destinations(known, self._rollout)}
        services, now = self._snapshot.of(SERVICES), self._applier.clock()
        names = [name for name in self._services(route) if name not in used]
        return [name for name in names if name not in services or _age(services[name], now) < SETTLE_SECONDS]

    async def _destinations_alone(self, desired: Object, refusal: ApiError) -> bool:
        """Take traffic away although the whole route is refused. Gives whether it is."""
        live = self._snapshot.virtual_service
        if live is None or refusal.status == TOO_MANY:
            return False
        if (wanted := moved(live, desired))["spec"] == live.get("spec"):
            return True
        try:
            written = await self._applier.cluster.apply(VIRTUAL_SERVICES, wanted, TRAFFIC_MANAGER)
        except ApiError as error:
            log.error("not even its destinations can be changed: %s", error)
            return False
        self._rerouted = True
        self._learn(VIRTUAL_SERVICES, written)
        self._applier.wrote(VIRTUAL_SERVICES.plural)
        log.info("moved the destinations of the VirtualService %s alone", self._rollout.name)
        return True

    async def _put(self, resource: Resource, desired: Object, manager: str) -> bool:
        """Apply an object if it is not as desired. One that we do not know is not taken over from others. Gives whether
        it was written."""
        live = self._snapshot.of(resource).get(desired["metadata"]["name"])
        if live is not None and not differs(desired, live):
            return False
        if live is not None and self._applier.world.is_settled(self._key, resource, desired, live):
            return False
        written = await self._applier.cluster.apply(resource, desired, manager, force=live is not None)
        self._learn(resource, written)
        self._applier.world.settle(self._key, resource, desired, written)
        self._applier.wrote(resource.plural)
        log.info("applied %s %s", desired["kind"], desired["metadata"]["name"])
        return True

    def _learn(self, resource: Resource, written: Object) -> None:
        self._snapshot.put(resource, self._applier.world.learn(self._key, resource, written))

    async def store_status(self) -> None:
        """Store the status, if it differs from the one that is stored."""
        if to_json(self._plan.status) == (self._snapshot.rollout or {}).get("status"):
            return
        written = await store(self._rollout, self._plan.status, self._applier)
        self._snapshot.put(MODEL_ROLLOUTS, written)

    async def post_events(self) -> None:
        """Post the Events, those first that could not be posted before; the new ones as lines of the log, too, which is
        the trail that stays."""
        for event in self._plan.events:
            level = logging.WARNING if event.warning else logging.INFO
            log.log(level, "%s: %s", event.reason, event.message, extra={"reason": str(event.reason)})
        applier, now = self._applier, self._applier.clock()
        new = [event_object(self._rollout, event, now) for event in self._plan.events]
        left = await post(applier.cluster, [*applier.untold.pop(self._key, ()), *new], now, applier.wrote)
        if left:
            applier.untold[self._key] = left
            self.complete = False

    async def take_command_away(self, text: str) -> None:
        """Remove the annotation of a command that was answered, unless it is another one by now. Then somebody can give
        the same command once more."""
        if self._applier.untaken.get(self._key) == text:
            return
        namespace, name = self._key
        try:
            written = await self._applier.cluster.remove_annotation(
                MODEL_ROLLOUTS, namespace, name, COMMAND_ANNOTATION, text
            )
        except ApiError as error:
            self._applier.untaken[self._key] = text
            log.warning("the command %r stays written, and the same one cannot be given again: %s", text, error)
            return
        self.complete = False  # the next pass has to see what is there now
        if written is not None:
            self._learn(MODEL_ROLLOUTS, written)
            self._applier.wrote("command")

    async def remove_version(self, version: str) -> None:
        """Delete the objects of a version, unless the route still gives it requests."""
        if has_requests(version, self._snapshot, self._rollout):
            log.warning("version %s is not removed: the route still gives it traffic", version)
            return
        self._applier.refused.pop((self._key, version), None)
        for resource, item in objects_of(version, self._snapshot):
            await self._delete(resource, item)

    async def remove_unused_services(self) -> None:
        """Delete the Services of splits that no version needs any more. Not in the pass that changed the route: proxies
        may still go by the one before."""
        if self._rerouted:
            return
        for item in list(unused_services(self._plan.versions, self._snapshot, self._rollout)):
            await self._delete(SERVICES, item)

    async def _delete(self, resource: Resource, item: Object) -> None:
        described = item["metadata"]
        await self._applier.cluster.delete(resource, self._rollout.namespace, described["name"], described["uid"])
        self._applier.wrote(resource.plural)
        log.info("removed %s %s", resource.plural, described["name"])


def _age(item: Object, now: float) -> float:
    """Seconds since an object was made."""
    return now - datetime.fromisoformat(item["metadata"]["creationTimestamp"]).timestamp()


def _refused(error: Exception) -> Refused:
    """Whether the API server said no, or could not be asked."""
    if isinstance(error, ApiError) and (error.is_refusal or isinstance(error, Conflict)):
        return Refused(f"the API server refuses its objects: {error}", by_api_server=True)
    words = f"its objects could not be applied, trying again: {str(error) or 'no answer in time'}"
    return Refused(words, by_api_server=False)
