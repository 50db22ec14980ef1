"""Others who have a host already, or asked for it before: of two who route one at the same gateway the mesh would send
requests to either.

Whoever was given a host keeps it. Only among those who were not does age decide, and only who may have the host counts:
a spec that is refused, or was edited just now, must not keep the owner of a host from releasing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from modelrollout.core.accept.acceptance import last_accepted
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.manifests.allowed_hosts import HostRule, forbidden_host
from modelrollout.manifests.hosts import host_problem, shared_host
from modelrollout.manifests.meta import OWNER_LABEL, is_ours
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

Object = dict[str, Any]


def rival(
    rollout: ModelRollout,
    spec: Spec,
    routes: Sequence[Object],
    rollouts: Iterable[Object],
    rules: Sequence[HostRule],
) -> Refusal | None:
    """A VirtualService of our name that is not ours, or a host that is somebody else's at the same gateway. ``routes``
    and ``rollouts`` are those that name one of the hosts, and the VirtualService of our name."""
    found = (
        *_foreign_route(rollout, routes),
        *_routed_elsewhere(rollout, spec, routes),
        *_wanted_elsewhere(rollout, spec, routes, rollouts, rules),
    )
    return found[0] if found else None


def _foreign_route(rollout: ModelRollout, routes: Iterable[Object]) -> Iterator[Refusal]:
    for route in routes:
        if _has_our_name(route, rollout) and not is_ours(route, rollout):
            yield Refusal(
                Reason.FOREIGN_VIRTUAL_SERVICE,
                f"metadata.name: there is a VirtualService {rollout.name} that belongs to somebody else; rename the "
                "rollout, or delete that VirtualService when the rollout shall take its place",
            )


def _routed_elsewhere(rollout: ModelRollout, spec: Spec, routes: Iterable[Object]) -> Iterator[Refusal]:
    for route in routes:
        described = route["metadata"]
        owner = (described.get("labels") or {}).get(OWNER_LABEL)
        if _is_own_route(route, rollout):
            continue
        host = _shared(rollout, spec, route)
        if host is not None:
            named = f"{described['namespace']}/{described['name']}"
            whose = f"ModelRollout {described['namespace']}/{owner}" if owner else f"VirtualService {named}"
            yield Refusal(
                Reason.HOST_TAKEN if owner else Reason.FOREIGN_VIRTUAL_SERVICE,
                f"spec.traffic.hosts: {host} is already routed by {whose}; choose another host, or take it out there",
            )


def _wanted_elsewhere(
    rollout: ModelRollout,
    spec: Spec,
    routes: Iterable[Object],
    rollouts: Iterable[Object],
    rules: Sequence[HostRule],
) -> Iterator[Refusal]:
    held = list(_held(rollout, routes))
    for other in (ModelRollout.from_json(item, rollout.cluster_domain) for item in rollouts):
        if other.deleting or other.key == rollout.key:
            continue
        for wanted, words in _wishes(other, rollout, rules):
            host = _shared(rollout, spec, _as_route(other, wanted), held)
            if host is not None:
                yield Refusal(
                    Reason.HOST_TAKEN,
                    f"spec.traffic.hosts: {host} is already {words} ModelRollout {other.key}; choose another host",
                )


def _held(rollout: ModelRollout, routes: Iterable[Object]) -> Iterator[Object]:
    """What we route, and what we were given."""
    yield from (route for route in routes if _is_own_route(route, rollout))
    accepted = last_accepted(rollout.status)
    if accepted is not None and accepted.validate_only is None:
        yield _as_route(rollout, accepted)


def _wishes(other: ModelRollout, ours: ModelRollout, rules: Sequence[HostRule]) -> Iterator[tuple[Spec, str]]:
    """What another rollout was given, whatever its age, and what an older one asks for that may have it; in words."""
    accepted, newest = last_accepted(other.status), other.spec
    if accepted is not None and accepted.validate_only is None:
        yield accepted, "that of"
    if not isinstance(newest, Spec) or newest.validate_only is not None or not _is_older(other, ours):
        return
    if host_problem(other, newest) is None and forbidden_host(other, newest, rules) is None:
        yield newest, "asked for by an older"


def _is_older(other: ModelRollout, ours: ModelRollout) -> bool:
    return (other.created, other.namespace, other.name) < (ours.created, ours.namespace, ours.name)


def _is_own_route(route: Object, rollout: ModelRollout) -> bool:
    return _has_our_name(route, rollout) and is_ours(route, rollout)


def _has_our_name(route: Object, rollout: ModelRollout) -> bool:
    described = route["metadata"]
    return bool((described["namespace"], described["name"]) == (rollout.namespace, rollout.name))


def _as_route(rollout: ModelRollout, spec: Spec) -> Object:
    """What of its VirtualService tells whose the hosts are."""
    traffic = spec.traffic
    return {
        "metadata": {"namespace": rollout.namespace},
        "spec": {"hosts": list(traffic.hosts), "gateways": list(traffic.gateways)},
    }


def _shared(rollout: ModelRollout, spec: Spec, route: Object, held: Sequence[Object] = ()) -> str | None:
    """The first host of the spec that is another's at one of its gateways, too, and that we do not hold there."""

    def is_routed(host: str, gateway: str, live: Object) -> bool:
        return shared_host([host], [gateway], rollout.namespace, live, rollout.cluster_domain) is not None

    return next(
        (
            host
            for host in spec.traffic.hosts
            for gateway in spec.traffic.gateways
            if is_routed(host, gateway, route) and not any(is_routed(host, gateway, own) for own in held)
        ),
        None,
    )
