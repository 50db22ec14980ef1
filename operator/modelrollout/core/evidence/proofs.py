"""Proofs: what a contest has proven, by rules that say how sure one wants to be.

A version wins when it is proven better than each of the others. By the delay that is told, and by any other one that
rewards may well have (``any_delay.py``): what is only proven if rewards come as late as somebody said is not proven.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from modelrollout.core.evidence.any_delay import Explained, is_alike, is_better, may_be_better
from modelrollout.core.evidence.contest import Contest, Rules

BETA = 0.05  # chance that "no difference" is said of versions that differ by more than the indifference

SUITED = 1.0
"""What the best of all delays and ratios of rates explains better than a mixture of six, as a log: as much as evidence
has behind it when it is enough, where there is but one delay."""

HARDLY = 0.05
"""A part of a rate: who earns so much more at most has hardly beaten another one."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """Of one contest, by these rules."""

    contest: Contest
    rules: Rules

    @property
    def provable(self) -> tuple[str, ...]:
        """The versions of which anything may be proven: none before it is known in which bursts rewards come."""
        return self.contest.settled(self.rules.mean_delay) if self.contest.is_known else ()

    def needed(self, version: str | None = None) -> float:
        """Evidence of a version against each other one at which it has won: where all are alike, each of them could be
        named. Without one, of that which leads."""
        if version is None:
            version = max(self.contest.versions, key=self.lead, default="")
        return 1.0 / (self.rules.false_winner * self.contest.stakes.parts.get(version, 1.0))

    @property
    def winner(self) -> str | None:
        """The version that is proven better than each of the others."""
        if self.provable != self.contest.versions:
            return None
        return next((version for version in self.contest.versions if self._has_won(version)), None)

    @property
    def doubted(self) -> tuple[str, float] | None:
        """A version that would have won, were rewards as late as is told, and a mean delay, in seconds, by which what
        was seen is explained without it; None where there is none."""
        if self.provable != self.contest.versions:
            return None
        for version in self.contest.versions:
            if self.lead(version) < self.needed(version):
                continue
            found = [self._explained(version, other) for other in self.contest.versions if other != version]
            doubts = [item for item in found if item is not None and not self._is_enough(item, version)]
            if doubts:
                return version, min(doubts, key=lambda item: item.surplus).delay
        return None

    def _has_won(self, version: str) -> bool:
        if self.lead(version) < self.needed(version):
            return False
        return all(self._by_any_delay(version, other) for other in self.contest.versions if other != version)

    def _by_any_delay(self, one: str, other: str) -> bool:
        """Whether one is better than another one however late rewards come; only asked where by the told delay it is
        proven."""
        found = self._explained(one, other)
        return found is None or self._is_enough(found, one)

    def _explained(self, one: str, other: str) -> Explained | None:
        more, fewer = (one, other) if self.rules.more_is_better else (other, one)
        return is_better(self.contest.timeline, more, fewer, self._surplus_needed(one))

    def may_be_beaten(self, version: str) -> bool:
        """Whether some other version earns notably more than one, were rewards as late as they well may be."""
        return any(self._beats(other, version) for other in self.contest.versions if other != version)

    def _beats(self, one: str, other: str) -> bool:
        more, fewer = (one, other) if self.rules.more_is_better else (other, one)
        phi = self.contest.spread.factor(self.rules.overdispersion, one, other)
        return may_be_better(self.contest.timeline, more, fewer, HARDLY, phi)

    def _is_enough(self, found: Explained, version: str) -> bool:
        return found.surplus >= self._surplus_needed(version)

    def _surplus_needed(self, version: str) -> float:
        phi = self.contest.spread.factor(self.rules.overdispersion, *self.contest.versions)
        return phi * (log(self.needed(version)) + SUITED)

    def lead(self, version: str) -> float:
        """The least of a version's evidence against the others; 0 without others."""
        others = (other for other in self.contest.versions if other != version)
        return min((self.contest.evidence(version, other, self.rules) for other in others), default=0.0)

    @property
    def contenders(self) -> tuple[str, ...]:
        """Those that nobody is proven to be better than, for all pairs together."""
        pairs, provable = max(1, self.contest.most - 1), self.provable
        needed = {version: self.needed(version) * pairs for version in provable}
        return tuple(
            version
            for version in self.contest.versions
            if version not in provable
            or not any(
                self.contest.evidence(other, version, self.rules) >= needed[other]
                and self._by_any_delay(other, version)
                for other in provable
                if other != version
            )
        )

    @property
    def alike_needed(self) -> float:
        """Evidence at which it is proven that the contenders do not differ. Twice as much after each edit by which some
        of them are compared from the beginning, so that all questions together are wrong in at most 2 BETA."""
        return 2.0**self.contest.stakes.begun / BETA

    @property
    def alike(self) -> float:
        """Evidence that the contenders do not differ: the least of their pairs, proven at ``alike_needed``. 0 where
        there are no two, and before anything may be proven of all of them."""
        left, before = set(self.contenders), self.rules.overdispersion
        if not left.issubset(self.provable):
            return 0.0
        found = {
            two: pair.no_difference(self.contest.spread.factor(before, *two))
            for two, pair in self.contest.pairs.items()
        }
        least = min((value for two, value in found.items() if {*two} <= left), default=0.0)
        if least < self.alike_needed:
            return least
        return least if all(self._is_alike(*two) for two in found if {*two} <= left) else 1.0

    def _is_alike(self, one: str, other: str) -> bool:
        """Whether two do not differ however late rewards come."""
        needed = self.contest.spread.factor(self.rules.overdispersion, one, other) * log(self.alike_needed)
        found = is_alike(self.contest.timeline, one, other, self.rules.indifference, needed)
        return found is None or found.surplus >= needed

    @property
    def best(self) -> str | None:
        """The contender that has earned the most."""
        rated = [version for version in self.contenders if self.contest.rated(version, self.rules.parts).trials]
        sign = 1.0 if self.rules.more_is_better else -1.0
        return max(rated, key=lambda version: sign * self.contest.rated(version, self.rules.parts).rate, default=None)
