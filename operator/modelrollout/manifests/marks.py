"""Marks: what a route writes into answers besides the version, and by which of it a user is known again.

How users are known is said in ``affinity/``; here it is decided where, and the decision's own mark is beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.route import Split
from modelrollout.api.traffic import VERSION_HEADER
from modelrollout.manifests.affinity import Affinity, asked, found
from modelrollout.manifests.affinity.base import Live
from modelrollout.manifests.affinity.mesh_hash import ANY
from modelrollout.manifests.meta import Object
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec

_WHEN_AND_WHICH = "%START_TIME(%s)%/%REQ(X-REQUEST-ID)%"
"""Filled in by Envoy for each request: when it began, in seconds since the epoch of all clocks, and its own name."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What answers carry besides their version: nothing by default. ``decision`` is the name of a header."""

    epoch: int = 0
    affinity: Affinity | None = None
    decision: str | None = None

    @classmethod
    def of(cls, spec: Spec, epoch: int) -> Marks:
        """Those that the spec asks for."""
        traffic = spec.traffic
        decision = traffic.decision_header.lower() if traffic.decision_header is not None else None
        return cls(epoch, asked(traffic.affinity), decision)

    def known(self, rollout: ModelRollout, split: Split) -> Mapping[str, Object]:
        """By version, the headers of requests whose users stay with it. Empty where nobody stays: only where there is
        something to draw, and never by a second condition for the same header."""
        way = self._way(split)
        if way is None:
            return {}
        found = way.known(rollout.uid, split.shares, self.epoch)
        return {version: {way.header: how} for version, how in found.items()}

    def hashed(self, split: Split) -> tuple[str, Object] | None:
        """The name of the rule in front of a split's weights whose choice is by a hash, and what its requests have."""
        way = self._way(split)
        return (way.hashed, {way.header: {"regex": ANY}}) if way is not None and way.hashed is not None else None

    def headers(self, rollout: ModelRollout, split: Split, version: str, *, drawn: bool) -> Mapping[str, Any]:
        """What is done to the headers of a version's answers. ``drawn``: their users come to it by the weights."""
        marks = {VERSION_HEADER: version}
        if self.decision is not None:
            place = (rollout.namespace, rollout.name, str(self.epoch), version, split.name)
            marks[self.decision] = "/".join((*place, _WHEN_AND_WHICH))
        way = self._way(split)
        told = dict(way.told(version, self.epoch, drawn=drawn)) if way is not None else {}
        marks |= told.pop("set", {})
        return {"response": {"set": marks, **told}}

    def _way(self, split: Split) -> Affinity | None:
        """How the users of a split are known again."""
        drawn = split.is_shared and not split.is_preview
        way = self.affinity
        return way if drawn and way is not None and not any(who.asks_for(way.header) for who in split.who) else None


NO_MARKS = Marks()


def marks_of(live: Live) -> Marks:
    """Those that live rules seem to have been written with; whether they were, shows when they are written again.
    Raises ValueError and its like for what is none at all."""
    affinity, epoch = found(live)
    decision = next(_decisions(live.drawing), None)
    if decision is None:
        return Marks(epoch, affinity)
    name, value = decision
    return Marks(int(value.split("/")[2]), affinity, name)


def _decisions(destinations: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Header and value of each mark of a decision."""
    for item in destinations:
        for name, value in item["headers"]["response"]["set"].items():
            if name != VERSION_HEADER and value.endswith(_WHEN_AND_WHICH):
                yield name, value
