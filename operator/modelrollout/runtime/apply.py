"""Plan -> cluster, in an order that is safe for traffic, and writing only what differs.

Traffic that is taken from a candidate goes first of all: nothing else that could fail stands before it. Traffic that
is given to one goes after everything that it needs is in place. Then the status, which is the memory; then the Events,
which a retry would repeat if they came earlier; and last of all what is no longer needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import aiohttp

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    EVENTS,
    MODEL_ROLLOUTS,
    SERVICES,
    SERVING_MANAGER,
    VIRTUAL_SERVICES,
    ApiError,
    Cluster,
    Conflict,
    Object,
    Resource,
)
from modelrollout.api.base import format_timestamp, to_json
from modelrollout.api.resource import API_VERSION, KIND, ModelRollout
from modelrollout.api.rollout import Spec
from modelrollout.core.plan import DesiredVersion, Event, Plan, Route
from modelrollout.manifests.drift import differs
from modelrollout.manifests.istio import live_route, moved, virtual_service
from modelrollout.manifests.meta import TRAFFIC_MANAGER, VERSION_LABEL, child_name
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment, service
from modelrollout.runtime.workloads import Refused
from modelrollout.runtime.world import Key, Snapshot, World

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hands:
    """What applying needs. ``refused`` is filled with the versions whose objects the API server refuses,
    ``refused_routes`` with its words about a rollout's VirtualService."""

    cluster: Cluster
    world: World
    platform: Platform
    clock: Callable[[], float]
    refused: dict[tuple[Key, str], Refused]
    refused_routes: dict[Key, str]
    wrote: Callable[[str], None]


async def apply(rollout: ModelRollout, plan: Plan, snapshot: Snapshot, hands: Hands) -> bool:
    """Make it so. Raises Conflict when the rollout has changed meanwhile, ApiError when the API server refuses.

    Gives False when objects of a version could not be applied and should be tried again soon: that alone keeps
    neither the route nor the status waiting.
    """
    one = _Application(rollout, snapshot, hands)
    if rollout.deleting:
        plan = replace(plan, versions=(), remove=())  # they belong to the garbage collector now
    if plan.spec is not None:
        await one.serve(plan.spec, plan.versions, plan.route)
    await one.remember(plan)
    for event in plan.events:
        await one.tell(event)
    for version in plan.remove:
        await one.remove(version)
    return one.complete


class _Application:
    """One plan on its way into the cluster."""

    def __init__(self, rollout: ModelRollout, snapshot: Snapshot, hands: Hands) -> None:
        self._rollout = rollout
        self._snapshot = snapshot
        self._hands = hands
        self._key = (rollout.namespace, rollout.name)
        self.complete = True

    async def serve(self, spec: Spec, versions: tuple[DesiredVersion, ...], route: Route | None) -> None:
        """Workloads and the route, in the order that traffic needs."""
        away = route is not None and self._takes_away(route)
        if route is not None and away:
            await self._route(spec, route)
        # At the same time: a webhook that hangs for one must not use up the time of the pass.
        await asyncio.gather(*(self._version(spec, version) for version in versions))
        if route is not None and not away:
            await self._route(spec, route)

    def _takes_away(self, route: Route) -> bool:
        """Whether no version but stable gets more than it has now, and stable is there to take the rest."""
        live = live_route(self._snapshot.virtual_service, self._rollout)
        weights = live.weights if live else {}
        if not weights or child_name(self._rollout.name, route.stable) not in self._snapshot.of(SERVICES):
            return False
        return all(
            route.weights[version] <= weights.get(version, 0) for version in route.weights if version != route.stable
        )

    async def _version(self, spec: Spec, version: DesiredVersion) -> None:
        """Service and Deployment of one version. Whatever stands in their way is noted and shown as the version's."""
        key = (self._key, version.version)
        live = self._snapshot.of(DEPLOYMENTS).get(child_name(self._rollout.name, version.version))
        platform = (Platform.of(live) if live else None) or self._hands.platform
        try:
            await self._put(SERVICES, service(self._rollout, spec, version), SERVING_MANAGER)
            await self._put(DEPLOYMENTS, deployment(self._rollout, spec, version, platform), SERVING_MANAGER)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            refused = self._hands.refused[key] = _refused(error)
            self.complete &= refused.final
            log.warning("version %s: %s", version.version, refused.words)
        else:
            self._hands.refused.pop(key, None)

    async def _route(self, spec: Spec, route: Route) -> None:
        """The VirtualService. A refusal is noted for the next pass; it must not keep the memory from being stored."""
        live = live_route(self._snapshot.virtual_service, self._rollout)
        if live is not None and live.foreign_owner is not None:
            log.warning("the VirtualService %s belongs to %s and is left alone", self._rollout.name, live.foreign_owner)
            return
        desired, known = virtual_service(self._rollout, spec, route), self._snapshot.virtual_service
        if self._rollout.deleting:
            if known is None or not self._takes_away(route):
                return
            # By its uid: one that the garbage collector has deleted must not come back.
            desired["metadata"]["uid"] = known["metadata"]["uid"]
        if known is not None and not self._takes_away(route):
            # More traffic only from where the decision was made: another replica may lead by now.
            desired["metadata"]["resourceVersion"] = known["metadata"]["resourceVersion"]
        try:
            await self._put(VIRTUAL_SERVICES, desired, TRAFFIC_MANAGER)
        except Conflict:
            raise
        except ApiError as error:
            self._hands.refused_routes[self._key] = str(error)
            self.complete = False
            log.warning("the VirtualService %s is refused: %s", self._rollout.name, error)
            if self._takes_away(route):
                await self._weights_alone(route, desired)
        else:
            self._hands.refused_routes.pop(self._key, None)

    async def _weights_alone(self, route: Route, desired: Object) -> None:
        """Take traffic away although the whole route is refused."""
        live, known = self._snapshot.virtual_service, live_route(self._snapshot.virtual_service, self._rollout)
        if live is None or known is None or dict(known.weights) == dict(route.weights):
            return
        try:
            written = await self._hands.cluster.apply(VIRTUAL_SERVICES, moved(live, desired), TRAFFIC_MANAGER)
        except ApiError as error:
            log.error("not even its weights can be changed: %s", error)
            return
        self._hands.world.learn(self._key, VIRTUAL_SERVICES, written)
        self._hands.wrote(VIRTUAL_SERVICES.plural)
        log.info("moved the weights of the VirtualService %s alone", self._rollout.name)

    async def _put(self, resource: Resource, desired: Object, manager: str) -> None:
        """Apply an object if it is not as desired. One that we do not know is not taken over from others."""
        live = self._snapshot.of(resource).get(desired["metadata"]["name"])
        if live is not None and not differs(desired, live):
            return
        if live is not None and self._hands.world.is_settled(self._key, resource, desired, live):
            return
        written = await self._hands.cluster.apply(resource, desired, manager, force=live is not None)
        self._hands.world.learn(self._key, resource, written)
        self._hands.world.settle(self._key, resource, desired, written)
        self._hands.wrote(resource.plural)
        log.info("applied %s %s", desired["kind"], desired["metadata"]["name"])

    async def remember(self, plan: Plan) -> None:
        """Store the status, if it differs from the one that the decision was made from."""
        status = to_json(plan.status)
        body = self._snapshot.rollout or {}
        if status == body.get("status"):
            return
        desired: Object = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "name": self._rollout.name,
                "namespace": self._rollout.namespace,
                "resourceVersion": self._rollout.resource_version,
            },
            "status": status,
        }
        try:
            written = await self._hands.cluster.apply_status(MODEL_ROLLOUTS, desired)
        except ApiError as error:
            if error.is_unknown_field:
                words = f"the ModelRollout CRD in this cluster is older than this operator; apply crds/: {error}"
                raise ApiError(error.status, words) from error
            raise
        self._hands.world.learn(self._key, MODEL_ROLLOUTS, written)
        self._hands.wrote("status")

    async def tell(self, event: Event) -> None:
        """Post an Event, and the same as a line of the log, which is the trail that stays."""
        level = logging.WARNING if event.warning else logging.INFO
        log.log(level, "%s: %s", event.reason, event.message, extra={"reason": str(event.reason)})
        moment = format_timestamp(self._hands.clock())[:19] + "Z"
        body: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{self._rollout.name}.", "namespace": self._rollout.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": self._rollout.name,
                "namespace": self._rollout.namespace,
                "uid": self._rollout.uid,
            },
            "reason": str(event.reason),
            "message": event.message[:1024],
            "type": "Warning" if event.warning else "Normal",
            "source": {"component": "modelrollout"},
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        try:
            await self._hands.cluster.create(EVENTS, body)
            self._hands.wrote(EVENTS.plural)
        except ApiError as error:
            log.warning("the Event could not be posted: %s", error)

    async def remove(self, version: str) -> None:
        """Delete the objects of a version, unless the route still names it.

        The Deployment goes last: a version whose Deployment is there is known, and is removed again after an error.
        """
        route = live_route(self._snapshot.virtual_service, self._rollout)
        if route is not None and route.weights.get(version):
            log.warning("version %s is not removed: the route still gives it traffic", version)
            return
        self._hands.refused.pop((self._key, version), None)
        for resource in (SERVICES, DEPLOYMENTS):
            for name, item in list(self._snapshot.of(resource).items()):
                if item["metadata"].get("labels", {}).get(VERSION_LABEL) == version:
                    await self._hands.cluster.delete(resource, self._rollout.namespace, name, item["metadata"]["uid"])
                    self._snapshot.outdated.add(resource)
                    self._hands.wrote(resource.plural)
                    log.info("removed %s %s", item.get("kind", resource.plural), name)


def _refused(error: Exception) -> Refused:
    """A missing right, a policy or a quota may change, and so may an API server that is unwell; an object that is not
    valid, or somebody else's, will not."""
    if isinstance(error, ApiError) and (error.is_refusal or isinstance(error, Conflict)):
        return Refused(f"the API server refuses its objects: {error}", final=error.status != 403)
    return Refused(f"its objects could not be applied, trying again: {error or 'no answer in time'}", final=False)
