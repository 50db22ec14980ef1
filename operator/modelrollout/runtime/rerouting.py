"""The VirtualService of one plan: written where that is safe, in part where the whole is refused, or not yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from modelrollout.adapters.cluster import SERVICES, VIRTUAL_SERVICES, ApiError, Conflict, Object
from modelrollout.adapters.patience import TOO_MANY
from modelrollout.api.route import Route
from modelrollout.core.observation import SETTLE_SECONDS, LiveRoute
from modelrollout.core.plan import Plan
from modelrollout.manifests.destinations import destinations
from modelrollout.manifests.istio import live_route, moved, virtual_service
from modelrollout.manifests.meta import TRAFFIC_MANAGER, child_name
from modelrollout.resource.spec import Spec
from modelrollout.runtime.withdrawal import takes_away
from modelrollout.runtime.writing import Writing

log = logging.getLogger(__name__)


class Rerouting:
    """``rerouted`` is whether this pass has changed the route: proxies may still go by the one before."""

    def __init__(self, plan: Plan, writing: Writing) -> None:
        self._plan = plan
        self._writing = writing
        self.rerouted = False

    def takes_away(self, route: Route) -> bool:
        """Whether it only takes requests from arms, and everything that it names is there to answer them."""
        live = live_route(self._writing.snapshot.virtual_service, self._writing.rollout)
        if live is None or live.foreign_owner is not None:
            return False
        services = self._writing.snapshot.of(SERVICES)
        present = all(name in services for name in self._services(route))
        return present and takes_away(route, live.route, self._control(live))

    def _control(self, live: LiveRoute) -> str | None:
        """The version that takes what arms lose. One that becomes the control by this very plan gains by it, unless it
        was the control before: then a promotion is undone."""
        before = live.recovery.control if live.recovery is not None else None
        if self._writing.rollout.status.stable is not None:
            before = self._writing.rollout.status.stable.version
        note, previous = self._plan.recovery, self._writing.rollout.status.previous
        known = {before, previous.version if previous is not None else None}
        return note.control if note is not None and note.control in known else None

    def _services(self, route: Route) -> Iterator[str]:
        """The names of the Services that a route leads to."""
        for split in route.splits:
            for version in split.shares:
                yield child_name(self._writing.rollout.name, version, split.name)

    async def write(self, spec: Spec, route: Route, away: bool) -> None:
        """The VirtualService. A refusal is noted for the next pass; it must not keep the memory from being stored. Only
        the first one on the way back does: what was decided without knowing of it would say that nobody asks the arm
        any more."""
        plan = self._plan
        desired = virtual_service(self._writing.rollout, spec, route, plan.recovery, plan.epoch, plan.comparer)
        if not self._may_write(route, desired, away):
            return
        try:
            self.rerouted = await self._writing.put(VIRTUAL_SERVICES, desired, TRAFFIC_MANAGER)
        except Conflict:
            raise
        except ApiError as error:
            known = self._writing.key in self._writing.applier.refused_routes
            self._writing.applier.refused_routes[self._writing.key] = str(error)
            self._writing.complete = False
            log.warning("the VirtualService %s is refused: %s", self._writing.rollout.name, error)
            if away and not await self._destinations_alone(desired, error) and not known:
                raise
        else:
            self._writing.applier.refused_routes.pop(self._writing.key, None)

    def _may_write(self, route: Route, desired: Object, away: bool) -> bool:
        """Whether the route may be written now; if only as it was seen, ``desired`` says so."""
        known = self._writing.snapshot.virtual_service
        live = live_route(known, self._writing.rollout)
        if live is not None and live.foreign_owner is not None:
            log.warning(
                "the VirtualService %s belongs to %s and is left alone", self._writing.rollout.name, live.foreign_owner
            )
            return False
        if self._writing.rollout.deleting:
            if known is None or not away:
                return False
            # By its uid: one that the garbage collector has deleted must not come back.
            desired["metadata"]["uid"] = known["metadata"]["uid"]
        if known is not None and not away:
            if strangers := self._unknown_to_mesh(route, known):
                self._writing.complete = False
                log.info("the route waits until the mesh knows %s", ", ".join(strangers))
                return False
            # More traffic only from where the decision was made: another replica may lead by now.
            desired["metadata"]["resourceVersion"] = known["metadata"]["resourceVersion"]
        return True

    def _unknown_to_mesh(self, route: Route, known: Object) -> list[str]:
        """Services that no rule leads to so far, and that have just been made, or could not be. Who decides sees to
        that; but an upgrade of the operator brings Services to a route that stays as it is."""
        used = {item.service for item in destinations(known, self._writing.rollout)}
        services, now = self._writing.snapshot.of(SERVICES), self._writing.applier.clock()
        names = [name for name in self._services(route) if name not in used]
        return [name for name in names if name not in services or _age(services[name], now) < SETTLE_SECONDS]

    async def _destinations_alone(self, desired: Object, refusal: ApiError) -> bool:
        """Take traffic away although the whole route is refused. Gives whether it is."""
        live = self._writing.snapshot.virtual_service
        if live is None or refusal.status == TOO_MANY:
            return False
        if (wanted := moved(live, desired))["spec"] == live.get("spec"):
            return True
        try:
            written = await self._writing.applier.cluster.apply(VIRTUAL_SERVICES, wanted, TRAFFIC_MANAGER)
        except ApiError as error:
            log.error("not even its destinations can be changed: %s", error)
            return False
        self.rerouted = True
        self._writing.learn(VIRTUAL_SERVICES, written)
        self._writing.applier.wrote(VIRTUAL_SERVICES.plural)
        log.info("moved the destinations of the VirtualService %s alone", self._writing.rollout.name)
        return True


def _age(item: Object, now: float) -> float:
    """Seconds since an object was made."""
    return now - datetime.fromisoformat(item["metadata"]["creationTimestamp"]).timestamp()
