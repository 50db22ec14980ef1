"""Hosts and gateways: whom a host belongs to, and when two VirtualServices route the same one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

MESH = "mesh"
"""The gateway that stands for all side cars."""

_OF_SEVERAL_CLUSTERS = "clusterset.local"  # of Services that are exported, beside the cluster's own domain


def shared_host(
    hosts: Iterable[str], gateways: Iterable[str], namespace: str, live: Mapping[str, Any], domain: str
) -> str | None:
    """The first of ``hosts`` that a VirtualService routes at one of ``gateways`` too, or None.

    ``namespace`` is where a gateway without one is looked for, ``domain`` the cluster's.
    """
    routed, other = live.get("spec", {}), live["metadata"]["namespace"]
    theirs = {full_gateway(name, other) for name in routed.get("gateways") or [MESH]}
    if theirs.isdisjoint(full_gateway(name, namespace) for name in gateways):
        return None
    taken = {claimed_host(host, other, domain) for host in routed.get("hosts") or []}
    return next((host for host in hosts if claimed_host(host, namespace, domain) in taken), None)


def host_problem(rollout: ModelRollout, spec: Spec) -> Refusal | None:
    """In the mesh a VirtualService takes the requests of a Service's callers everywhere, whoever's the Service is. With
    the operator's rights nobody shall do that to another namespace than their own."""
    if MESH not in spec.traffic.gateways:
        return None
    words = (_not_theirs(host, rollout) for host in spec.traffic.hosts)
    problem = next(filter(None, words), None)
    return Refusal(Reason.FOREIGN_HOST, f"spec.traffic.hosts: {problem}") if problem is not None else None


def routed_hosts(spec: Spec, rollout: ModelRollout) -> list[str]:
    """The hosts of the VirtualService: those of the spec, and for callers in the mesh the full names of Services that
    the spec names by shorter ones. Of names with a dot Istio completes none, and istiod, which knows a Service by its
    full name, would leave their callers to the Service itself at every port but 80."""
    hosts = list(spec.traffic.hosts)
    if MESH not in spec.traffic.gateways:
        return hosts
    shorter = [host for host in hosts if "." in host and _service(host, rollout) is not None]
    known = {host if "." in host else full_host(host, rollout.namespace, rollout.cluster_domain) for host in hosts}
    full = (claimed_host(host, rollout.namespace, rollout.cluster_domain) for host in shorter)
    return [*hosts, *(name for name in dict.fromkeys(full) if name not in known)]


def services_of_hosts(hosts: Iterable[str], rollout: ModelRollout) -> list[str]:
    """The Services of a rollout's namespace by whose names callers in the mesh ask for these hosts."""
    found = (_service(host, rollout) for host in hosts)
    return [place[0] for place in found if place is not None and place[1] == rollout.namespace]


def service_command(name: str, namespace: str) -> str:
    """What makes the Service that callers in the mesh resolve: a VirtualService makes none."""
    return f"kubectl create service clusterip {name} --tcp=8501:8501 --tcp=8500:8500 -n {namespace}"


def is_own_service(host: str, rollout: ModelRollout) -> bool:
    """Whether callers in the mesh ask for a Service of the rollout's namespace by this host, also as one that several
    clusters share."""
    return bool(services_of_hosts([host], rollout)) or host.endswith(f".{rollout.namespace}.svc.{_OF_SEVERAL_CLUSTERS}")


def of_another_domain(hosts: Iterable[str], rollout: ModelRollout) -> str | None:
    """The first host that is a Service's name in a cluster of another domain, so that nobody here resolves it."""
    for host in hosts:
        name, _, domain = host.partition(".svc.")
        is_service = name.count(".") == 1 and domain != ""
        if is_service and domain not in (rollout.cluster_domain, _OF_SEVERAL_CLUSTERS):
            return host
    return None


def _not_theirs(host: str, rollout: ModelRollout) -> str | None:
    """Why a host is not for a rollout of this namespace to take in the mesh."""
    found = _service(host, rollout)
    if found is None or found[1] == rollout.namespace:
        return None
    what = "is" if ".svc" in host else "is, to callers in the mesh,"
    return (
        f"{host} {what} a Service of namespace {found[1]}, and the gateway mesh would take its requests from "
        "everybody; create the rollout there, or choose another host"
    )


def _service(host: str, rollout: ModelRollout) -> tuple[str, str] | None:
    """Name and namespace of the Service that a host is to callers in the mesh; None when it is none."""
    claimed, end = claimed_host(host, rollout.namespace, rollout.cluster_domain), f".svc.{rollout.cluster_domain}"
    name, _, namespace = claimed.removesuffix(end).rpartition(".")
    return (name, namespace) if claimed.endswith(end) and name and namespace else None


def claimed_host(host: str, namespace: str, domain: str) -> str:
    """What a host is to callers in the mesh of a cluster of this domain: a Service answers to ``fraud.prod`` as well,
    and istiod puts the hosts of VirtualServices before such shorter names."""
    if host.count(".") == 1 and not host.endswith(".svc"):
        return f"{host}.svc.{domain}"
    return full_host(host, namespace, domain)


def full_host(host: str, namespace: str, domain: str) -> str:
    """A host as Istio takes it: one without a dot is a Service of the VirtualService's own namespace."""
    if "." not in host:
        return f"{host}.{namespace}.svc.{domain}"
    return f"{host}.{domain}" if host.endswith(".svc") else host


def full_gateway(name: str, namespace: str) -> str:
    """A gateway as Istio takes it: one without a namespace is one of the VirtualService's own, as ``./public`` is, and
    one with a dot is in its older spelling, ``public.ingress`` or ``public.ingress.svc.cluster.local``."""
    where, slash, short = name.partition("/")
    if slash:
        return f"{namespace}/{short}" if where == "." else name
    if name == MESH:
        return name
    short, dot, rest = name.partition(".")
    return f"{rest.partition('.')[0] if dot else namespace}/{short}"
