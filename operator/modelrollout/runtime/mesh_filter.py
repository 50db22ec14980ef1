"""Is the filter there by which proxies choose a version by the hash of a header (``manifests/affinity/mesh_hash.py``)?

Without it they choose by chance and nothing tells: users would not stay, and nobody would know. So a spec is refused
until it is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelrollout.adapters.cluster import ENVOY_FILTERS, ApiError, Cluster
from modelrollout.api.affinity import HeaderMethod, IdHeader
from modelrollout.core.observation import Refusal
from modelrollout.core.plan import Reason
from modelrollout.manifests.affinity.mesh_hash import rule_name
from modelrollout.resource.spec import Spec

_FIELD = "spec.traffic.affinity.header.method: MeshHash"
WAY_OUT = "set the chart's value meshHash.headers to [{}], or use HexSuffix, a cookie or an echo"


async def missing_filter(cluster: Cluster, namespace: str | None, spec: Spec) -> Refusal | None:
    """Why users would not stay by a hash; None where they would, or need not. ``namespace`` is where the installation
    has its filters, None: nowhere."""
    header = hashed_header(spec)
    if header is None:
        return None
    way_out = WAY_OUT.format(header)
    if namespace is None:
        return _refused(f"it needs a filter of the mesh, and this installation has none; {way_out}")
    try:
        filters = await cluster.list(ENVOY_FILTERS, namespace)
    except ApiError as error:
        if error.status not in (403, 404):
            raise
        return _refused(f"it needs an EnvoyFilter, and those in {namespace} cannot be read: {error}; {way_out}")
    if any(header in headers_of(item) for item in filters):
        return None
    return _refused(f"no EnvoyFilter in {namespace} makes the proxies choose by {header}; {way_out}")


def hashed_header(spec: Spec) -> str | None:
    """The header by whose hash users stay, in lower case; None where they stay by something else, or not at all."""
    chosen = spec.traffic.affinity.chosen if spec.traffic.affinity is not None else None
    is_hashed = isinstance(chosen, IdHeader) and chosen.method is HeaderMethod.MESH_HASH
    return chosen.looks_at if isinstance(chosen, IdHeader) and is_hashed else None


def headers_of(item: Mapping[str, Any]) -> Iterator[str]:
    """The headers by whose hash a filter makes the proxies choose."""
    for patch in _patches(item):
        if (header := _hashed_by(patch)) is not None:
            yield header


def _refused(words: str) -> Refusal:
    return Refusal(Reason.MESH_FILTER_MISSING, f"{_FIELD}: {words}")


def _patches(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (item.get("spec") or {}).get("configPatches") or ()


def _hashed_by(patch: Mapping[str, Any]) -> str | None:
    """The header, where a patch is for its rules and has their weights chosen by its hash."""
    try:
        route = patch["patch"]["value"]["route"]
        name = patch["match"]["routeConfiguration"]["vhost"]["route"]["name"]
        (header,) = [str(item["header"]["header_name"].lower()) for item in route["hash_policy"]]
        return header if name == rule_name(header) and route["weighted_clusters"]["use_hash_policy"] else None
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
