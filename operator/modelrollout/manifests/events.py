"""An Event of the core as a Kubernetes Event about its rollout."""

from __future__ import annotations

from hashlib import blake2b

from modelrollout.api.base import format_timestamp
from modelrollout.core.plan import Event
from modelrollout.manifests.meta import Object
from modelrollout.resource.rollout import API_VERSION, KIND, ModelRollout

LONGEST_MESSAGE = 1024
"""Characters; the API server refuses more."""


def event_object(rollout: ModelRollout, event: Event, now: float) -> Object:
    """To be created. ``now`` in seconds since the epoch. The same cause at the same rollout has the same name, so that
    what happens again is counted up (``counted_up``) and not told anew."""
    moment = _moment(now)
    name = f"{rollout.name}.{_digest(rollout.uid, event)}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": rollout.namespace},
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


def counted_up(known: Object, newest: Object, now: float) -> Object:
    """An Event that is there already, once more, in its newest words."""
    count = int(known.get("count") or 1) + 1
    return known | {"count": count, "lastTimestamp": _moment(now), "message": newest["message"]}


def _moment(now: float) -> str:
    return format_timestamp(now)[:19] + "Z"


def _digest(uid: str, event: Event) -> str:
    words = "\n".join((uid, str(event.reason), str(event.warning), event.cause or event.message))
    return blake2b(words.encode(), digest_size=8).hexdigest()
