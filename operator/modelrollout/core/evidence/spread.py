"""Spread: in which bursts rewards come, by the whole of the test so far.

For errors, bursts that begin late are what makes healthy releases fail, and ``noise`` looks for where they began. A
test by a reward is long, its rewards are many, and what matters is another thing: people who come ten times are not ten
people. That is the same from the first hour to the last, so the mean of all jumps (``overdispersion``) tells it, and a
mean of many costs nothing where there are none.

It is that of all versions together, each compared with itself from tick to tick, so that it does not matter that some
earn more. The control alone would be slower to tell, and where shares follow the rewards it may never have the requests
to: bursts are people who come again, and these are the same people whoever answers. But a version may have a noise of
its own, and of two the one with fewer requests matters most; so two are divided by what is most of all: what all
show, and what each of them surely shows where it has shown enough.

The mean of few jumps is wrong by a third. Where it is not surely above 1, nothing is taken, or chance alone would make
every test slower; where it is, its error is added (``safely``). Measured on two versions that are alike, 20 % of the
requests rewarded, six at a time, 320 tests an hour long: 3 % name a winner so, 10 % by the mean less its error, and 4 %
by the true number. The best of four versions without bursts is found in 600 s so, and in 580 s by the true number.

Before enough was seen nothing is known, whatever was before the test: bursts may have begun with it. What is known then
divides all evidence from the first tick on (``pairwise``), so the wait costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import fsum, sqrt
from typing import Any, Self

from modelrollout.core.evidence.counts import NOTHING, Count
from modelrollout.core.evidence.overdispersion import ENOUGH_IN_A_PAIR, GUESS, LEAST, MOST, Jump, jump

ENOUGH = 20 * ENOUGH_IN_A_PAIR  # weight of some twenty jumps with many rewards: the mean is right to a third
MANY = 200  # jumps, after which those who (nearly) never earn, or always, will not tell more
SURE = 3.0  # how quickly what is surely above 1 is taken in full


@dataclass(frozen=True, slots=True)
class Jumps:
    """``sizes`` and ``weight`` sum up jumps; ``last`` is what the version answered in its last tick."""

    sizes: float = 0.0
    weight: float = 0.0
    last: Count = NOTHING

    @property
    def is_enough(self) -> bool:
        """Whether their mean can be relied on."""
        return self.weight >= ENOUGH

    @property
    def surely(self) -> float:
        """Their mean less its standard error: jumps of independent answers have variance 2."""
        return self.sizes / self.weight * (1.0 - sqrt(2.0 * ENOUGH_IN_A_PAIR / self.weight))

    @property
    def safely(self) -> float:
        """Their mean and its standard error, where they are surely no jumps of independent answers, whose mean is 1."""
        return min(2.0 * self.sizes / self.weight - self.surely, LEAST + SURE * (self.surely - LEAST))

    def plus(self, *seen: Jump) -> Jumps:
        """With these jumps."""
        sizes, weight = fsum(one.size * one.weight for one in seen), fsum(one.weight for one in seen)
        return replace(self, sizes=self.sizes + sizes, weight=self.weight + weight)


@dataclass(frozen=True, slots=True)
class Spread:
    """The jumps of ``every`` version that ever competed, how many there were (``looks``), whatever they weigh, and
    those of each that does now (``own``)."""

    every: Jumps = Jumps()
    looks: int = 0
    own: Mapping[str, Jumps] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether anything may be proven yet. If rewards come in bursts of six, half of all tests would name a wrong
        winner while a guess stands, or a past without bursts."""
        return self.every.is_enough or self.looks >= MANY

    def factor(self, before: float | None, *versions: str) -> float:
        """By what evidence about these versions is divided; ``before`` is the overdispersion of the time before the
        test, which counts where it is more, None: not known. A guess gives way to what is seen, until that is enough.
        """
        if not self.every.is_enough:
            base, part = GUESS if before is None else before, self.every.weight / ENOUGH
            mean = self.every.sizes / self.every.weight if part else base
            return min(MOST, max(base, base + part * (mean - base)))
        shown = [self.own.get(version, Jumps()) for version in versions]
        sure = [jumps.surely for jumps in shown if jumps.is_enough]
        return min(MOST, max(LEAST if before is None else before, self.every.safely, *sure))

    def after(self, new: Mapping[str, Count], parts: int = 1) -> Spread:
        """After one tick of these versions, in ``parts`` of a reward. Who had no requests tells nothing."""
        asked = {version: count for version, count in new.items() if count.trials}
        own = {version: self.own.get(version, Jumps()) for version in asked}
        seen = {version: jump(own[version].last, count, parts) for version, count in asked.items()}
        told = {version: replace(own[version].plus(seen[version]), last=count) for version, count in asked.items()}
        looks = sum(version in self.own for version in asked)
        return Spread(self.every.plus(*seen.values()), self.looks + looks, {**self.own, **told})

    def among(self, versions: Collection[str]) -> Spread:
        """The same where only these versions compete. What others have shown is still true of all together."""
        return replace(self, own={version: jumps for version, jumps in self.own.items() if version in versions})

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        own = {
            version: [jumps.sizes, jumps.weight, jumps.last.bad, jumps.last.trials]
            for version, jumps in self.own.items()
        }
        return {"every": [self.every.sizes, self.every.weight], "looks": self.looks, "own": own}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises KeyError, TypeError or ValueError when it is not that."""
        sizes, weight = map(float, status["every"])
        return cls(Jumps(sizes, weight), int(status["looks"]), dict(_own(status["own"])))


def _own(status: Mapping[str, Any]) -> Iterator[tuple[str, Jumps]]:
    for version, (sizes, weight, bad, trials) in status.items():
        yield str(version), Jumps(float(sizes), float(weight), Count.of(bad, trials))
