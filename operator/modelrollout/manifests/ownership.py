"""Whose an object is: a label says whom it was made for, and anybody may write it.

A Deployment or Service is a rollout's own when the rollout is its controller by uid, or, where nothing is (the rollout
was deleted with ``--cascade=orphan``, or ``deletionPolicy: Orphan``), when this operator applied it; and when it has
the very name that this operator would give it. A pod is, when the ReplicaSet of such a Deployment made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelrollout.api.route import EVERYBODY
from modelrollout.manifests.comparer import comparer_name
from modelrollout.manifests.meta import SERVING_MANAGER, SPLIT_LABEL, VERSION_LABEL, child_name
from modelrollout.resource.rollout import ModelRollout

Object = Mapping[str, Any]

_TEMPLATE_HASH = "pod-template-hash"  # the controller of Deployments gives it to ReplicaSets and their pods


def is_own_child(item: Object, rollout: ModelRollout) -> bool:
    """Whether a Deployment or Service was made for this rollout by this operator."""
    described = item["metadata"]
    if described["name"] not in (_name_of(item, rollout), comparer_name(rollout.name)):
        return False
    controllers = [owner for owner in described.get("ownerReferences") or [] if owner.get("controller")]
    if controllers:
        return any(owner.get("uid") == rollout.uid for owner in controllers)
    return any(entry.get("manager") == SERVING_MANAGER for entry in described.get("managedFields") or [])


def is_own_pod(pod: Object, rollout: ModelRollout) -> bool:
    """Whether a pod is one of a Deployment of this rollout."""
    described = pod["metadata"]
    template = (described.get("labels") or {}).get(_TEMPLATE_HASH)
    names = {f"{name}-{template}" for name in (_name_of(pod, rollout), comparer_name(rollout.name)) if name}
    controllers = [owner for owner in described.get("ownerReferences") or [] if owner.get("controller")]
    return any(owner.get("kind") == "ReplicaSet" and owner.get("name") in names for owner in controllers)


def _name_of(item: Object, rollout: ModelRollout) -> str | None:
    """The name of the child that an object says it is."""
    labels = item["metadata"].get("labels") or {}
    try:
        return child_name(rollout.name, labels[VERSION_LABEL], labels.get(SPLIT_LABEL, EVERYBODY))
    except (KeyError, ValueError):
        return None
