"""Shares as they stand in a VirtualService: what the mesh was told, apart from what the status says."""

from __future__ import annotations

from e2e.client.answer import VERSION_HEADER
from e2e.harness.kubectl import Object
from modelrollout.api.route import EVERYBODY, MATCHED

Weights = dict[str, int]
"""Percent by version, versions with 0 left out."""

FORMER_NAMES = {EVERYBODY: "weighted"}
"""What operators up to 0.1 called a split's rule."""

__all__ = ["EVERYBODY", "MATCHED", "Weights", "version_of", "weights_of"]


def weights_of(virtual_service: Object, split: str = EVERYBODY) -> Weights:
    """The weights of a split's rule, by the version that each destination puts on its answers. Empty without a rule."""
    rules = {rule["name"]: rule for rule in virtual_service["spec"]["http"]}
    rule = rules.get(split) or rules.get(FORMER_NAMES.get(split, split)) or {"route": []}
    weights = {version_of(share): share.get("weight", 0) for share in rule["route"]}
    return {version: weight for version, weight in weights.items() if weight > 0}


def version_of(share: Object) -> str:
    """The version that a destination of a rule is."""
    version: str = share["headers"]["response"]["set"][VERSION_HEADER]
    return version
