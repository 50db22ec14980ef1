"""Plan -> cluster, in an order that is safe for traffic, and writing only what differs.

Traffic that is taken from an arm goes first of all: nothing else that could fail stands before it. Traffic that is
given to one goes after everything that it needs is in place. Then the status, which is the memory; then the Events,
which a retry would repeat if they came earlier; then a command that is answered is taken away; and last of all what is
no longer needed.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import aiohttp

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    MODEL_ROLLOUTS,
    PODS,
    SERVICES,
    ApiError,
    Conflict,
    Object,
)
from modelrollout.api.base import to_json
from modelrollout.api.status import Status
from modelrollout.core.plan import DesiredVersion, Plan
from modelrollout.manifests.autoscaler import horizontal_pod_autoscaler
from modelrollout.manifests.comparer import comparer_deployment, comparer_name, comparer_service
from modelrollout.manifests.destinations import destinations
from modelrollout.manifests.events import event_object
from modelrollout.manifests.meta import SERVING_MANAGER, child_name
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment, service
from modelrollout.manifests.side_car import user_with_network
from modelrollout.manifests.unknown_fields import unknown_fields
from modelrollout.resource.rollout import API_VERSION, COMMAND_ANNOTATION, KIND, ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.posting import post
from modelrollout.runtime.removal import has_requests, objects_of, unused_services
from modelrollout.runtime.rerouting import Rerouting
from modelrollout.runtime.shadowing import is_unready
from modelrollout.runtime.workloads import Refused
from modelrollout.runtime.world import Snapshot
from modelrollout.runtime.writing import Applier, Writing

log = logging.getLogger(__name__)


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
        self._writing = Writing(rollout, snapshot, applier)
        self._rerouting = Rerouting(plan, self._writing)

    @property
    def complete(self) -> bool:
        """Whether nothing has to be tried again soon."""
        return self._writing.complete

    async def apply_objects(self, spec: Spec) -> None:
        """Workloads and the route, in the order that traffic needs."""
        route = self._plan.route
        away = route is not None and self._rerouting.takes_away(route)
        if route is not None and away:
            await self._rerouting.write(spec, route, away)
        self._forget_refused()
        # At the same time: a webhook that hangs for one must not use up the time of the pass.
        versions = [self._version(spec, version) for version in self._plan.versions]
        await asyncio.gather(*versions, self._comparer(spec))
        if route is not None and not away:
            await self._rerouting.write(spec, route, away)

    def _forget_refused(self) -> None:
        """What was refused of versions that are written no more."""
        wanted = {version.version for version in self._plan.versions}
        for whose, version in list(self._applier.refused):
            if whose == self._key and version not in wanted:
                del self._applier.refused[whose, version]

    async def _version(self, spec: Spec, version: DesiredVersion) -> None:
        """Services and Deployment of one version. Whatever stands in their way is noted and shown as the version's."""
        key = (self._key, version.version)
        live = self._snapshot.of(DEPLOYMENTS).get(child_name(self._rollout.name, version.version))
        try:
            for split in version.splits:
                await self._writing.put(SERVICES, service(self._rollout, spec, version, split), SERVING_MANAGER)
            wanted = deployment(self._rollout, spec, version, self._platform(), live)
            await self._deploy(wanted)
            await self._autoscaler(spec, version)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            refused = self._applier.refused[key] = _refused(error)
            self._writing.complete = False
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
            await self._writing.put(DEPLOYMENTS, wanted, SERVING_MANAGER)
        except Conflict:
            if "resourceVersion" not in wanted["metadata"]:
                raise
            self._writing.complete = False

    async def _autoscaler(self, spec: Spec, version: DesiredVersion) -> None:
        """What scales a version, where the spec asks for it. One from before would fight with the spec."""
        wanted = horizontal_pod_autoscaler(self._rollout, spec, version)
        name = child_name(self._rollout.name, version.version)
        if wanted is not None:
            await self._writing.put(HORIZONTAL_POD_AUTOSCALERS, wanted, SERVING_MANAGER)
        elif (left := self._snapshot.of(HORIZONTAL_POD_AUTOSCALERS).get(name)) is not None:
            await self._writing.delete(HORIZONTAL_POD_AUTOSCALERS, left)

    async def _comparer(self, spec: Spec) -> None:
        """What compares answers. Where it cannot be made nobody is compared, which the next pass says."""
        wanted = self._plan.comparer
        if wanted is None:
            return
        try:
            await self._comparer_service(spec)
            made = comparer_deployment(self._rollout, spec, wanted, self._applier.platform)
            await self._writing.put(DEPLOYMENTS, made, SERVING_MANAGER)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            self._writing.complete = False
            log.warning("the comparer of %s could not be made: %s", self._rollout.name, error)

    async def _comparer_service(self, spec: Spec) -> None:
        """Proxies wait for a comparer that hangs with the rest of each large body, and so do its users, until they know
        of no such Service. It comes again when the comparer is ready."""
        known = self._snapshot.of(SERVICES).get(comparer_name(self._rollout.name))
        if not is_unready(self._snapshot) or (known is not None and not self._is_copied()):
            await self._writing.put(SERVICES, comparer_service(self._rollout, spec), SERVING_MANAGER)
        elif known is not None:
            await self._writing.delete(SERVICES, known)

    def _is_copied(self) -> bool:
        """Whether the live route sends copies to the comparer."""
        name = comparer_name(self._rollout.name)
        return any(item.service == name for item in destinations(self._snapshot.virtual_service or {}, self._rollout))

    async def remove_comparer(self) -> None:
        """Once nothing is compared any more, and no copies go to it: proxies may still go by the route before."""
        name = comparer_name(self._rollout.name)
        if self._rerouting.rerouted or self._is_copied():
            return
        for resource in (SERVICES, DEPLOYMENTS):
            if (item := self._snapshot.of(resource).get(name)) is not None:
                await self._writing.delete(resource, item)

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
            self._writing.complete = False

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
        self._writing.complete = False  # the next pass has to see what is there now
        if written is not None:
            self._writing.learn(MODEL_ROLLOUTS, written)
            self._applier.wrote("command")

    async def remove_version(self, version: str) -> None:
        """Delete the objects of a version, unless the route still gives it requests."""
        if has_requests(version, self._snapshot, self._rollout):
            log.warning("version %s is not removed: the route still gives it traffic", version)
            return
        self._applier.refused.pop((self._key, version), None)
        for resource, item in objects_of(version, self._snapshot):
            await self._writing.delete(resource, item)

    async def remove_unused_services(self) -> None:
        """Delete the Services of splits that no version needs any more. Not in the pass that changed the route: proxies
        may still go by the one before."""
        if self._rerouting.rerouted:
            return
        for item in list(unused_services(self._plan.versions, self._snapshot, self._rollout)):
            await self._writing.delete(SERVICES, item)


def _refused(error: Exception) -> Refused:
    """Whether the API server said no, or could not be asked."""
    if isinstance(error, ApiError) and (error.is_refusal or isinstance(error, Conflict)):
        words = unknown_fields(str(error)) or str(error)
        return Refused(f"the API server refuses its objects: {words}", by_api_server=True)
    words = f"its objects could not be applied, trying again: {str(error) or 'no answer in time'}"
    return Refused(words, by_api_server=False)
