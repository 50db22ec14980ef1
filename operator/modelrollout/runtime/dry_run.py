"""Dry run: would the API server take the objects that a spec makes? Asked before anything of the spec is applied.

A partial pod template can be wrong in more ways than a schema of ours could tell, and a cluster has policies of its
own. Only a plain no counts here. What may be otherwise a moment later (a missing right, a quota, a webhook that does
not answer or cannot be asked by dry run) is found out, and told, when the objects are applied.
https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Iterator

import aiohttp

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    VIRTUAL_SERVICES,
    ApiError,
    Cluster,
    Conflict,
    Object,
    Resource,
)
from modelrollout.api.route import EVERYBODY, MATCHED, Route, Split
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import DesiredVersion, Reason
from modelrollout.core.progress.size import full_at_first, is_elastic
from modelrollout.manifests.autoscaler import horizontal_pod_autoscaler
from modelrollout.manifests.drift import differs
from modelrollout.manifests.istio import virtual_service
from modelrollout.manifests.meta import OWNER_LABEL, SERVING_MANAGER, TRAFFIC_MANAGER, child_name, models_of
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment
from modelrollout.manifests.unknown_fields import unknown_fields
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

_DENIED = "denied the request"  # the API server's own words around those of an admission webhook
_DRY_RUN = re.compile("dry.?run", re.IGNORECASE)
LIMIT = 5.0  # seconds for all of them; they are asked at the same time

log = logging.getLogger(__name__)


async def refused_object(cluster: Cluster, rollout: ModelRollout, spec: Spec, platform: Platform) -> Refusal | None:
    """The first object of the spec that the API server would not take, with its words; None when it takes all.

    Raises ApiError when the live Deployments cannot be listed.
    """
    found = await cluster.list(DEPLOYMENTS, rollout.namespace, {OWNER_LABEL: rollout.name})
    live = {item["metadata"]["name"]: item for item in found}
    route = virtual_service(rollout, spec, richest_route(spec))
    asked = [_tried(cluster, VIRTUAL_SERVICES, route, TRAFFIC_MANAGER, "spec.traffic")]
    for version in _versions(rollout, spec):
        deployed = live.get(child_name(rollout.name, version.version))
        desired = deployment(rollout, spec, version, platform, deployed)
        # One that is live as it is wanted is not asked about: whatever has come to forbid it, it serves.
        if differs(desired, deployed):
            asked.append(_tried(cluster, DEPLOYMENTS, desired, SERVING_MANAGER, "spec.serving"))
        if (autoscaler := horizontal_pod_autoscaler(rollout, spec, version)) is not None:
            field = "spec.serving.autoscaling"
            asked.append(_tried(cluster, HORIZONTAL_POD_AUTOSCALERS, autoscaler, SERVING_MANAGER, field))
    return next((refusal for refusal in await asyncio.gather(*asked) if refusal is not None), None)


def _versions(rollout: ModelRollout, spec: Spec) -> Iterator[DesiredVersion]:
    """Every version that the spec wants, and stable: how a version is served comes from the spec for all of them."""
    stable, replicas, elastic = rollout.status.stable, full_at_first(spec.serving), is_elastic(spec.serving)
    for model in models_of(spec):
        if stable is None or stable.version != model.version:
            yield DesiredVersion(model.version, model.uri, model.digest, replicas, elastic=elastic)
    if stable is not None:
        yield DesiredVersion(stable.version, stable.uri, stable.pinned, replicas, elastic=elastic)


async def _tried(cluster: Cluster, resource: Resource, desired: Object, manager: str, field: str) -> Refusal | None:
    """Why the API server would not take an object that comes of a field."""
    words = await _words(cluster.apply(resource, desired, manager, dry_run=True))
    if words is None:
        return None
    kind = desired["kind"]
    if (unknown := unknown_fields(words)) is not None:
        return Refusal(Reason.OBJECT_REFUSED, unknown)
    return Refusal(Reason.OBJECT_REFUSED, f"{field}: the API server refuses the {kind} that comes of it: {words}")


def richest_route(spec: Spec) -> Route:
    """A route with everything in it that a release of this spec will need: a condition that is refused must not be
    found out halfway through. Users have cookies only where versions share requests, so two of them do."""
    version = spec.model.version
    everything = Route.to(version)
    if spec.traffic.affinity is not None:
        another = "0.0.1" if version == "0.0.0" else "0.0.0"
        everything = Route(splits=(Split(name=EVERYBODY, shares={version: 50, another: 50}),))
    of_all = everything.everybody.shares
    matched = [Split(name=MATCHED, shares=of_all, who=spec.traffic.match)] if spec.traffic.match else []
    segments = [Split(name=name, shares=of_all, who=(who,)) for name, who in spec.segments.items()]
    return Route(splits=(*matched, *segments, *everything.splits))


async def _words(asking: Awaitable[object]) -> str | None:
    """The API server's plain no, in its words; None when it has nothing against it, or cannot be asked."""
    try:
        async with asyncio.timeout(LIMIT):
            await asking
    except (ApiError, aiohttp.ClientError, TimeoutError) as error:
        if isinstance(error, ApiError) and is_plain(error):
            return str(error)
        log.info("an object could not be tried: %s", str(error) or "no answer in time")
    return None


def is_plain(error: ApiError) -> bool:
    """A webhook's no is one, whatever its code. Any other 403 may be a right or a quota, and a webhook that has side
    effects refuses every dry run."""
    if isinstance(error, Conflict) or _DRY_RUN.search(str(error)):
        return False
    return _DENIED in str(error) or (error.is_refusal and error.status != 403)
