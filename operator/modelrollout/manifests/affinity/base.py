"""What a way to know users again is asked. ``Marks`` puts what it says into rules, and reads it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from modelrollout.manifests.meta import Object

Told = Mapping[str, Mapping[str, str]]
"""What is done to headers of answers: ``{"set": {name: value}, "add": {name: value}}``; either may be absent."""


@dataclass(frozen=True, slots=True)
class Live:
    """Live rules, of which a way is read."""

    drawing: Sequence[Mapping[str, Any]]
    """The destinations of those that draw by weights."""
    known: Sequence[tuple[str, Mapping[str, Any]]]
    """Header and condition, of those in front: what they look at besides whom their split is for."""


class Affinity(Protocol):
    """A way to know users again. What is not said of one is the way of most."""

    @property
    def header(self) -> str:
        """The request header that it looks at, in lower case. Only where nothing else does: Istio takes one condition
        for each."""
        ...

    @property
    def hashed(self) -> str | None:
        """The name of the rule for all requests with that header, where the proxies themselves choose a version by it;
        None where each version's users are known."""
        return None

    def known(self, salt: str, shares: Mapping[str, float], epoch: int) -> Mapping[str, Object]:
        """For each version, how that header looks when its user has this version."""
        return {}

    def told(self, version: str, epoch: int, *, drawn: bool) -> Told:
        """What a version's answers carry for the next request. ``drawn``: their users have come by the weights."""
        return {}

    @classmethod
    def read(cls, live: Live) -> tuple[Self, int] | None:
        """That of live rules and the epoch that it names, 0 if it names none; None when it is another way. Whether all
        of it is there shows when it is written again. Raises ValueError and its like for what is none at all."""
        ...
