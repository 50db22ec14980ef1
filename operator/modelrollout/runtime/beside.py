"""What another rollout serves: what a version is compared with that is only validated, and released by nobody."""

from __future__ import annotations

import asyncio

import aiohttp

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, PODS, ApiError, Cluster
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.validating import Server
from modelrollout.runtime.workloads import addresses

LIMIT = 10.0  # seconds


class NotKnown(Exception):
    """It could not be found out what serves; the message says why."""


async def serving(cluster: Cluster, namespace: str, name: str, model: str) -> Server | None:
    """The version that serves there, with its pods; None where nothing does, or there is no such rollout. Raises
    NotKnown."""
    try:
        async with asyncio.timeout(LIMIT):
            found = await cluster.get(MODEL_ROLLOUTS, namespace, name)
            stable = _stable(ModelRollout.from_json(found), model) if found is not None else None
            if stable is None:
                return None
            pods = await cluster.list(PODS, namespace, {OWNER_LABEL: name})
    except (ApiError, aiohttp.ClientError, TimeoutError) as error:
        raise NotKnown(f"ModelRollout {name} cannot be read: {str(error) or 'no answer in time'}") from error
    return Server(stable, addresses(pods, stable))


def _stable(rollout: ModelRollout, model: str) -> str | None:
    stable, spec = rollout.status.stable, rollout.spec
    if stable is not None and isinstance(spec, Spec) and spec.model.name != model:
        raise NotKnown(f"ModelRollout {rollout.name} serves the model {spec.model.name}, not {model}")
    return stable.version if stable is not None else None
