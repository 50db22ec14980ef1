"""An Event of the core as a Kubernetes Event about its rollout."""

from __future__ import annotations

from modelrollout.api.base import format_timestamp
from modelrollout.core.plan import Event
from modelrollout.manifests.meta import Object
from modelrollout.resource.rollout import API_VERSION, KIND, ModelRollout

LONGEST_MESSAGE = 1024
"""Characters; the API server refuses more."""


def event_object(rollout: ModelRollout, event: Event, now: float) -> Object:
    """To be created. ``now`` in seconds since the epoch."""
    moment = format_timestamp(now)[:19] + "Z"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{rollout.name}.", "namespace": rollout.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": rollout.name,
            "namespace": rollout.namespace,
            "uid": rollout.uid,
        },
        "reason": str(event.reason),
        "message": event.message[:LONGEST_MESSAGE],
        "type": "Warning" if event.warning else "Normal",
        "source": {"component": "modelrollout"},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
