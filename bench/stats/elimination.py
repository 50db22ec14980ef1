"""Which arms are out of the race, by the product's own contest: those that another one is proven to be better than.

Over all ordered pairs, and however often one looks, the chance that any arm is ever dropped for one that is not better
is at most alpha (Ville's inequality and a union bound). Shares that follow the successes do not harm it: each tick is
judged given both arms' requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelrollout.core.evidence.contest import Contest, Rules

RULES = Rules(false_winner=0.05, overdispersion=1.0)  # alpha: that any arm is dropped for one that is not better


@dataclass(frozen=True, slots=True)
class Race:
    """The contest, and the arms that are still in."""

    contest: Contest
    racing: tuple[int, ...]

    @classmethod
    def of(cls, arms: int) -> Race:
        """All of two or more arms, nothing known."""
        return cls(Contest().among(tuple(map(str, range(arms)))), tuple(range(arms)))

    def after(self, trials: Sequence[int], successes: Sequence[int]) -> Race:
        """After a tick's counts of each arm; only arms that are still in are compared."""
        new = {str(arm): (trials[arm], successes[arm]) for arm in self.racing}
        contest = self.contest.after(0.0, new, RULES)
        racing = tuple(map(int, contest.contenders(RULES)))
        return Race(contest.among(tuple(map(str, racing))), racing)
