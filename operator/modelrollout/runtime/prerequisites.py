"""What an operator needs before it can work: the types that it watches, and the right to see them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import aiohttp

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, VIRTUAL_SERVICES, ApiError, Cluster, Resource

AGAIN = 2.0  # seconds until an API server that is not well is asked again
SAID = 5
"""Times that an API server has to say that something is missing or not allowed. One that has just come up refuses
everything until it has read who may do what: for two seconds on a busy machine."""

NEEDED = (
    (MODEL_ROLLOUTS, "the CRD of ModelRollout is not installed; apply crds/, or install the chart with its CRDs"),
    (VIRTUAL_SERVICES, "Istio's VirtualService is not installed in this cluster; install Istio first"),
)

log = logging.getLogger(__name__)


class CannotStart(Exception):
    """Something that the operator needs is missing; the message says what and how to get it."""


async def wait_for_types(cluster: Cluster, namespaces: tuple[str, ...], stop: asyncio.Event) -> bool:
    """Returns once the types are there; False when told to stop before. Without them every watch would fail, over and
    over. An API server that is away or not well is waited for: to start again would only make it longer.

    Raises CannotStart when the API server goes on to say that there is no such type, or that we may not see it.
    """
    for resource, missing in NEEDED:
        for namespace in namespaces or (None,):
            if not await _wait_for(cluster, resource, namespace, missing, stop):
                return False
    return True


async def _wait_for(
    cluster: Cluster, resource: Resource, namespace: str | None, missing: str, stop: asyncio.Event
) -> bool:
    said = 0
    while (problem := await _problem(cluster, resource, namespace)) is not None:
        said = said + 1 if isinstance(problem, ApiError) and problem.status in (401, 403, 404) else 0
        if said == SAID:
            absent = isinstance(problem, ApiError) and problem.status == 404
            raise CannotStart(missing if absent else f"{resource.plural}: {problem}") from problem
        log.warning("the API server cannot be worked with yet, asking again: %s", str(problem) or "no answer in time")
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN):
                await stop.wait()
        if stop.is_set():
            return False
    return True


async def _problem(cluster: Cluster, resource: Resource, namespace: str | None) -> Exception | None:
    """Why it cannot be told whether the resource exists; None when it does."""
    try:
        await cluster.page(resource, namespace, {}, most=1)
    except (ApiError, aiohttp.ClientError, TimeoutError) as error:
        return error
    return None
