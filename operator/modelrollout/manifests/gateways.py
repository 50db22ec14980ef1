"""Whether callers come through the gateways that a rollout names: each has to be there and to let its hosts in.

A VirtualService for a gateway that does not exist, or that has no server for its hosts, is in order for everybody: the
API server takes it, istiod leaves it out, and every caller gets 404.
https://istio.io/latest/docs/reference/config/networking/gateway/#Server
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelrollout.api.traffic import Traffic
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
) -> str | None:
    """Why callers do not come through one of the gateways, with the way out; None where they do. ``known`` finds a
    gateway by NAMESPACE/NAME, ``domain`` is the cluster's."""
    names = named_gateways(traffic, namespace)
    return next(filter(None, (_problem(name, known(name), traffic, namespace, domain) for name in names)), None)


def _problem(name: str, gateway: Gateway | None, traffic: Traffic, namespace: str, domain: str) -> str | None:
    where, _, short = name.partition("/")
    if gateway is None:
        return f"the gateway {name} is not there; see kubectl get gateways.networking.istio.io -n {where}"
    out = shut_out(gateway, traffic, namespace, domain)
    if not out:
        return None
    edit = f"kubectl edit gateways.networking.istio.io {short} -n {where}"
    return (
        f"the gateway {name} does not let in {', '.join(out)}, so callers get 404; add it to a server's hosts: {edit}"
    )


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
