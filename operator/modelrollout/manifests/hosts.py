"""Hosts and gateways: whom a host belongs to, and when two VirtualServices route the same one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

MESH = "mesh"
"""The gateway that stands for all side cars."""

_SERVICE_HOST = re.compile(r"(?P<name>.+)\.(?P<namespace>[^.]+)\.svc\.cluster\.local")


def shared_host(hosts: Iterable[str], gateways: Iterable[str], namespace: str, live: Mapping[str, Any]) -> str | None:
    """The first of ``hosts`` that a VirtualService routes at one of ``gateways`` too, or None.

    ``namespace`` is where a gateway without one is looked for.
    """
    routed, other = live.get("spec", {}), live["metadata"]["namespace"]
    theirs = {full_gateway(name, other) for name in routed.get("gateways") or [MESH]}
    if theirs.isdisjoint(full_gateway(name, namespace) for name in gateways):
        return None
    taken = {claimed_host(host, other) for host in routed.get("hosts") or []}
    return next((host for host in hosts if claimed_host(host, namespace) in taken), None)


def host_problem(rollout: ModelRollout, spec: Spec) -> Refusal | None:
    """In the mesh a VirtualService takes the requests of a Service's callers everywhere, whoever's the Service is. With
    the operator's rights nobody shall do that to another namespace than their own."""
    if MESH not in spec.traffic.gateways:
        return None
    words = (_not_theirs(host, rollout.namespace) for host in spec.traffic.hosts)
    problem = next(filter(None, words), None)
    return Refusal(Reason.FOREIGN_HOST, f"spec.traffic.hosts: {problem}") if problem is not None else None


def services_of_hosts(hosts: Iterable[str], namespace: str) -> list[str]:
    """The Services of this namespace by whose names callers in the mesh ask for these hosts."""
    found = (_SERVICE_HOST.fullmatch(claimed_host(host, namespace)) for host in hosts)
    return [match["name"] for match in found if match is not None and match["namespace"] == namespace]


def _not_theirs(host: str, namespace: str) -> str | None:
    """Why a host is not for a rollout of this namespace to take in the mesh."""
    found = _SERVICE_HOST.fullmatch(claimed_host(host, namespace))
    if found is None or found["namespace"] == namespace:
        return None
    what = "is" if ".svc" in host else "is, to callers in the mesh,"
    return (
        f"{host} {what} a Service of namespace {found['namespace']}, and the gateway mesh would take its requests from "
        "everybody; create the rollout there, or choose another host"
    )


def claimed_host(host: str, namespace: str) -> str:
    """What a host is to callers in the mesh: a Service answers to ``fraud.prod`` as well, and istiod puts the hosts of
    VirtualServices before such shorter names."""
    if host.count(".") == 1 and not host.endswith(".svc"):
        return f"{host}.svc.cluster.local"
    return full_host(host, namespace)


def full_host(host: str, namespace: str) -> str:
    """A host as Istio takes it: one without a dot is a Service of the VirtualService's own namespace."""
    if "." not in host:
        return f"{host}.{namespace}.svc.cluster.local"
    return f"{host}.cluster.local" if host.endswith(".svc") else host


def full_gateway(name: str, namespace: str) -> str:
    """A gateway as Istio takes it: one without a namespace is one of the VirtualService's own."""
    return name if name == MESH or "/" in name else f"{namespace}/{name}"
