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
from modelrollout.core.evidence.stakes import Evidence, Stakes
from modelrollout.core.evidence.timeline import Timeline
from modelrollout.core.evidence.waiting import Waiting

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
    versions ever competed at once; ``stakes`` are what each of them may spend of alpha; the ``timeline`` tells when
    they were asked and rewarded, however late rewards are said to come."""

    counts: Mapping[str, Count] = field(default_factory=dict)
    due: Mapping[str, float] = field(default_factory=dict)
    waiting: Mapping[str, Waiting] = field(default_factory=dict)
    pairs: Mapping[Pair, PairEvidence] = field(default_factory=dict)
    spread: Spread = field(default_factory=Spread)
    most: int = 0
    stakes: Stakes = field(default_factory=Stakes)
    timeline: Timeline = field(default_factory=Timeline)

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that compete."""
        return tuple(self.counts)

    def among(self, versions: tuple[str, ...], overdispersion: float | None = None) -> Contest:
        """The same among these versions: others have left, and new ones have everything before them. The
        ``overdispersion`` of the control's past, as in the rules, reads what is left of alpha."""
        if versions == self.versions:
            return self
        rules = Rules(overdispersion=overdispersion)
        back = {version: item.anew() for version, item in self.waiting.items() if version not in self.counts}
        return Contest(
            {version: self.counts.get(version, NOTHING) for version in versions},
            {version: self.due[version] for version in versions if version in self.due},
            {**self.waiting, **{version: item for version, item in back.items() if version in versions}},
            {pair: self.pairs.get(pair) or self._met(pair, rules) for pair in combinations(sorted(versions), 2)},
            self.spread.among(versions),
            max(self.most, len(versions)),
            self.stakes.among(versions, self._evidence(rules), decided=self.is_known),
            self.timeline,
        )

    def anew(self, overdispersion: float | None = None) -> Contest:
        """Another question, put to the same versions, with what the one before had left of alpha."""
        evidence = self._evidence(Rules(overdispersion=overdispersion))
        return Contest(most=self.most, stakes=self.stakes.anew(evidence, decided=self.is_known))

    def asked_closer(self) -> Contest:
        """The same where less than before is no difference."""
        pairs = {two: pair.asked_closer() for two, pair in self.pairs.items()}
        return replace(self, pairs=pairs, stakes=replace(self.stakes, begun=self.stakes.begun + self.is_known))

    def _met(self, both: Pair, rules: Rules) -> PairEvidence:
        """Of two that did not compete with each other before."""
        if not self.counts:
            return PairEvidence()
        evidence = self._evidence(rules)
        one, other = (self.stakes.start(version, evidence) if version in self.counts else 1.0 for version in both)
        return PairEvidence(start=(one, other))

    def _evidence(self, rules: Rules) -> Evidence:
        """What has been spent. Before anything may be proven that is nothing."""

        def of(one: str, other: str) -> float:
            known = self.is_known and (min(one, other), max(one, other)) in self.pairs
            return self.evidence(one, other, rules) if known else 1.0

        return of

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
        earned = {version: (float(requests), came / rules.parts) for version, (requests, came) in new.items()}
        told = replace(self, timeline=self.timeline.after(at, seconds, earned))
        if rules.mean_delay:
            return told._after_late(new, rules, seconds, shares_stay=shares_stay)
        return told._after_at_once(at, new, rules)

    def _after_at_once(self, at: float, new: Mapping[str, tuple[int, int]], rules: Rules) -> Contest:
        """The same where a tick's rewards are taken for those of its requests."""
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

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {
            "counts": {version: [count.bad, count.trials] for version, count in self.counts.items()},
            "due": dict(self.due),
            "waiting": {version: list(astuple(item)) for version, item in self.waiting.items()},
            "pairs": [[*pair, evidence.to_status()] for pair, evidence in self.pairs.items()],
            "spread": self.spread.to_status(),
            "most": self.most,
            "stakes": self.stakes.to_status(),
            "timeline": self.timeline.to_status(),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, TypeError or ValueError when it is not that."""
        waiting, most = status["waiting"].items(), int(status["most"])
        return cls(
            {str(version): Count.of(*pair) for version, pair in status["counts"].items()},
            {str(version): float(requests) for version, requests in status["due"].items()},
            {
                version: Waiting(float(out), float(ripe), int(came), *map(float, rest))
                for version, (out, ripe, came, *rest) in waiting
            },
            dict(_pairs(status["pairs"])),
            Spread.from_status(status["spread"]),
            most,
            Stakes.from_status(status["stakes"]) if "stakes" in status else Stakes.of(status["counts"], most),
            Timeline.from_status(status["timeline"]) if "timeline" in status else Timeline(),
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
