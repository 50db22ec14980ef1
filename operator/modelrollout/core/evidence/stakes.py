"""Stakes: the chance of ever naming a wrong winner is given out once, over all versions that ever compete in a trial.

A version's evidence is a bet (``pairwise``): it begins with its part of alpha, and ``part x evidence`` is what that has
become. Whoever is not the best has some version that it is not better than, and against that one its bet is a
supermartingale; the sum of all begins at alpha. It stays one when bets change hands, so an edit gives nothing back:

 - Who leaves gives what is left of its part to those who come later.
 - Who comes is given a part that the others sell.
 - A comparison of a version that was there with one that comes begins with the least that its others came to, at most
   1: whom it is not better than may have changed.
 - A question that is put anew begins with what the old one had left.

What is left is by the least of a version's evidence against the others, at most 1 (``judge/ledger.py`` has the same
rule, and its sources, for what takes versions back).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from math import fsum
from typing import Any, Self

LEAST = 1e-9
"""Of alpha: who has less can win nothing any more, and must not divide by zero."""

Evidence = Callable[[str, str], float]
"""That the first version is better than the second."""


@dataclass(frozen=True, slots=True)
class Stakes:
    """``parts`` of alpha by version that competes; ``least`` is what a version's evidence was at least against those
    who have left, where that is below 1; ``free`` the part of alpha that nobody has. ``begun`` is how often anything
    was put anew or came, after the beginning."""

    parts: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    free: float = 0.0
    begun: int = 0

    @classmethod
    def of(cls, versions: Collection[str], most: int) -> Self:
        """At the beginning, of so many that compete at most."""
        return cls(dict.fromkeys(versions, 1.0 / max(1, most)))

    def among(self, versions: Collection[str], evidence: Evidence, *, decided: bool) -> Stakes:
        """The same among these versions, by the evidence of those who have competed until now. ``decided``: something
        could have been proven by it."""
        if not self.parts:
            return Stakes.of(versions, len(versions))
        after = self._without(versions, evidence)._with(versions, evidence)
        come = after.parts.keys() - self.parts.keys()
        return replace(after, begun=self.begun + 1) if come and decided else after

    def anew(self, evidence: Evidence, *, decided: bool) -> Stakes:
        """Where another question is put to the same versions."""
        return Stakes(self.left(evidence), {}, self.free, self.begun + decided)

    def start(self, version: str, evidence: Evidence) -> float:
        """What the comparison of a version with one that comes begins with."""
        return self._worst(version, self.parts, evidence)

    def left(self, evidence: Evidence) -> dict[str, float]:
        """Of each version's part what it may hand on."""
        worst = {version: self._worst(version, self.parts, evidence) for version in self.parts}
        return {version: max(LEAST, part * worst[version]) for version, part in self.parts.items()}

    def _without(self, versions: Collection[str], evidence: Evidence) -> Stakes:
        gone, left = self.parts.keys() - set(versions), self.left(evidence)
        if not gone:
            return self
        stay = {version: part for version, part in self.parts.items() if version not in gone}
        least = {
            version: min(self.least.get(version, 1.0), *(evidence(version, other) for other in gone))
            for version in stay
        }
        known = {version: value for version, value in least.items() if value < 1.0}
        return replace(self, parts=stay, least=known, free=self.free + fsum(left[version] for version in gone))

    def _with(self, versions: Collection[str], evidence: Evidence) -> Stakes:
        """With those who come: all have as much left afterwards as they would have if all were given out alike, but
        that nobody who was there is given more."""
        come = [version for version in versions if version not in self.parts]
        if not come:
            return self
        owned = fsum(self.left(evidence).values())
        given = len(come) * (self.free + owned) / len(versions)
        bought = max(0.0, given - self.free)
        kept = 1.0 - bought / owned if owned else 0.0
        parts = {version: max(LEAST, part * kept) for version, part in self.parts.items()}
        new = dict.fromkeys(come, max(LEAST, given / len(come)))
        return replace(self, parts=parts | new, free=max(0.0, self.free - given))

    def _worst(self, version: str, others: Collection[str], evidence: Evidence) -> float:
        against = (evidence(version, other) for other in others if other != version)
        return min(1.0, self.least.get(version, 1.0), *against)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {"parts": dict(self.parts), "least": dict(self.least), "free": self.free, "begun": self.begun}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, AttributeError, TypeError or ValueError when not."""
        parts, least = (
            {str(version): float(value) for version, value in status[name].items()} for name in ("parts", "least")
        )
        return cls(parts, least, float(status["free"]), int(status["begun"]))
