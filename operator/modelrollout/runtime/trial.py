"""Would the API server take the objects that a spec makes? Asked by dry run, before anything of the spec is applied.

A partial pod template can be wrong in more ways than a schema of ours could tell, and a cluster has policies of its
own. Only a plain no counts here. What may be otherwise a moment later (a missing right, a quota, a webhook that does
not answer or cannot be asked by dry run) is found out, and told, when the objects are applied.
https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import aiohttp

from modelrollout.adapters.cluster import (
    DEPLOYMENTS,
    SERVING_MANAGER,
    VIRTUAL_SERVICES,
    ApiError,
    Cluster,
    Conflict,
    Object,
    Resource,
)
from modelrollout.api.resource import ModelRollout
from modelrollout.api.rollout import Spec
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import DesiredVersion, Reason, Route
from modelrollout.manifests.istio import virtual_service
from modelrollout.manifests.meta import TRAFFIC_MANAGER
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment

LIMIT = 5.0  # seconds for all of them; they are asked at the same time

log = logging.getLogger(__name__)


async def refused_object(cluster: Cluster, rollout: ModelRollout, spec: Spec, platform: Platform) -> Refusal | None:
    """The first object of the spec that the API server would not take, with its words; None when it takes all."""
    trials = list(_objects(rollout, spec, platform))
    answers = await asyncio.gather(*(_words(cluster, resource, item, who) for _, resource, item, who in trials))
    for (field, _, item, _), words in zip(trials, answers, strict=True):
        if words is not None:
            said = f"{field}: the API server refuses the {item['kind']} that comes of it: {words}"
            return Refusal(Reason.OBJECT_REFUSED, said)
    return None


def _objects(rollout: ModelRollout, spec: Spec, platform: Platform) -> Iterator[tuple[str, Resource, Object, str]]:
    """The field that shapes it most, its resource, the object, its field manager."""
    model = spec.model
    version = DesiredVersion(model.version, model.uri, model.digest, spec.serving.replicas)
    yield "spec.serving", DEPLOYMENTS, deployment(rollout, spec, version, platform), SERVING_MANAGER
    route = Route(stable=model.version, weights={model.version: 100})
    yield "spec.traffic", VIRTUAL_SERVICES, virtual_service(rollout, spec, route), TRAFFIC_MANAGER


async def _words(cluster: Cluster, resource: Resource, desired: Object, manager: str) -> str | None:
    try:
        async with asyncio.timeout(LIMIT):
            await cluster.apply(resource, desired, manager, dry_run=True)
    except (ApiError, aiohttp.ClientError, TimeoutError) as error:
        if isinstance(error, ApiError) and _is_plain(error):
            return str(error)
        log.info("%s %s could not be tried: %s", desired["kind"], desired["metadata"]["name"], error or "no answer")
    return None


def _is_plain(error: ApiError) -> bool:
    """403 may be a right or a quota; and a webhook that has side effects refuses every dry run."""
    passing = error.status == 403 or isinstance(error, Conflict) or "dry run" in str(error)
    return error.is_refusal and not passing
