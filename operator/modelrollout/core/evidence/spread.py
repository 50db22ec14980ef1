"""Spread: in which bursts the control's rewards come, by the whole of the test so far.

For errors, bursts that begin late are what makes healthy releases fail, and ``noise`` looks for where they began. A
test by a reward is long, its rewards are many, and what matters is another thing: people who come ten times are not ten
people. That is the same from the first hour to the last, so the mean of all jumps (``overdispersion``) tells it, and a
mean of many costs nothing where there are none. It is taken less its standard error, or chance alone would make every
test slower: on the suite ``abn`` the better of four versions is then found as soon as without any measurement, by the
plain mean a tenth later, and by ``noise``, which is for few errors, a quarter.

A tick is divided by what was known before it, so the test stays valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Self

from modelrollout.core.evidence.counts import NOTHING, Count
from modelrollout.core.evidence.overdispersion import ENOUGH_IN_A_PAIR, GUESS, LEAST, MOST, jump

ENOUGH = 20 * ENOUGH_IN_A_PAIR  # weight of some twenty ticks with many rewards: the mean is right to a fourth


@dataclass(frozen=True, slots=True)
class Spread:
    """``sizes`` and ``weight`` sum up the jumps; ``last`` is what the control answered in its last tick."""

    sizes: float = 0.0
    weight: float = 0.0
    last: Count = NOTHING

    def is_enough(self, before: float | None) -> bool:
        """Whether anything may be proven yet. Without a past it may not before enough was seen: if rewards come in
        bursts of six, half of all tests would name a wrong winner while the guess still stands."""
        return before is not None or self.weight >= ENOUGH

    def factor(self, before: float | None) -> float:
        """By what evidence is divided; ``before`` is the overdispersion of the time before the test, None: not known.

        Without a past it is a guess until enough was seen.
        """
        if self.weight < ENOUGH:
            return GUESS if before is None else before
        jumps = self.weight / ENOUGH_IN_A_PAIR
        mean = self.sizes / self.weight * (1.0 - sqrt(2.0 / jumps))  # jumps of independent answers have variance 2
        return min(MOST, max(LEAST if before is None else before, mean))

    def after(self, control: Count, parts: int = 1) -> Spread:
        """After one tick of the control, in ``parts`` of a reward; the same where it had no requests."""
        if not control.trials:
            return self
        seen = jump(self.last, control, parts)
        return Spread(self.sizes + seen.weight * seen.size, self.weight + seen.weight, control)

    def to_status(self) -> list[float]:
        """As plain numbers for JSON, nothing lost."""
        return [self.sizes, self.weight, self.last.bad, self.last.trials]

    @classmethod
    def from_status(cls, status: Sequence[float]) -> Self:
        """From what ``to_status`` gave. Raises ValueError when it is not that."""
        sizes, weight, bad, trials = status
        return cls(float(sizes), float(weight), Count.of(bad, trials))
