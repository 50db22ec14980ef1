"""Whether callers come through the gateways that a rollout names: each has to be there and to let its hosts in.

A VirtualService for a gateway that does not exist, or that has no server for its hosts, is in order for everybody: the
API server takes it, istiod leaves it out, and every caller gets 404.
https://istio.io/latest/docs/reference/config/networking/gateway/#Server
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelrollout.api.traffic import Traffic
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.manifests.hosts import MESH, full_gateway, full_host

Gateway = Mapping[str, Any]


def named_gateways(traffic: Traffic, namespace: str) -> list[str]:
    """The gateways of a rollout of this namespace as NAMESPACE/NAME, without the mesh."""
    return [full_gateway(name, namespace) for name in traffic.gateways if name != MESH]


def shut_out(gateway: Gateway, traffic: Traffic, namespace: str, domain: str) -> list[str]:
    """The hosts that a gateway has no server for, in a cluster of this domain."""
    return [host for host in traffic.hosts if not admits(gateway, namespace, host, domain)]


def entrance_problem(
    traffic: Traffic, namespace: str, known: Callable[[str], Gateway | None], domain: str
) -> Refusal | None:
    """Why callers do not come through one of the gateways, by its field and with the way out; None where they do.
    ``known`` finds a gateway by NAMESPACE/NAME, ``domain`` is the cluster's."""
    for index, value in enumerate(traffic.gateways):
        name = full_gateway(value, namespace)
        if value != MESH and (found := _problem(name, known(name), traffic, namespace, domain)) is not None:
            return replace(found, message=f'spec.traffic.gateways[{index}] "{value}": {found.message}')
    return None


def _problem(name: str, gateway: Gateway | None, traffic: Traffic, namespace: str, domain: str) -> Refusal | None:
    where, _, short = name.partition("/")
    kind = "gateways.networking.istio.io"
    if gateway is None:
        way_out = f"make it, or correct the field; those that there are: kubectl get {kind} -n {where}"
        return Refusal(Reason.REFERENCE_MISSING, f"there is no Gateway {short} in {where}; {way_out}")
    out = shut_out(gateway, traffic, namespace, domain)
    if not out:
        return None
    why = f"the Gateway does not let in {', '.join(out)}, so callers get 404; add {_it(out)} to a server's hosts"
    return Refusal(Reason.GATEWAY, f"{why}: kubectl edit {kind} {short} -n {where}")


def _it(hosts: Sequence[str]) -> str:
    return "it" if len(hosts) == 1 else "them"


def admits(gateway: Gateway, namespace: str, host: str, domain: str) -> bool:
    """Whether one of a gateway's servers is for this host of a VirtualService in ``namespace``."""
    own = gateway["metadata"]["namespace"]
    servers: Sequence[Gateway] = (gateway.get("spec") or {}).get("servers") or []
    hosts = [wanted for server in servers for wanted in server.get("hosts") or []]
    return any(_fits(wanted, own, namespace, full_host(host, namespace, domain)) for wanted in hosts)


def _fits(wanted: str, own: str, namespace: str, host: str) -> bool:
    where, slash, pattern = wanted.rpartition("/")
    if slash and where not in ("*", namespace) and not (where == "." and namespace == own):
        return False
    if pattern == "*" or pattern == host:
        return True
    return pattern.startswith("*.") and host.endswith(pattern[1:])
