"""By a header of the last answer that a caller sends back, for services and gRPC clients that keep no cookies.

The value is a cookie's, ``EPOCH.VERSION``, and holds as long: who sends that of another epoch, or of a version without
a share, is drawn anew. Every answer carries it, so that a caller may send back what came last and keep nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from modelrollout.api.affinity import Echo
from modelrollout.api.traffic import VERSION_HEADER
from modelrollout.manifests.affinity.base import Affinity, Live, Told
from modelrollout.manifests.meta import Object

_VALUE = re.compile(r"(?P<epoch>[0-9]+)\.(?P<version>[0-9]+\.[0-9]+\.[0-9]+)")


@dataclass(frozen=True, slots=True)
class ByEcho(Affinity):
    """``affinity.echo``."""

    asked: Echo

    @property
    def header(self) -> str:
        """The one that comes back."""
        return self.asked.looks_at

    def known(self, salt: str, shares: Mapping[str, float], epoch: int) -> Mapping[str, Object]:
        """The value to the letter."""
        return {version: {"exact": f"{epoch}.{version}"} for version in shares}

    def told(self, version: str, epoch: int, *, drawn: bool) -> Told:
        """Each time, however a request has come."""
        return {"set": {self.header: f"{epoch}.{version}"}}

    @classmethod
    def read(cls, live: Live) -> tuple[Self, int] | None:
        """From what is set by answers."""
        return next(((cls(Echo(header=name)), epoch) for name, epoch in _told(live.drawing)), None)


def _told(destinations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """Headers that name a version as this way does, and the epoch."""
    for item in destinations:
        for name, value in item["headers"]["response"]["set"].items():
            found = _VALUE.fullmatch(value) if name != VERSION_HEADER else None
            if found is not None:
                yield name, int(found["epoch"])
