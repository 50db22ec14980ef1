"""Posting an Event: told once, and counted up when the same happens again, as kubectl and its like do it."""

from __future__ import annotations

from modelrollout.adapters.cluster import EVENTS, Cluster, Conflict
from modelrollout.manifests.events import counted_up
from modelrollout.manifests.meta import Object


async def create_or_count_up(cluster: Cluster, body: Object, now: float) -> None:
    """The Event of this cause, for the first time or once more. ``now``: seconds since the epoch. Raises ApiError."""
    described = body["metadata"]
    try:
        await cluster.create(EVENTS, body)
    except Conflict:
        known = await cluster.get(EVENTS, described["namespace"], described["name"])
        if known is not None:  # it may have expired between the two
            await cluster.replace(EVENTS, counted_up(known, body, now))
