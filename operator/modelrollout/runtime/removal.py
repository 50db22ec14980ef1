"""Removal: which objects may be deleted without a request being lost for it. Decided from what was read of the cluster.

A rule of the live route may be anybody's work. So it is not asked what kind of Route it is, but whom each of its
destinations leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from modelrollout.adapters.cluster import DEPLOYMENTS, HORIZONTAL_POD_AUTOSCALERS, SERVICES, Object, Resource
from modelrollout.core.plan import DesiredVersion
from modelrollout.manifests.destinations import Destination, destinations
from modelrollout.manifests.meta import SPLIT_LABEL, VERSION_LABEL
from modelrollout.resource.rollout import ModelRollout
from modelrollout.runtime.world import Snapshot


def objects_of(version: str, snapshot: Snapshot) -> list[tuple[Resource, Object]]:
    """Everything of a version, in the order in which it may go.

    The Deployment goes last: a version whose Deployment is there is known, and is removed again after an error.
    """
    return [
        (resource, item)
        for resource in (SERVICES, HORIZONTAL_POD_AUTOSCALERS, DEPLOYMENTS)
        for item in snapshot.of(resource).values()
        if _label(item, VERSION_LABEL) == version
    ]


def has_requests(version: str, snapshot: Snapshot, rollout: ModelRollout) -> bool:
    """Whether any rule gives a version requests: one that names it, or one of its Services. A destination of weight 0
    beside others gives none."""
    services = {item["metadata"]["name"] for resource, item in objects_of(version, snapshot) if resource is SERVICES}
    used = (item for item in _destinations(snapshot, rollout) if not item.idle)
    return any(version in item.versions or item.service in services for item in used)


def unused_services(versions: Sequence[DesiredVersion], snapshot: Snapshot, rollout: ModelRollout) -> Iterator[Object]:
    """Services of deployed versions in splits that none of them needs any more, and that no rule leads to.

    None while the route is not known: what leads to them may only be unseen.
    """
    if snapshot.virtual_service is None:
        return
    used = {item.service for item in _destinations(snapshot, rollout)}
    needed: Mapping[str | None, Sequence[str]] = {version.version: version.splits for version in versions}
    for name, item in snapshot.of(SERVICES).items():
        version, split = _label(item, VERSION_LABEL), _label(item, SPLIT_LABEL)
        if split is not None and version in needed and split not in needed[version] and name not in used:
            yield item


def _destinations(snapshot: Snapshot, rollout: ModelRollout) -> Iterator[Destination]:
    return destinations(snapshot.virtual_service or {}, rollout)


def _label(item: Object, name: str) -> str | None:
    found: str | None = (item["metadata"].get("labels") or {}).get(name)
    return found
