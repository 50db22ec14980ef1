"""By an id of any form, which the proxies hash themselves.

The weights are those of one rule, and a filter of the mesh has it choose by the hash of a header in place of chance
(Envoy's ``WeightedCluster.use_hash_policy``). Istio has no setting for that, so whoever runs the mesh installs the
filter once for each header, by the chart's value ``meshHash``; it finds the rules by their name, which is the same in
all rollouts. Without it they choose by chance, so a spec is only accepted where it is there.

The weights are hundredths of a percent whatever the shares are: with another sum everybody would be dealt anew.

Requests without the header, and with an empty one, whose hash is all alike, are not for that rule: they are drawn.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-weightedcluster
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from modelrollout.api.affinity import HeaderMethod, IdHeader
from modelrollout.manifests.affinity.base import Affinity, Live

RULE = "mesh-hash."
"""What the name of a rule begins with; the header follows. Istio names Envoy's routes so, and the filter knows them. No
split's name has a dot, so no rule of a split is taken for one of these."""

ANY = ".+"


def rule_name(header: str) -> str:
    """Of the rules of all rollouts that go by a header, in lower case."""
    return RULE + header


@dataclass(frozen=True, slots=True)
class ByMeshHash(Affinity):
    """``affinity.header`` with ``method: MeshHash``."""

    asked: IdHeader

    @property
    def header(self) -> str:
        """The one with the id."""
        return self.asked.looks_at

    @property
    def hashed(self) -> str | None:
        """The name of the rule whose weights the proxies choose from by the hash."""
        return rule_name(self.header)

    @classmethod
    def read(cls, live: Live) -> tuple[Self, int] | None:
        """From what is asked of requests."""
        for header, how in live.known:
            if how == {"regex": ANY}:
                return cls(IdHeader(name=header, method=HeaderMethod.MESH_HASH)), 0
        return None
