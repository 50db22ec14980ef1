"""Weights as they stand in a VirtualService: what the mesh was told, apart from what the status says."""

from __future__ import annotations

from e2e.harness.kubectl import Object

Weights = dict[str, int]
"""Percent by version, versions with 0 left out."""


def weights_of(virtual_service: Object, rollout: str) -> Weights:
    """The weights of the last rule, which is the one for requests that no other rule is for."""
    rules = virtual_service["spec"].get("http", [])
    shares = rules[-1]["route"] if rules else []
    weights = {version_of(share["destination"]["host"], rollout): share.get("weight", 100) for share in shares}
    return {version: weight for version, weight in weights.items() if weight > 0}


def version_of(host: str, rollout: str) -> str:
    """``digits-1-0-1.prod.svc.cluster.local`` -> ``1.0.1``."""
    return host.split(".")[0].removeprefix(f"{rollout}-").replace("-", ".")
