"""How users are known again: one file a way."""

from __future__ import annotations

from modelrollout.api.affinity import Affinity as Asked
from modelrollout.api.affinity import Cookie, Echo, HeaderMethod, IdHeader
from modelrollout.manifests.affinity.base import Affinity, Live
from modelrollout.manifests.affinity.cookie import ByCookie
from modelrollout.manifests.affinity.echo import ByEcho
from modelrollout.manifests.affinity.hex_suffix import ByHexSuffix
from modelrollout.manifests.affinity.mesh_hash import ByMeshHash

__all__ = ["Affinity", "asked", "found"]

_READERS = (ByCookie, ByHexSuffix, ByMeshHash, ByEcho)


def asked(spec: Asked | None) -> Affinity | None:
    """The one that a spec asks for."""
    match spec.chosen if spec is not None else None:
        case Cookie() as settings:
            return ByCookie(settings)
        case IdHeader(method=HeaderMethod.HEX_SUFFIX) as settings:
            return ByHexSuffix(settings)
        case IdHeader() as settings:
            return ByMeshHash(settings)
        case Echo() as settings:
            return ByEcho(settings)
    return None


def found(live: Live) -> tuple[Affinity | None, int]:
    """The one that live rules seem to have been written with, and the epoch that it names."""
    read = (way.read(live) for way in _READERS)
    return next((one for one in read if one is not None), (None, 0))
