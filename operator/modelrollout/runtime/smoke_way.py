"""The way of smoke requests: where a request to a rollout enters, and by which host.

Behind a Gateway that is where users' requests enter. In the mesh there is no such place, since every caller has a proxy
of its own: the operator's requests go to the proxy that the cluster's owner names, and to no other address. A host is
what somebody wrote into a spec, and may resolve to whatever the operator reaches and that somebody does not: the
operator itself, a node's metadata, a Service of another namespace. So it is never connected to. It is only told to the
proxy, and only as the full name of a Service of the rollout's own namespace.
"""

from __future__ import annotations

import asyncio

import aiohttp

from modelrollout.adapters.cluster import SERVICES, ApiError, Cluster
from modelrollout.adapters.samples import Mesh
from modelrollout.api.traffic import Header
from modelrollout.manifests.hosts import MESH, claimed_host, services_of_hosts
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.given_samples import NotSent
from modelrollout.runtime.settings import Settings

SERVICE_LIMIT = 10.0  # seconds
NO_PROXY = (
    "smoke requests of a rollout in the mesh are sent through a proxy of the mesh, and this installation names none; "
    "set the chart's value mesh.proxyUrl, or name a Gateway in spec.traffic.gateways"
)
NO_SERVICE = (
    "none of spec.traffic.hosts is a Service of namespace {}, and smoke requests of a rollout in the mesh go to "
    "nothing else; name one, or a Gateway in spec.traffic.gateways"
)


def smoke_way(rollout: ModelRollout, spec: Spec, settings: Settings, preview: Header, version: str) -> Mesh:
    """How requests reach a version before it has others. Raises NotSent with the way out."""
    if any(gateway != MESH for gateway in spec.traffic.gateways):
        return Mesh(settings.gateway_url.rstrip("/"), spec.traffic.hosts[0], preview, version)
    for host in spec.traffic.hosts:
        if found := services_of_hosts([host], rollout):
            if not settings.mesh_proxy_url:
                raise NotSent(NO_PROXY)
            name = claimed_host(host, rollout.namespace, rollout.cluster_domain)
            return Mesh(settings.mesh_proxy_url.rstrip("/"), name, preview, version, found[0])
    raise NotSent(NO_SERVICE.format(rollout.namespace))


async def check_service(cluster: Cluster, namespace: str, name: str) -> None:
    """Raises NotSent where the Service that callers ask for is not there, or is another name for somebody else's."""
    try:
        async with asyncio.timeout(SERVICE_LIMIT):
            found = await cluster.page(SERVICES, namespace, {"metadata.name": name}, most=1)
    except (ApiError, aiohttp.ClientError, TimeoutError) as error:
        raise NotSent(f"Service {name} cannot be read: {str(error) or 'no answer in time'}") from error
    if not found:
        raise NotSent(f"there is no Service {name} in {namespace}, so no proxy of the mesh knows that host")
    if found[0]["spec"].get("type") == "ExternalName":
        raise NotSent(
            f"Service {name} is of type ExternalName, and leads elsewhere; smoke requests go to Services of "
            f"{namespace} alone: make it one of type ClusterIP"
        )
