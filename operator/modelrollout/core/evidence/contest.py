"""Contest: versions that compete by a reward, as a value that grows tick by tick.

Every two of them are compared (``pairwise``), with bounds for all pairs together: one wins when it is proven better
than each of the others, and the chance that a version is ever named that is not is at most alpha, also where all are
alike (Bonferroni over the versions). Nothing is proven by totals: an early lead of one version at a good hour is none.

A reward is one or none for each request; or where it may be anything up to a largest one, it is counted in ``parts`` of
that, so that whole numbers do for both, and versions are compared by their means (``bounded``).

Rewards may come later than the requests that they are for (``waiting``). Where it is not said how late, a tick's
rewards are those of its requests, and what it brings beyond them is kept for the ticks that follow. That is right while
all versions keep their shares; where shares change, those whose shares rose look worse than they are, so then it must
be said, and rewards are compared with the requests that they are due to (``exposed``). Nothing is taken for proof
of a version of which these are not known well yet (``Waiting.is_settled``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from itertools import combinations
from typing import Any, Self

from modelrollout.core.evidence.bounded import after_rewards
from modelrollout.core.evidence.counts import NOTHING, Count, Tick
from modelrollout.core.evidence.exposed import late_ratios
from modelrollout.core.evidence.pairwise import PairEvidence
from modelrollout.core.evidence.spread import Spread
from modelrollout.core.evidence.waiting import Waiting

BETA = 0.05  # chance that "no difference" is said of versions that differ by more than the indifference

Pair = tuple[str, str]
"""Two versions, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides. ``false_winner`` is alpha; ``indifference`` the part by which odds (means, of bounded rewards) may
    differ and be the same; ``more_is_better``: whether a reward is one; ``overdispersion`` of the control's past, None:
    not known; ``parts`` as which the largest reward is counted, 1: each is one or none. ``mean_delay`` from a request
    to its reward, in seconds; infinite: not known yet."""

    false_winner: float = 0.05
    indifference: float = 0.05
    more_is_better: bool = True
    overdispersion: float | None = None
    parts: int = 1
    mean_delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Contest:
    """All that is known. ``counts`` are requests and, as ``bad``, those that were rewarded, by version, both in parts
    of a reward where it has some; ``due`` the requests that rewards were compared with, where they come late;
    ``waiting`` what no tick has counted yet, also of versions that have left and may come again; ``most`` is how many
    versions ever competed at once."""

    counts: Mapping[str, Count] = field(default_factory=dict)
    due: Mapping[str, float] = field(default_factory=dict)
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
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
        back = {version: item.anew() for version, item in self.waiting.items() if version not in self.counts}
        return Contest(
            {version: self.counts.get(version, NOTHING) for version in versions},
            {version: self.due[version] for version in versions if version in self.due},
            {**self.waiting, **{version: item for version, item in back.items() if version in versions}},
            {pair: self.pairs.get(pair, PairEvidence()) for pair in combinations(sorted(versions), 2)},
            self.spread.among(versions),
            max(self.most, len(versions)),
        )

    def after(
        self,
        at: float,
        new: Mapping[str, tuple[int, int]],
        rules: Rules,
        seconds: float = 0.0,
        *,
        shares_stay: bool = True,
    ) -> Contest:
        """After one tick of so many ``seconds``: requests and (in parts) rewards by version, and the time at which they
        were read. ``shares_stay``: they have for so long that late rewards are of the same ones."""
        if rules.mean_delay:
            return self._after_late(new, rules, seconds, shares_stay=shares_stay)
        taken, waiting = {}, {}
        for version in self.versions:
            requests, rewards = new.get(version, (0, 0))
            came, most = rewards + self._waiting(version).rewards, requests * rules.parts
            taken[version] = Count(min(came, most), most)
            if came > most:
                waiting[version] = Waiting(rewards=came - most)
        pairs = {both: self._compared(both, Tick(at, *(taken[one] for one in both)), rules) for both in self.pairs}
        counts = {version: self.counts[version] + taken[version] for version in self.versions}
        spread = self.spread.after(taken, rules.parts)
        return replace(self, counts=counts, due={}, waiting=waiting, pairs=pairs, spread=spread)

    def _after_late(
        self, new: Mapping[str, tuple[int, int]], rules: Rules, seconds: float, *, shares_stay: bool
    ) -> Contest:
        """The same where rewards come late. Shares that changed lately would make a delay of another kind than was
        thought look like a difference, so nothing is compared then."""
        counts, due, waiting, taken = {}, dict(self.due), self._of_who_left(rules, seconds), {}
        settled = {version for version in self.settled(rules.mean_delay) if not self._waiting(version).ripe}
        settled = settled if shares_stay else set()
        for version in self.versions:
            requests, rewards = new.get(version, (0, 0))
            every = requests * rules.parts
            waiting[version], ripe, came = self._waiting(version).after(requests, rewards, seconds, rules.mean_delay)
            before = self.counts[version]
            earned = before.bad + came  # some of it by requests from before the first tick, so it may be more
            counts[version] = Count(earned, max(earned, before.trials + every))
            due[version] = due.get(version, 0.0) + ripe
            taken[version] = (came / rules.parts, ripe)
        pairs = {
            both: self._compared_late(both, taken, rules) if settled.issuperset(both) else pair
            for both, pair in self.pairs.items()
        }
        shown = {version: _whole(rewards, ripe, rules.parts) for version, (rewards, ripe) in taken.items()}
        spread = self.spread.after(shown, rules.parts)
        return replace(self, counts=counts, due=due, waiting=waiting, pairs=pairs, spread=spread)

    def _compared_late(self, both: Pair, taken: Mapping[str, tuple[float, float]], rules: Rules) -> PairEvidence:
        """The evidence of two versions after a tick's rewards and the requests that these are due to."""
        pair, (one, other) = self.pairs[both], both if rules.more_is_better else reversed(both)
        if not taken[one][1] or not taken[other][1]:
            return pair
        ratios = late_ratios(taken[one], taken[other], rules.indifference)
        return pair.grown(ratios, self.spread.factor(rules.overdispersion, *both))

    def _of_who_left(self, rules: Rules, seconds: float) -> dict[str, Waiting]:
        """What is to come of versions that do not compete any more, until it is nothing."""
        left = {version: item for version, item in self.waiting.items() if version not in self.counts}
        after = {version: item.after(0, 0, seconds, rules.mean_delay)[0] for version, item in left.items()}
        return {version: item for version, item in after.items() if item.out >= 1.0}

    def provable(self, rules: Rules) -> tuple[str, ...]:
        """The versions of which anything may be proven: none before it is known in which bursts rewards come."""
        return self.settled(rules.mean_delay) if self.is_known else ()

    def settled(self, mean_delay: float) -> tuple[str, ...]:
        """The versions of which it is known well enough what their rewards are for: all, where these come at once."""
        return tuple(version for version in self.versions if self._waiting(version).is_settled(mean_delay))

    def _waiting(self, version: str) -> Waiting:
        return self.waiting.get(version, Waiting())

    @property
    def not_begun(self) -> tuple[str, ...]:
        """The versions of which nothing waits yet, since no tick had them: what was asked before is to be told."""
        found = ((version, self._waiting(version)) for version in self.versions)
        return tuple(version for version, item in found if not item.seconds and not item.before)

    def asked_before(self, requests: Mapping[str, float]) -> Contest:
        """With requests, by version, that were made before its first tick and whose reward is to come."""
        waiting = {version: Waiting(out=number, before=number) for version, number in requests.items()}
        return replace(self, waiting={**self.waiting, **waiting})

    def once_known(self, seconds: float, mean_delay: float, before: Mapping[str, float]) -> Contest:
        """Once it is known, so many seconds after the first tick, how late rewards come (``Waiting.once_known``);
        ``before`` are the requests, by version, that were out then."""
        waiting = {
            version: item.once_known(seconds, mean_delay, before.get(version, 0.0))
            for version, item in self.waiting.items()
        }
        return replace(self, waiting=waiting)

    def rated(self, version: str, parts: int) -> Count:
        """The rewards of a version and the requests that they are compared with, in ``parts``: those that they are due
        to, where they come late."""
        count = self.counts[version]
        return _whole(count.bad / parts, self.due[version], parts) if version in self.due else count

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
        """Evidence of one against each other at which it has won: where all are alike, each of them could be named."""
        return max(1, self.most) / rules.false_winner

    def winner(self, rules: Rules) -> str | None:
        """The version that is proven better than each of the others."""
        if self.provable(rules) != self.versions:
            return None
        needed = self.needed(rules)
        return next((version for version in self.versions if self.lead(version, rules) >= needed), None)

    def lead(self, version: str, rules: Rules) -> float:
        """The least of a version's evidence against the others; 0 without others."""
        others = (other for other in self.versions if other != version)
        return min((self.evidence(version, other, rules) for other in others), default=0.0)

    def contenders(self, rules: Rules) -> tuple[str, ...]:
        """Those that nobody is proven to be better than, for all pairs together."""
        needed, provable = self.needed(rules) * max(1, self.most - 1), self.provable(rules)
        return tuple(
            version
            for version in self.versions
            if version not in provable
            or all(self.evidence(other, version, rules) < needed for other in provable if other != version)
        )

    def alike(self, rules: Rules) -> float:
        """Evidence that the contenders do not differ: the least of their pairs. At 1 / BETA that is proven. 0 where
        there are no two, and before anything may be proven of all of them."""
        left, before = set(self.contenders(rules)), rules.overdispersion
        if not left.issubset(self.provable(rules)):
            return 0.0
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
        rated = [version for version in self.contenders(rules) if self.rated(version, rules.parts).trials]
        sign = 1.0 if rules.more_is_better else -1.0
        return max(rated, key=lambda version: sign * self.rated(version, rules.parts).rate, default=None)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {
            "counts": {version: [count.bad, count.trials] for version, count in self.counts.items()},
            "due": dict(self.due),
            "waiting": {version: list(astuple(item)) for version, item in self.waiting.items()},
            "pairs": [[*pair, evidence.to_status()] for pair, evidence in self.pairs.items()],
            "spread": self.spread.to_status(),
            "most": self.most,
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, TypeError or ValueError when it is not that."""
        waiting = status["waiting"].items()
        return cls(
            {str(version): Count.of(*pair) for version, pair in status["counts"].items()},
            {str(version): float(requests) for version, requests in status["due"].items()},
            {
                version: Waiting(float(out), float(ripe), int(came), *map(float, rest))
                for version, (out, ripe, came, *rest) in waiting
            },
            dict(_pairs(status["pairs"])),
            Spread.from_status(status["spread"]),
            int(status["most"]),
        )


def _whole(rewards: float, requests: float, parts: int) -> Count:
    """As whole numbers, in parts: chance may bring more rewards than are due."""
    came = round(rewards * parts)
    return Count(came, max(came, round(requests * parts))) if requests else NOTHING


def _good(count: Count, rules: Rules) -> Count:
    """What is better to have more of."""
    return count if rules.more_is_better else Count(count.trials - count.bad, count.trials)


def _pairs(status: list[Any]) -> Iterator[tuple[Pair, PairEvidence]]:
    for one, other, evidence in status:
        yield (str(one), str(other)), PairEvidence.from_status(evidence)
