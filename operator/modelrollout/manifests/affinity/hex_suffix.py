"""By the last two hex digits of an id that each request carries, for services and gRPC clients.

Nothing is told, so nothing has to be kept or sent back, and it holds from the first request on. Nor does it know of
epochs: whoever had a version keeps it when shares change, as far as they can (``buckets.py``), and yet the shares are
what they say at once, because every id is of one version. Not of the split either: an id has the same version in each
split of the same shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from modelrollout.api.affinity import HeaderMethod, IdHeader
from modelrollout.manifests.affinity.base import Affinity, Live
from modelrollout.manifests.buckets import ANY_ENDING, dealt, ending
from modelrollout.manifests.meta import Object


@dataclass(frozen=True, slots=True)
class ByHexSuffix(Affinity):
    """``affinity.header`` with ``method: HexSuffix``."""

    asked: IdHeader

    @property
    def header(self) -> str:
        """The one with the id."""
        return self.asked.looks_at

    def known(self, salt: str, shares: Mapping[str, float], epoch: int) -> Mapping[str, Object]:
        """The endings that are a version's; none for one whose share is less than half a bucket."""
        return {version: {"regex": ending(buckets)} for version, buckets in dealt(salt, shares).items() if buckets}

    @classmethod
    def read(cls, live: Live) -> tuple[Self, int] | None:
        """From what is asked of requests."""
        for header, how in live.known:
            if str(how.get("regex", "")).startswith(ANY_ENDING):
                return cls(IdHeader(name=header, method=HeaderMethod.HEX_SUFFIX)), 0
        return None
