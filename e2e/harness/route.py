"""Weights as they stand in a VirtualService: what the mesh was told, apart from what the status says."""

from __future__ import annotations

from e2e.client.answer import VERSION_HEADER
from e2e.harness.kubectl import Object

Weights = dict[str, int]
"""Percent by version, versions with 0 left out."""


def weights_of(virtual_service: Object) -> Weights:
    """The weights of the rule named `weighted`, by the version that each destination puts on its answers."""
    rules = {rule["name"]: rule for rule in virtual_service["spec"]["http"]}
    weights = {version_of(share): share.get("weight", 0) for share in rules["weighted"]["route"]}
    return {version: weight for version, weight in weights.items() if weight > 0}


def version_of(share: Object) -> str:
    """The version that a destination of a rule is."""
    version: str = share["headers"]["response"]["set"][VERSION_HEADER]
    return version
