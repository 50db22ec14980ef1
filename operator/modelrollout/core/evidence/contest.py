"""Contest: versions that compete by a reward, as a value that grows tick by tick.

Every two of them are compared (``pairwise``), with bounds for all pairs together: one wins when it is proven better
than each of the others, and the chance that there is ever a wrong winner is at most alpha (Bonferroni over the pairs of
the version that would win wrongly). Nothing is proven by totals: an early lead of one version at a good hour is none.

A reward is one or none for each request; or where it may be anything up to a largest one, it is counted in ``parts`` of
that, so that whole numbers do for both, and versions are compared by their means (``bounded``).

Rewards may come later than the requests that they are for. What a tick brings in rewards beyond its requests is kept
for the ticks that follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Self

from modelrollout.core.evidence.bounded import after_rewards
from modelrollout.core.evidence.counts import NOTHING, Count, Tick
from modelrollout.core.evidence.pairwise import PairEvidence
from modelrollout.core.evidence.spread import Spread

BETA = 0.05  # chance that "no difference" is said of versions that differ by more than the indifference

Pair = tuple[str, str]
"""Two versions, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides. ``false_winner`` is alpha; ``indifference`` the part by which odds (means, of bounded rewards) may
    differ and be the same; ``more_is_better``: whether a reward is one; ``overdispersion`` of the control's past, None:
    not known; ``parts`` as which the largest reward is counted, 1: each is one or none."""

    false_winner: float = 0.05
    indifference: float = 0.05
    more_is_better: bool = True
    overdispersion: float | None = None
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Contest:
    """All that is known. ``counts`` are requests and, as ``bad``, those that were rewarded, by version, both in parts
    of a reward where it has some; ``late`` the rewards that no request was counted for yet; ``most`` is how many
    versions ever competed at once."""

    counts: Mapping[str, Count] = field(default_factory=dict)
    late: Mapping[str, int] = field(default_factory=dict)
    pairs: Mapping[Pair, PairEvidence] = field(default_factory=dict)
    spread: Spread = field(default_factory=Spread)
    most: int = 0

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that compete."""
        return tuple(self.counts)

    def among(self, versions: tuple[str, ...]) -> Contest:
        """The same among these versions: others have left, and new ones have everything before them."""
        if versions == self.versions:
            return self
        return Contest(
            {version: self.counts.get(version, NOTHING) for version in versions},
            {version: self.late[version] for version in versions if version in self.late},
            {pair: self.pairs.get(pair, PairEvidence()) for pair in combinations(sorted(versions), 2)},
            self.spread.among(versions),
            max(self.most, len(versions)),
        )

    def after(self, at: float, new: Mapping[str, tuple[int, int]], rules: Rules) -> Contest:
        """After one tick: requests and (in parts) rewards by version, and the time at which they were read."""
        taken, late = {}, {}
        for version in self.versions:
            requests, rewards = new.get(version, (0, 0))
            due, most = rewards + self.late.get(version, 0), requests * rules.parts
            taken[version] = Count(min(due, most), most)
            if due > most:
                late[version] = due - most
        pairs = {both: self._compared(both, Tick(at, *(taken[one] for one in both)), rules) for both in self.pairs}
        counts = {version: self.counts[version] + taken[version] for version in self.versions}
        return replace(self, counts=counts, late=late, pairs=pairs, spread=self.spread.after(taken, rules.parts))

    def _compared(self, both: Pair, tick: Tick, rules: Rules) -> PairEvidence:
        """The evidence of two versions after a tick. Where less is better, odds are of those without a reward. Means
        are the other version's: those of what was not earned hardly differ, and "no difference" would be said."""
        pair, phi = self.pairs[both], self.spread.factor(rules.overdispersion, *both)
        if rules.parts == 1:
            tick = Tick(tick.at, _good(tick.candidate, rules), _good(tick.stable, rules))
            return pair.after(tick, rules.indifference, phi)
        tick = tick if rules.more_is_better else Tick(tick.at, tick.stable, tick.candidate)
        before = self.counts[both[0]] + self.counts[both[1]]
        return after_rewards(pair, tick, before, rules.indifference, phi, rules.parts)

    @property
    def is_known(self) -> bool:
        """Whether it is known in which bursts rewards come. Nothing is proven before."""
        return self.spread.is_known

    def evidence(self, one: str, other: str, rules: Rules) -> float:
        """That one version is better than the other: an e-value by the noise as it is known now."""
        pair, phi = self.pairs[min(one, other), max(one, other)], self.spread.factor(rules.overdispersion, one, other)
        return pair.first_is_better(phi) if one < other else pair.second_is_better(phi)

    def needed(self, rules: Rules) -> float:
        """Evidence of one against each other at which it has won."""
        return max(1, self.most - 1) / rules.false_winner

    def winner(self, rules: Rules) -> str | None:
        """The version that is proven better than each of the others."""
        if not self.is_known:
            return None
        needed = self.needed(rules)
        return next((version for version in self.versions if self.lead(version, rules) >= needed), None)

    def lead(self, version: str, rules: Rules) -> float:
        """The least of a version's evidence against the others; 0 without others."""
        others = (other for other in self.versions if other != version)
        return min((self.evidence(version, other, rules) for other in others), default=0.0)

    def contenders(self, rules: Rules) -> tuple[str, ...]:
        """Those that nobody is proven to be better than, for all pairs together."""
        if not self.is_known:
            return self.versions
        needed = self.needed(rules) * max(1, self.most)
        return tuple(
            version
            for version in self.versions
            if all(self.evidence(other, version, rules) < needed for other in self.versions if other != version)
        )

    def alike(self, rules: Rules) -> float:
        """Evidence that the contenders do not differ: the least of their pairs. At 1 / BETA that is proven. 0 where
        there are no two, and before the noise is known."""
        if not self.is_known:
            return 0.0
        left, before = set(self.contenders(rules)), rules.overdispersion
        return min(
            (
                pair.no_difference(self.spread.factor(before, *two))
                for two, pair in self.pairs.items()
                if {*two} <= left
            ),
            default=0.0,
        )

    def best(self, rules: Rules) -> str | None:
        """The contender that has earned the most."""
        rated = [version for version in self.contenders(rules) if self.counts[version].trials]
        sign = 1.0 if rules.more_is_better else -1.0
        return max(rated, key=lambda version: sign * self.counts[version].rate, default=None)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {
            "counts": {version: [count.bad, count.trials] for version, count in self.counts.items()},
            "late": dict(self.late),
            "pairs": [[*pair, evidence.to_status()] for pair, evidence in self.pairs.items()],
            "spread": self.spread.to_status(),
            "most": self.most,
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, TypeError or ValueError when it is not that."""
        return cls(
            {str(version): Count.of(*pair) for version, pair in status["counts"].items()},
            {str(version): int(rewards) for version, rewards in status["late"].items()},
            dict(_pairs(status["pairs"])),
            Spread.from_status(status["spread"]),
            int(status["most"]),
        )


def _good(count: Count, rules: Rules) -> Count:
    """What is better to have more of."""
    return count if rules.more_is_better else Count(count.trials - count.bad, count.trials)


def _pairs(status: list[Any]) -> Iterator[tuple[Pair, PairEvidence]]:
    for one, other, evidence in status:
        yield (str(one), str(other)), PairEvidence.from_status(evidence)
