"""Posting an Event: told once, and counted up when the same happens again, as kubectl and its like do it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import aiohttp

from modelrollout.adapters.cluster import EVENTS, ApiError, Cluster, Conflict
from modelrollout.adapters.patience import TOO_MANY
from modelrollout.manifests.events import counted_up
from modelrollout.manifests.meta import Object

MOST_LEFT = 20  # Events of one rollout that are kept to be tried again

log = logging.getLogger(__name__)


async def post(cluster: Cluster, bodies: Sequence[Object], now: float, wrote: Callable[[str], None]) -> list[Object]:
    """Post Events, one after the other; gives those to try again later, because the API server cannot take them now.
    What it refuses is only logged."""
    for number, body in enumerate(bodies):
        try:
            await create_or_count_up(cluster, body, now)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("the Event could not be posted: %s", str(error) or "no answer in time")
            if not isinstance(error, ApiError) or error.status == TOO_MANY or error.status >= 500:
                return list(bodies[number:])[-MOST_LEFT:]
        else:
            wrote(EVENTS.plural)
    return []


async def create_or_count_up(cluster: Cluster, body: Object, now: float) -> None:
    """The Event of this cause, for the first time or once more. ``now``: seconds since the epoch. Raises ApiError."""
    described = body["metadata"]
    try:
        await cluster.create(EVENTS, body)
    except Conflict:
        known = await cluster.get(EVENTS, described["namespace"], described["name"])
        if known is not None:  # it may have expired between the two
            await cluster.replace(EVENTS, counted_up(known, body, now))
